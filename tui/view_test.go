package tui

import (
	"fmt"
	"strings"
	"testing"

	"gateway/proxy/admin"
)

func TestView_FitsEveryTerminal(t *testing.T) {
	scenes := map[string][]string{
		"list": nil, "details": {"enter"}, "problems": {"!"}, "help": {"?"}, "filter": {"/", "o"}, "none": {"/", "zz"},
		"notice": {"y"},
	}
	for name, keys := range scenes {
		t.Run(name, func(t *testing.T) {
			for width := 1; width <= 130; width += 7 {
				for _, height := range []int{1, 2, 3, 5, 10, 16, 24} {
					d := loaded(t, width, height)
					d.press(keys...)
					d.press("end")
					d.fail(1e9, "dial unix /run/gateway/admin.sock: connect: connection refused")
					d.screen()
				}
			}
		})
	}
}

func TestView_KeepsStateAndRouteInANarrowTerminal(t *testing.T) {
	for width := 24; width < 80; width++ {
		screen := loaded(t, width, 12).screen()
		if !strings.Contains(screen, "▲ unhealthy") || !strings.Contains(screen, "/blog") {
			t.Errorf("at %d columns the screen is\n%s", width, screen)
		}
	}
}

// What names, labels and paths hold is shown, never obeyed.
func TestView_LetsNoEscapeSequenceThrough(t *testing.T) {
	const evil = "\x1b]0;owned\x07\x1b[2Jname\r\n\u202e\u009b31m"
	r := testRoute("/x", evil, evil, "ready", seen{1, 1, 1})
	r.Owner, r.Targets[0].Name, r.Targets[0].Reason = evil, evil, evil
	problem := admin.Problem{Subject: evil, Project: evil, Route: "/x", Message: evil, Fix: evil}
	routes := admin.Routes{Routes: []admin.Route{r}, Problems: []admin.Problem{problem}}
	check := func(where, content string) {
		t.Helper()
		for _, bad := range []string{"\x1b]", "\x1b[2J", "\r", "\a", "\u202e", "\u009b"} {
			if strings.Contains(content, bad) {
				t.Errorf("%s has %q:\n%q", where, bad, content)
			}
		}
	}
	d := drive(t, 160, 40)
	d.answer(routes)
	check("the list", d.m.View().Content)
	d.press("enter")
	d.send(answerMsg{
		at: noon, status: testStatus(), routes: routes, key: "/x",
		requests: []admin.Request{{Method: evil, Path: evil, Target: evil}},
	})
	check("the details", d.m.View().Content)
	d.press("!")
	check("the problems", d.m.View().Content)
	check("the text", Text(routes, noon, true))
	d.fail(0, evil)
	check("the banner", d.m.View().Content)
}

func manyRoutes(n int) admin.Routes {
	var routes admin.Routes
	for i := range n {
		routes.Routes = append(routes.Routes, testRoute(fmt.Sprintf("/project-%04d", i), "p", "web", "ready", seen{float64(i), 1, 2}))
	}
	return routes
}

func TestView_ScrollsThroughManyRoutes(t *testing.T) {
	d := drive(t, 80, 24)
	d.answer(manyRoutes(1000))
	if screen := d.screen(); !strings.Contains(screen, "/project-0018") || !strings.Contains(screen, "↓ 981 more") {
		t.Errorf("the first screen is\n%s", screen)
	}
	d.press("end")
	if screen := d.screen(); !strings.Contains(screen, "▌ /project-0999") || strings.Contains(screen, "more") {
		t.Errorf("the last screen is\n%s", screen)
	}
	d.press("g", "pgdown")
	if screen := d.screen(); !strings.Contains(screen, "▌ /project-0019") {
		t.Errorf("the second screen is\n%s", screen)
	}
	d.answer(manyRoutes(3))
	if screen := d.screen(); !strings.Contains(screen, "/project-0000") {
		t.Errorf("with 3 routes left the screen is\n%s", screen)
	}
}

func BenchmarkView_Of1000Routes(b *testing.B) {
	m := newModel(nil, nil, nil, Options{Now: noonClock})
	m.width, m.height = 160, 50
	for b.Loop() {
		m.answer(answerMsg{at: noon, status: testStatus(), routes: manyRoutes(1000)})
		m.settle()
		_ = m.View().Content
	}
}
