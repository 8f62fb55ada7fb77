package tui

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"gateway/proxy/admin"
)

// Actions are what keys do with a route beyond showing it. One that is nil is not available. Their errors are shown in
// the last lines of the screen; they write to no terminal themselves. All of them end when their context does.
type Actions struct {
	// Allowed says why the project of a route can be neither restarted, stopped nor started here, and what to do instead;
	// nil when it can. It is called before the user is asked; nil allows all.
	Allowed func(ctx context.Context, r admin.Route) error
	// Restart, Stop and Start act on all containers of a route's project and return when that is done.
	Restart, Stop, Start func(ctx context.Context, r admin.Route) error
	// Pause holds the requests to a route, each for admin.DefaultWait at most, and Resume lets them go on.
	Pause, Resume func(ctx context.Context, r admin.Route) error
	// Logs calls emit with the last lines that a route's project wrote, and with those that come until ctx ends.
	Logs func(ctx context.Context, r admin.Route, emit func(line string)) error
	// Shell is a command that runs a shell in a container, on the terminal that it gets as its stdin and stdout. When it
	// fails its stderr says why.
	Shell func(ctx context.Context, container string) *exec.Cmd
}

// job is what a key asks for.
type job struct {
	// question says what will happen, and yes is the word for it beside the key that confirms.
	question, yes string
	// doing and done say that it is under way, and that it was done.
	doing, done string
	do          func(context.Context, admin.Route) error
	// shell is the container in which a shell is run, in place of do.
	shell string
	// whole jobs act on a project, which need not be one that can be changed here.
	whole bool
}

// task is a job that is under way.
type task struct {
	doing string
	since time.Time
	// warned says that the user was told what quitting would interrupt.
	warned bool
}

// The messages about jobs.
type (
	allowedMsg struct {
		asked asked
		err   error
	}
	doneMsg struct {
		at   time.Time
		done string
		err  error
	}
)

// asked is a job that waits for the user's answer, and the route that it is about, whatever the list says by then.
type asked struct {
	job
	route admin.Route
}

// act begins what a key asks for: with the user's confirmation, or with the reason why it cannot be done.
func (m *model) act(plan func(*model, *admin.Route) (job, error)) tea.Cmd {
	r := m.chosen()
	if r == nil {
		return nil
	}
	if m.task != nil {
		m.say(true, "%s is under way; wait until it is done", m.task.doing)
		return nil
	}
	planned, err := plan(m, r)
	if err != nil {
		m.say(true, "%s", err)
		return nil
	}
	question := asked{planned, *r}
	if !planned.whole || m.actions.Allowed == nil {
		m.asked = &question
		return nil
	}
	m.task = &task{doing: "asking Docker about " + projectName(r), since: m.now}
	allowed := m.actions.Allowed
	return m.begin(func(ctx context.Context) tea.Msg { return allowedMsg{question, allowed(ctx, question.route)} })
}

// allowed asks the user, or says why nothing can be done.
func (m *model) allowed(msg allowedMsg) {
	m.task = nil
	if msg.err != nil {
		m.say(true, "%s", clean(msg.err.Error()))
		return
	}
	m.asked = &msg.asked
}

// reply takes the key that answers the question.
func (m *model) reply(msg tea.KeyPressMsg) tea.Cmd {
	question := *m.asked
	m.asked = nil
	if msg.String() != "y" && msg.String() != "Y" {
		m.say(false, "nothing was done")
		return nil
	}
	if question.shell != "" {
		shell, clock := m.actions.Shell, m.clock
		return m.begin(func(ctx context.Context) tea.Msg { return runShell(shell(ctx, question.shell), question.done, clock) })
	}
	m.task = &task{doing: question.doing, since: m.now}
	clock := m.clock
	return m.begin(func(ctx context.Context) tea.Msg {
		err := question.do(ctx, question.route)
		return doneMsg{clock(), question.done, err}
	})
}

// runShell gives the terminal to a command until it ends.
func runShell(command *exec.Cmd, done string, clock func() time.Time) tea.Msg {
	var complaint bytes.Buffer
	command.Stderr = &complaint
	return tea.ExecProcess(command, func(err error) tea.Msg {
		if text := strings.TrimSpace(complaint.String()); err != nil && text != "" {
			err = errors.New(strings.TrimPrefix(text, "gateway: "))
		}
		return doneMsg{clock(), done, err}
	})()
}

// done says how a job ended, and asks at once what became of the routes.
func (m *model) done(msg doneMsg) tea.Cmd {
	m.now, m.task = msg.at, nil
	if msg.err != nil {
		m.say(true, "%s", clean(msg.err.Error()))
	} else {
		m.say(false, "%s", msg.done)
	}
	return m.poll()
}

// quit leaves the screen. While something is under way it takes a second key press, because quitting interrupts it.
func (m *model) quit() tea.Cmd {
	if m.task == nil || m.task.warned {
		return tea.Quit
	}
	warned := *m.task
	warned.warned = true
	m.task = &warned
	m.say(true, "%s is under way; q again interrupts it and quits", warned.doing)
	return nil
}
