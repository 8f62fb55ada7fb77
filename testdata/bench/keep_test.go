package main

import (
	"errors"
	"strings"
	"testing"

	"gateway/testdata/bench/peer"
)

// measured is a result of two proxies.
func measured(s scenario, nginx, gateway float64) result {
	s.unit, s.scale = "CPU us", 1
	return result{scenario: s, peers: []string{"nginx", "gateway"}, samples: map[string][]sample{
		"nginx": {{value: nginx, requests: 1}}, "gateway": {{value: gateway, requests: 1}},
	}}
}

func written(results ...result) string {
	text := "# What\n\n- a note\n\n## Summary\n\n" + summary(results, peer.All()[:2]) + inFull
	for _, r := range results {
		text += r.table()
	}
	return text
}

var one, two, own = scenario{name: "one", title: "first"}, scenario{name: "two", title: "second"},
	scenario{name: "own", title: "third", peers: peer.All()[:1], base: "nginx"}

func stamp(s scenario) string { return "Again: " + s.name + ".\n" }

func TestUpdate_ReplacesWhatWasMeasuredAgain(t *testing.T) {
	old := written(measured(one, 1, 2), measured(two, 3, 4), measured(own, 5, 6))
	for _, s := range []scenario{one, two, own} {
		text, err := update(old, []result{measured(s, 8, 16)}, stamp)
		if err != nil {
			t.Fatal(err)
		}
		// But for the stamp it is what a whole run would have written.
		all := []result{measured(one, 1, 2), measured(two, 3, 4), measured(own, 5, 6)}
		for i := range all {
			if all[i].scenario.name == s.name {
				all[i] = measured(s, 8, 16)
			}
		}
		if got := strings.Replace(text, "\n"+stamp(s), "", 1); got != written(all...) {
			t.Errorf("after %s:\n%s", s.name, text)
		}
		again, err := update(text, []result{measured(s, 8, 16)}, stamp)
		if err != nil || again != text {
			t.Errorf("a second time: %v\n%s", err, again)
		}
	}
}

func TestUpdate_AddsWhatIsNew(t *testing.T) {
	text := written(measured(one, 1, 2))
	var err error
	for _, s := range []scenario{own, two} {
		if text, err = update(text, []result{measured(s, 8, 16)}, stamp); err != nil {
			t.Fatal(err)
		}
		text = strings.Replace(text, "\n"+stamp(s), "", 1)
	}
	want := written(measured(one, 1, 2), measured(own, 8, 16), measured(two, 8, 16))
	if text != want {
		t.Errorf("it became\n%s\nwant\n%s", text, want)
	}
}

func TestUpdate_LeavesWhatFailed(t *testing.T) {
	old, failed := written(measured(one, 1, 2), measured(two, 3, 4)), measured(one, 8, 16)
	failed.failures = []error{errors.New("no")}
	if text, err := update(old, []result{failed}, stamp); err != nil || text != old {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestUpdate_RefusesWhatHoldsNoResults(t *testing.T) {
	for _, old := range []string{"", "# Notes\n", "| | nginx |\n", inFull} {
		if text, err := update(old, []result{measured(one, 1, 2)}, stamp); err == nil {
			t.Errorf("%q became %q", old, text)
		}
	}
}

func TestWakeSection_IsWhatWakeMeasured(t *testing.T) {
	const wake = "\n### wake: a request\n\n| a |\n"
	for old, want := range map[string]string{
		"# Results\n": "",
		"# Results\n\n### swap: x\n\n| b |\n" + wake: wake,
		"# Results\n" + wake + "\n### swap: x\n":     wake,
	} {
		if got := wakeSection(old); got != want {
			t.Errorf("of %q: %q", old, got)
		}
	}
}
