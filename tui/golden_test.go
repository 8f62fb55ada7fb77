package tui

import (
	"bytes"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"

	"gateway/proxy/admin"
)

func TestView_LooksAsRecorded(t *testing.T) {
	for name, scene := range map[string]func(*testing.T) *driver{
		"list":        func(t *testing.T) *driver { return loaded(t, 80, 24) },
		"narrow":      func(t *testing.T) *driver { return loaded(t, 40, 10) },
		"tiny":        func(t *testing.T) *driver { return loaded(t, 12, 3) },
		"wide":        func(t *testing.T) *driver { return loaded(t, 160, 24) },
		"split":       func(t *testing.T) *driver { return beside(t, 120, 40) },
		"split_large": func(t *testing.T) *driver { return beside(t, 200, 50) },
		"first":       func(t *testing.T) *driver { return drive(t, 80, 24) },
		"empty": func(t *testing.T) *driver {
			d := drive(t, 80, 24)
			d.answer(admin.Routes{})
			return d
		},
		"filter":           func(t *testing.T) *driver { return pressed(t, "/", "site") },
		"filter_kept":      func(t *testing.T) *driver { return pressed(t, "/", "site", "enter") },
		"filter_no_match":  func(t *testing.T) *driver { return pressed(t, "/", "nowhere") },
		"sort_rate":        func(t *testing.T) *driver { return pressed(t, ">>>") },
		"sort_expiry":      func(t *testing.T) *driver { return pressed(t, ">>>>>>>") },
		"sort_reversed":    func(t *testing.T) *driver { return pressed(t, "I") },
		"details":          func(t *testing.T) *driver { return details(t, 80, 24) },
		"details_narrow":   func(t *testing.T) *driver { return details(t, 40, 10) },
		"details_wide":     func(t *testing.T) *driver { return details(t, 130, 40) },
		"problems":         func(t *testing.T) *driver { return pressed(t, "!") },
		"help":             func(t *testing.T) *driver { return pressed(t, "?") },
		"help_end":         func(t *testing.T) *driver { return pressed(t, "?", "end") },
		"lost":             lost,
		"never_reached":    neverReached,
		"agent_lost":       agentLost,
		"engine_lost":      engineLost,
		"restored":         restored,
		"details_of_gone":  detailsOfGone,
		"copied":           func(t *testing.T) *driver { return pressed(t, "down", "y") },
		"paused":           func(t *testing.T) *driver { return showing(t, 80, 24) },
		"details_paused":   func(t *testing.T) *driver { return showing(t, 80, 24, "down", "enter") },
		"details_ejected":  func(t *testing.T) *driver { return showing(t, 110, 24, "enter") },
		"open_unavailable": func(t *testing.T) *driver { return pressed(t, "o") },
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, scene(t).screen()) })
	}
}

func pressed(t *testing.T, keys ...string) *driver {
	d := loaded(t, 80, 24)
	d.press(keys...)
	return d
}

// beside has the details of the second route beside the list.
func beside(t *testing.T, width, height int) *driver {
	d := loaded(t, width, height)
	d.press("down")
	d.answer(testRoutes())
	return d
}

func details(t *testing.T, width, height int) *driver {
	d := loaded(t, width, height)
	d.press("down", "enter")
	d.answer(testRoutes())
	return d
}

func lost(t *testing.T) *driver {
	d := loaded(t, 80, 24)
	d.fail(12*time.Second, "dial unix /run/gateway/admin.sock: connect: connection refused")
	return d
}

func neverReached(t *testing.T) *driver {
	d := drive(t, 80, 24)
	d.fail(time.Second, "no gateway is running")
	return d
}

func agentLost(t *testing.T) *driver {
	d := loaded(t, 80, 24)
	d.now = noon.Add(90 * time.Second)
	d.answer(testRoutes())
	return d
}

func engineLost(t *testing.T) *driver {
	d := drive(t, 80, 24)
	status := testStatus()
	docker := &status.Sources[0]
	docker.Connected, docker.Listed = false, noon.Add(-5*time.Minute)
	docker.Error = "dial unix /var/run/docker.sock: connect: no such file or directory"
	d.send(answerMsg{at: noon, status: status, routes: testRoutes()})
	return d
}

func restored(t *testing.T) *driver {
	d := drive(t, 80, 24)
	status := testStatus()
	status.Sources, status.Table.Restored = nil, true
	d.send(answerMsg{at: noon, status: status, routes: testRoutes()})
	return d
}

func detailsOfGone(t *testing.T) *driver {
	d := details(t, 80, 24)
	d.answer(admin.Routes{})
	return d
}

func TestView_ColoursWhatWordsSay(t *testing.T) {
	content := loaded(t, 80, 24).m.View().Content
	golden(t, "list_colour", content+"\n")
}

// What the terminal gets under NO_COLOR is the same text: no word depends on a colour.
func TestView_SaysAllWithoutColour(t *testing.T) {
	d := loaded(t, 80, 24)
	var out bytes.Buffer
	w := colorprofile.Writer{Forward: &out, Profile: colorprofile.ASCII}
	if _, err := w.WriteString(d.m.View().Content); err != nil {
		t.Fatal(err)
	}
	golden(t, "list_no_colour", out.String()+"\n")
}

func TestText_LooksAsRecorded(t *testing.T) {
	golden(t, "text", Text(testRoutes(), noon, false))
	golden(t, "text_colour", Text(testRoutes(), noon, true))
	golden(t, "text_paused", Text(troubledRoutes(), noon, false))
	if got := Text(admin.Routes{}, noon, true); got != "" {
		t.Errorf("an empty table is %q, want nothing", got)
	}
}
