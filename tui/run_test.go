package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"

	"gateway/proxy/admin"
)

func noonClock() time.Time { return noon }

// flaky is a gateway that is away every second time, and slow.
type flaky struct {
	asked, open, most int
}

func (f *flaky) Status(ctx context.Context) (admin.Status, error) {
	f.asked++
	f.open++
	defer func() { f.open-- }()
	f.most = max(f.most, f.open)
	select {
	case <-ctx.Done():
		return admin.Status{}, ctx.Err()
	case <-time.After(1500 * time.Millisecond):
	}
	if f.asked%2 == 0 {
		return admin.Status{}, errors.New("away")
	}
	return testStatus(), nil
}

func (f *flaky) Routes(context.Context) (admin.Routes, error) { return testRoutes(), nil }

func (f *flaky) Requests(context.Context, string) ([]admin.Request, error) {
	return testRequests(), nil
}

func TestRun_AsksAgainAndAgainUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 21*time.Second)
		defer cancel()
		input, keyboard := io.Pipe()
		defer keyboard.Close()
		source := &flaky{}
		var out bytes.Buffer
		err := Run(ctx, source, Options{Input: input, Output: &out})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run says %v, want the context's error", err)
		}
		if source.asked < 8 || source.most != 1 {
			t.Errorf("asked %d times in 21 seconds, %d at a time; want 8 or more, one by one", source.asked, source.most)
		}
	})
}

func TestRun_EndsWellWhenTheUserLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input, keyboard := io.Pipe()
		defer keyboard.Close()
		go func() { _, _ = keyboard.Write([]byte("q")) }()
		var out bytes.Buffer
		if err := Run(t.Context(), &flaky{}, Options{Input: input, Output: &out}); err != nil {
			t.Errorf("Run says %v", err)
		}
	})
}

func TestRun_WaitsForWhatItInterrupts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input, keyboard := io.Pipe()
		defer keyboard.Close()
		begun, ended := make(chan struct{}), false
		go func() {
			<-time.After(2 * time.Second) // until the first answer is there
			_, _ = keyboard.Write([]byte("py"))
			<-begun
			_, _ = keyboard.Write([]byte("qq"))
		}()
		pause := func(ctx context.Context, _ admin.Route) error {
			close(begun)
			<-ctx.Done()
			<-time.After(time.Second)
			ended = true
			return ctx.Err()
		}
		var out bytes.Buffer
		if err := Run(t.Context(), &flaky{}, Options{Input: input, Output: &out, Actions: Actions{Pause: pause}}); err != nil {
			t.Errorf("Run says %v", err)
		}
		if !ended {
			t.Error("Run returned while the action was under way")
		}
	})
}

// shelled is a program that gives its terminal to a command and ends with it.
type shelled struct {
	command *exec.Cmd
	told    *doneMsg
}

func (s shelled) Init() tea.Cmd {
	return func() tea.Msg { return runShell(s.command, "ended", noonClock) }
}

func (s shelled) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if told, is := msg.(doneMsg); is {
		*s.told = told
		return s, tea.Quit
	}
	return s, nil
}

func (s shelled) View() tea.View { return tea.NewView("") }

func TestRunShell_TellsWhyItFailed(t *testing.T) {
	for script, want := range map[string]string{
		"echo hello": "",
		"echo 'gateway: the image has no shell' >&2; exit 1": "the image has no shell",
		"exit 3": "exit status 3",
	} {
		var out bytes.Buffer
		s := shelled{exec.CommandContext(t.Context(), "sh", "-c", script), &doneMsg{}}
		if _, err := tea.NewProgram(s, tea.WithInput(nil), tea.WithOutput(&out), tea.WithContext(t.Context())).Run(); err != nil {
			t.Fatal(err)
		}
		got := ""
		if s.told.err != nil {
			got = s.told.err.Error()
		}
		if got != want || s.told.done != "ended" {
			t.Errorf("%s: it says %q and %q, want %q", script, s.told.done, got, want)
		}
		if want == "" && !strings.Contains(out.String(), "hello") {
			t.Errorf("the command's output did not reach the terminal: %q", out.String())
		}
	}
}
