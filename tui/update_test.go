package tui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"gateway/proxy/admin"
)

func TestUpdate_KeepsTheSelectedRouteWhenTheOrderChanges(t *testing.T) {
	d := loaded(t, 80, 24)
	d.press("down", "down")
	before := d.m.list.selected
	routes := testRoutes()
	slices.Reverse(routes.Routes)
	d.answer(routes)
	d.press(">>>")
	if got := d.m.list.current().Key; got != before || before != "/git" {
		t.Errorf("selected %s, was %s, want /git all along", got, before)
	}
}

func TestUpdate_SelectsTheNextRouteWhenTheSelectedOneIsGone(t *testing.T) {
	d := loaded(t, 80, 24)
	d.press("down")
	routes := testRoutes()
	routes.Routes = slices.DeleteFunc(routes.Routes, func(r admin.Route) bool { return r.Key == "/blog" })
	d.answer(routes)
	if got := d.m.list.current().Key; got != "/git" {
		t.Errorf("selected %s, want /git, which took its row", got)
	}
	d.answer(admin.Routes{})
	if got := d.m.list.current(); got != nil {
		t.Errorf("selected %s of an empty list", got.Key)
	}
}

func TestUpdate_NeverAsksTwiceAtATime(t *testing.T) {
	d := drive(t, 80, 24)
	asked := 1 // by Init
	d.m.ask = func(string) answerMsg { t.Error("asked outside a command"); return answerMsg{} }
	tick := func() {
		was := d.m.link.polling
		d.now = d.now.Add(time.Second)
		d.send(tickMsg{at: d.now})
		if !was && d.m.link.polling {
			asked++
		}
	}
	for range 5 {
		tick()
	}
	if asked != 1 {
		t.Errorf("asked %d times without an answer, want once", asked)
	}
	if !strings.Contains(d.screen(), "the gateway has not answered for 5 s") {
		t.Errorf("a slow gateway is not told:\n%s", d.screen())
	}
	d.answer(testRoutes())
	tick()
	if asked != 2 {
		t.Errorf("asked %d times after an answer and a second, want twice", asked)
	}
}

func TestUpdate_AsksForRequestsOfTheOpenedRoute(t *testing.T) {
	d := loaded(t, 80, 24)
	var asked []string
	d.m.ask = func(key string) answerMsg {
		asked = append(asked, key)
		return answerMsg{at: d.now, key: key}
	}
	d.press("down", "enter")
	d.command()
	if !slices.Equal(asked, []string{"/blog"}) {
		t.Fatalf("asked for %q, want the requests of /blog at once", asked)
	}
	// An answer to a question from before the details says nothing about the requests, and is followed by another.
	d.send(answerMsg{at: d.now, status: testStatus(), routes: testRoutes()})
	if d.m.detail.asked || d.command == nil {
		t.Error("an answer without requests was taken for one with none")
	}
}

func TestUpdate_TellsThatRequestsAreMissingWithoutLosingTheRest(t *testing.T) {
	d := loaded(t, 80, 24)
	d.press("down", "enter")
	d.send(answerMsg{
		at: d.now, status: testStatus(), routes: testRoutes(), key: "/blog", requestsErr: errors.New("no such route"),
	})
	screen := d.screen()
	if !strings.Contains(screen, "cannot read them: no such route") || strings.Contains(screen, "lost the gateway") {
		t.Errorf("the screen is\n%s", screen)
	}
}

func TestUpdate_RecoversFromALostConnection(t *testing.T) {
	d := loaded(t, 80, 24)
	for range 3 {
		d.fail(4*time.Second, "connection refused")
	}
	if screen := d.screen(); !strings.Contains(screen, "lost the gateway 12 s ago: connection refused; retrying") ||
		!strings.Contains(screen, "/robots") {
		t.Errorf("without a gateway the screen is\n%s", screen)
	}
	d.answer(testRoutes())
	if screen := d.screen(); strings.Contains(screen, "lost") {
		t.Errorf("after the gateway came back the screen is\n%s", screen)
	}
}

// The proxy may run on a machine whose clock is an hour off: as long as reports come, the agent is there.
func TestUpdate_BelievesReportsMoreThanClocks(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, 0, time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			d := drive(t, 80, 24)
			report := func(after, at time.Duration) string {
				d.now = noon.Add(after)
				status := testStatus()
				status.Sources[0].Agent.Reported = noon.Add(at + skew)
				d.send(answerMsg{at: d.now, status: status, routes: testRoutes()})
				return d.screen()
			}
			report(0, 0)
			if screen := report(5*time.Second, 5*time.Second); strings.Contains(screen, "lost the agent") {
				t.Errorf("reports come and the screen is\n%s", screen)
			}
			if screen := report(25*time.Second, 5*time.Second); !strings.Contains(screen, "lost the agent 20 s ago") {
				t.Errorf("reports have ended and the screen is\n%s", screen)
			}
		})
	}
}

func TestUpdate_TypesIntoTheFilter(t *testing.T) {
	d := loaded(t, 80, 24)
	d.press("/", "qsp")
	if d.m.filter.Value() != "qsp" || d.m.pages.top().page != pageList {
		t.Errorf("the filter is %q on page %v, want the keys typed", d.m.filter.Value(), d.m.pages.top().page)
	}
	if c := d.m.View().Cursor; c == nil || c.X != 6 || c.Y != 1 {
		t.Errorf("the cursor is at %+v, want it behind the text", c)
	}
	d.press("esc", "/")
	d.send(tea.PasteMsg{Content: "사진"})
	if got := d.m.list.current(); len(d.m.list.rows) != 1 || got.Project != "photos" {
		t.Errorf("사진 lets %d routes through, selected %v", len(d.m.list.rows), got)
	}
	d.press("enter", "esc")
	if len(d.m.list.rows) != 9 || d.m.filter.Value() != "" {
		t.Error("esc in the list did not clear the filter")
	}
}

func TestUpdate_CopiesAndOpensTheURL(t *testing.T) {
	d := loaded(t, 80, 24)
	d.press("down", "y")
	if got := fmt.Sprint(d.command()); got != "http://localhost:8080/blog/" {
		t.Errorf("copied %q", got)
	}
	var opened string
	d.m.open = func(url string) error {
		opened = url
		return errors.New("there is no display here")
	}
	d.press("enter", "o")
	if !strings.Contains(d.screen(), "opening http://localhost:8080/blog/") {
		t.Errorf("opening is not told:\n%s", d.screen())
	}
	d.send(d.command())
	if opened != "http://localhost:8080/blog/" || !strings.Contains(d.screen(), "there is no display here; y copies it") {
		t.Errorf("opened %q and the screen is\n%s", opened, d.screen())
	}
	d.now = d.now.Add(time.Minute)
	d.send(tickMsg{at: d.now})
	if strings.Contains(d.screen(), "display") {
		t.Error("the notice stayed")
	}
}

func TestUpdate_GoesBackToWhereItCameFrom(t *testing.T) {
	d := loaded(t, 80, 24)
	d.press("enter", "!", "?", "!")
	for _, want := range []page{pageProblems, pageHelp, pageRoute, pageList, pageList} {
		if got := d.m.pages.top().page; got != want {
			t.Fatalf("page %v, want %v", got, want)
		}
		d.press("esc")
	}
}

func TestUpdate_QuitsByKey(t *testing.T) {
	for _, msg := range []tea.KeyPressMsg{{Code: 'q', Text: "q"}, {Code: 'c', Mod: tea.ModCtrl}} {
		d := loaded(t, 80, 24)
		d.send(msg)
		if d.command == nil || d.command() != tea.Quit() {
			t.Errorf("%s does not quit", msg)
		}
	}
	d := loaded(t, 80, 24)
	d.press("/")
	d.send(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})
	if d.command == nil || d.command() != tea.Quit() {
		t.Error("ctrl+c does not quit while a filter is typed")
	}
}

func TestUpdate_LeavesTheModelBeforeItAlone(t *testing.T) {
	d := loaded(t, 80, 24)
	d.press("!")
	old, before := d.m, d.screen()
	d.press("esc", ">>>", "/", "blog", "enter", "enter", "down", "?")
	d.answer(admin.Routes{})
	d.m = old
	if got := d.screen(); got != before {
		t.Errorf("a model of before shows\n%s\nwant\n%s", got, before)
	}
}
