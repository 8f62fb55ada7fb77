package tui

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"gateway/proxy/admin"
)

// acting is a driver of a world where everything can be done and is written down.
type acting struct {
	*driver
	did     []string
	refused error
	fails   error
}

func act(t *testing.T, width, height int) *acting {
	a := &acting{driver: loaded(t, width, height)}
	note := func(what string) func(context.Context, admin.Route) error {
		return func(_ context.Context, r admin.Route) error {
			a.did = append(a.did, what+" "+r.Key)
			return a.fails
		}
	}
	a.m.actions = Actions{
		Allowed: func(context.Context, admin.Route) error { return a.refused },
		Restart: note("restart"), Stop: note("stop"), Start: note("start"), Pause: note("pause"), Resume: note("resume"),
		Logs: func(_ context.Context, r admin.Route, emit func(string)) error {
			emit("web-1 | started for " + r.Key)
			emit("web-1 | \x1b[31mred\x1b[0m")
			return a.fails
		},
		Shell: func(ctx context.Context, container string) *exec.Cmd {
			a.did = append(a.did, "shell in "+container)
			return exec.CommandContext(ctx, "true")
		},
	}
	return a
}

// finish runs what the last key began, and what follows from it, and feeds the screen with the answers.
func (a *acting) finish() {
	a.t.Helper()
	pending := []tea.Cmd{a.command}
	for range 20 {
		if len(pending) == 0 {
			return
		}
		next := pending[0]
		pending = pending[1:]
		if next == nil {
			continue
		}
		switch msg := next().(type) {
		case tea.BatchMsg:
			pending = append(pending, msg...)
		case answerMsg, nil:
		default:
			a.send(msg)
			pending = append(pending, a.command)
		}
	}
	a.t.Fatal("the screen does not come to rest")
}

func (a *acting) shows(want ...string) {
	a.t.Helper()
	screen := strings.Join(strings.Fields(a.screen()), " ")
	for _, text := range want {
		if !strings.Contains(screen, text) {
			a.t.Errorf("%q is missing on the screen:\n%s", text, a.screen())
		}
	}
}

// paused has the second route paused, with two requests that wait.
func (a *acting) paused() {
	routes := testRoutes()
	for i := range routes.Routes {
		if routes.Routes[i].Key == "/blog" {
			routes.Routes[i].Paused = &admin.Pause{Since: noon.Add(-time.Minute), Wait: 30_000, Waiting: 2}
		}
	}
	a.answer(routes)
}

// The keys that change something, with what they ask, what they do then, and what is said at the end.
var changing = []struct {
	name, key, route   string
	paused             bool
	asks, did, ended   string
	refusable, failing bool
}{
	{
		name: "restart", key: "r", route: "/blog", refusable: true, failing: true,
		asks: "Restart project blog? Its containers stop and start again; until then /blog answers with a page that says so.",
		did:  "restart /blog", ended: "project blog is restarted",
	},
	{
		name: "stop", key: "s", route: "/blog", refusable: true, failing: true,
		asks: "Stop project blog? Its containers stop and are kept; /blog answers with a page that says so until it is started.",
		did:  "stop /blog", ended: "project blog is stopped; s starts it again",
	},
	{
		name: "start", key: "s", route: "/old-portfolio-2019", refusable: true, failing: true,
		asks: "Start project portfolio? Its containers start as they were when they stopped.",
		did:  "start /old-portfolio-2019", ended: "project portfolio is started",
	},
	{
		name: "pause", key: "p", route: "/blog", failing: true,
		asks: "Pause /blog? Each request waits up to 30 s for you to resume it, then gets 503. The app runs on.",
		did:  "pause /blog", ended: "/blog is paused; p resumes it",
	},
	{
		name: "resume", key: "p", route: "/blog", paused: true, failing: true,
		asks: "Resume /blog? The requests that wait (2) go on.",
		did:  "resume /blog", ended: "/blog is resumed",
	},
	{
		name: "shell", key: "x", route: "/blog",
		asks: "Open a shell in container blog-wordpress-1?", did: "shell in blog-wordpress-1",
	},
}

// selecting moves the cursor to a route.
func (a *acting) selecting(key string) {
	a.t.Helper()
	for range 20 {
		if a.m.list.current().Key == key {
			return
		}
		a.press("down")
	}
	a.t.Fatalf("no route %s", key)
}

func TestAction_AsksThenActsThenTells(t *testing.T) {
	for _, c := range changing {
		t.Run(c.name, func(t *testing.T) {
			a := act(t, 80, 24)
			if c.paused {
				a.paused()
			}
			a.selecting(c.route)
			a.press(c.key)
			a.finish()
			a.shows(c.asks, "any other key leaves it as it is")
			if len(a.did) > 0 {
				t.Fatalf("did %v before the answer", a.did)
			}
			a.press("y")
			a.finish()
			if !slices.Equal(a.did, []string{c.did}) {
				t.Errorf("did %v, want %s", a.did, c.did)
			}
			if c.ended != "" {
				a.shows(c.ended)
			}
		})
	}
}

func TestAction_LeavesThingsAsTheyAreWithoutAYes(t *testing.T) {
	for _, c := range changing {
		for _, answer := range []string{"esc", "n", "enter", "q"} {
			a := act(t, 200, 50)
			if c.paused {
				a.paused()
			}
			a.selecting(c.route)
			a.press(c.key)
			a.finish()
			a.press(answer)
			if len(a.did) > 0 || a.m.asked != nil {
				t.Errorf("%s answered with %s did %v", c.name, answer, a.did)
			}
			a.shows("nothing was done")
		}
	}
}

func TestAction_SaysWhyAProjectCannotBeChanged(t *testing.T) {
	for _, c := range changing {
		a := act(t, 80, 24)
		a.refused = errors.New("wikijs is a container without a project; work on it with docker: docker stop wikijs")
		if c.paused {
			a.paused()
		}
		a.selecting(c.route)
		a.press(c.key)
		a.finish()
		if asked := a.m.asked != nil; asked == c.refusable {
			t.Errorf("%s asks: %v", c.name, asked)
		}
		if c.refusable {
			a.shows("wikijs is a container without a project; work on it with docker: docker stop wikijs")
		}
	}
}

func TestAction_TellsAFailureAsLongAsItTakesToRead(t *testing.T) {
	for _, c := range changing {
		if !c.failing {
			continue
		}
		a := act(t, 80, 24)
		a.fails = fmt.Errorf("cannot do it: %s", strings.Repeat("the engine has much to say of this, ", 6))
		if c.paused {
			a.paused()
		}
		a.selecting(c.route)
		a.press(c.key)
		a.finish()
		a.press("y")
		a.finish()
		a.now = a.now.Add(10 * time.Second)
		a.send(tickMsg{at: a.now})
		a.shows("cannot do it: the engine has much to say of this, the engine")
		a.press("down")
		if strings.Contains(a.screen(), "cannot do it") {
			t.Errorf("%s: the failure stays when a key is pressed", c.name)
		}
	}
}

func TestAction_SaysWhatIsNotThere(t *testing.T) {
	for key, want := range map[string]string{
		"r": "a restart is not available here", "s": "a stop is not available here", "p": "a pause is not available here",
		"x": "a shell is not available here", "l": "the log is not available here",
	} {
		d := loaded(t, 80, 24)
		d.press(key)
		if !strings.Contains(d.screen(), want) {
			t.Errorf("%s: %q is missing:\n%s", key, want, d.screen())
		}
	}
	a := act(t, 80, 24)
	a.selecting("/old-portfolio-2019")
	a.press("x")
	a.shows("no container of /old-portfolio-2019 runs, so none can have a shell; s starts it, l shows what it wrote")
	a.press("?", "r")
	a.shows("no route is selected; esc goes back to the list")
}

func TestAction_LeavesRoutesOfOtherSourcesAlone(t *testing.T) {
	a := act(t, 120, 24)
	routes := testRoutes()
	for i := range routes.Routes {
		routes.Routes[i].Source = "file"
	}
	a.answer(routes)
	a.selecting("/blog")
	for _, key := range []string{"r", "s", "x", "l"} {
		a.press(key)
		a.shows(`/blog comes from the source "file": it has no container here; p pauses it`)
		a.press("down", "up")
	}
	a.press("p", "y")
	a.finish()
	if !slices.Equal(a.did, []string{"pause /blog"}) {
		t.Errorf("did %q", a.did)
	}
}

func TestAction_OnlyOneAtATime(t *testing.T) {
	a := act(t, 80, 24)
	a.selecting("/blog")
	a.press("p", "y")
	under := a.command
	a.shows("pausing /blog…")
	a.press("p")
	a.shows("pausing /blog is under way; wait until it is done")
	a.press("q")
	a.shows("pausing /blog is under way; q again interrupts it and quits")
	a.send(under())
	a.shows("/blog is paused; p resumes it")
	a.press("q")
	if a.command == nil || a.command() != tea.Quit() {
		t.Error("q does not quit once it is done")
	}
}

func TestAction_QuitsAtTheSecondKeyPress(t *testing.T) {
	a := act(t, 80, 24)
	a.press("p", "y", "q", "q")
	if a.command == nil || a.command() != tea.Quit() {
		t.Error("the second q does not quit")
	}
}

func TestUpdate_SaysWhichKeysThereAre(t *testing.T) {
	for _, keys := range [][]string{{"z"}, {"enter", "z"}, {"?", "z"}, {"!", "z"}, {"l", "z"}} {
		a := act(t, 80, 24)
		a.press(keys...)
		a.shows("z does nothing here; ? for keys")
	}
}

func TestLog_FollowsUntilItIsScrolledAndEndsWithThePage(t *testing.T) {
	a := act(t, 80, 24)
	var ended error
	lines, more := make(chan string), make(chan struct{})
	a.m.actions.Logs = func(ctx context.Context, _ admin.Route, emit func(string)) error {
		for line := range lines {
			emit(line)
		}
		close(more)
		<-ctx.Done()
		ended = ctx.Err()
		return nil
	}
	a.selecting("/blog")
	a.press("l")
	a.shows("gateway › logs of project blog", "waiting for lines…", "following")
	batch, is := a.command().(tea.BatchMsg)
	if !is || len(batch) != 2 {
		t.Fatalf("opening begins %v, want the reading and the first lines", batch)
	}
	done := make(chan struct{})
	go func() { batch[0](); close(done) }()
	for i := range 40 {
		lines <- fmt.Sprintf("line %d", i)
	}
	close(lines)
	<-more
	a.send(batch[1]())
	a.shows("line 39", "following")
	a.press("g")
	a.shows("line 0", "↓ 20 more")
	a.press("G")
	a.shows("line 39", "following")
	if a.press("esc"); a.m.pages.top().page != pageList {
		t.Error("esc does not go back to the list")
	}
	<-done
	if !errors.Is(ended, context.Canceled) {
		t.Errorf("the reading ended with %v, want it cancelled", ended)
	}
	a.send(logMsg{from: &feed{}, lines: []string{"late"}})
	if len(a.m.log.lines) > 0 {
		t.Error("lines of a log that is closed are kept")
	}
}

func TestLog_SaysWhyItEnded(t *testing.T) {
	for _, err := range []error{nil, errors.New("project blog has no containers")} {
		a := act(t, 80, 24)
		a.fails = err
		a.press("l")
		a.finish()
		a.shows("web-1 | started for /", "ended; l reads it again")
		if err != nil {
			a.shows("cannot read the log: project blog has no containers")
		}
		if strings.Contains(a.m.View().Content, "\x1b[31mred") {
			t.Error("the app's colours reach the terminal")
		}
		a.press("l")
		a.finish()
		if n := strings.Count(a.screen(), "started for /"); n != 1 {
			t.Errorf("read again it shows the first line %d times", n)
		}
	}
}

func TestLog_KeepsTheLastLines(t *testing.T) {
	a := act(t, 80, 24)
	a.press("l")
	from := a.m.log.feed
	for batch := range 2 * maxLogLines / logBatch {
		msg := logMsg{from: from}
		for i := range logBatch {
			msg.lines = append(msg.lines, fmt.Sprintf("line %d", batch*logBatch+i))
		}
		a.send(msg)
	}
	if n := len(a.m.log.lines); n > maxLogLines+logBatch {
		t.Errorf("%d lines are kept", n)
	}
	a.shows(fmt.Sprintf("line %d", 2*maxLogLines-1))
}

func TestSplit_FollowsTheCursor(t *testing.T) {
	a := act(t, 120, 40)
	var asked []string
	a.m.ask = func(key string) answerMsg {
		asked = append(asked, key)
		return answerMsg{at: a.now, status: testStatus(), routes: testRoutes(), key: key, requests: testRequests()}
	}
	a.answer(testRoutes())
	a.press("down")
	a.send(a.command())
	if !slices.Equal(asked, []string{"/blog"}) || !a.m.detail.asked {
		t.Errorf("asked for the requests of %q, want those of /blog", asked)
	}
	a.shows("http://localhost:8080/blog/", "502 at 11:59:57: POST /blog/wp-comments-")
	a.press("enter")
	a.shows("gateway › /blog", "http://localhost:8080/blog/")
	a.press("esc", "down")
	a.shows("http://localhost:8080/git/")
	a.send(tea.WindowSizeMsg{Width: 100, Height: 40})
	if a.m.detail.key != "" || strings.Contains(a.screen(), "│") {
		t.Errorf("a narrow screen still has the details of %q:\n%s", a.m.detail.key, a.screen())
	}
}
