package docker

import (
	"fmt"
	"strings"
	"testing"

	"gateway/proxy/label"
)

func TestObservation_MakesASmallTableOfLargeLabels(t *testing.T) {
	mega := strings.Repeat("\x1b", 1<<20)
	labels := map[string]string{composeProject: mega, composeService: mega}
	for i := range 70 {
		labels[fmt.Sprintf("gateway.routes.r%d.path", i)] = mega
		labels[fmt.Sprintf("gateway.routes.s%d.path", i)] = fmt.Sprintf("/s%d", i)
	}
	wire, err := newObservation(world(box(labels, "x")), false).table(nil).MarshalJSON()
	if err != nil || len(wire) > 100<<10 {
		t.Errorf("the table has %d bytes, %v", len(wire), err)
	}
	if strings.Contains(string(wire), `\u001b`) {
		t.Error("the table has control characters")
	}
}

func TestObservation_BoundsTheProblemsOfOneContainer(t *testing.T) {
	labels := map[string]string{}
	for i := range 60 {
		labels[fmt.Sprintf("gateway.routes.r%d.path", i)] = fmt.Sprintf("/r%d", i)
	}
	o := newObservation(world(box(labels, "x", "y")), false)
	if len(o.problems) != label.MaxProblems || len(o.found) != 0 {
		t.Fatalf("got %d problems, %d routes", len(o.problems), len(o.found))
	}
	if last := o.problems[label.MaxProblems-1]; !strings.Contains(last.Message, "42 more") || last.Subject != "app" {
		t.Errorf("got %+v", last)
	}
}

func TestComposed_TakesNoLabelThatComposeDidNotWrite(t *testing.T) {
	for value, want := range map[string]string{
		"blog": "blog", "": "", "a\x1b": "", "a\xff": "", strings.Repeat("x", maxComposed+1): "",
	} {
		c := box(map[string]string{composeProject: value}, "x")
		if got := projectOf(&c); got != want {
			t.Errorf("%q: got %q", value, got)
		}
	}
}
