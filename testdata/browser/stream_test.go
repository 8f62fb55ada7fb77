package browser_test

import (
	"context"
	_ "embed"
	"fmt"
	"testing"
)

//go:embed stream.js
var streamScript string

func TestStreams_GoOnWhileProjectsComeAndGo(t *testing.T) {
	const name, address = "browser-stream", base + "/browser-stream/"
	run(t, appImage, name)
	awaitCode(t, address, "")
	tab := newTab(t)
	seen := watch(t, tab)
	visit(t, tab, address)
	eval[bool](t, tab, streamScript+"true")
	awaitPage(t, tab, "the WebSocket to open", "stream.open()")
	goesOn(t, tab, "at first")
	// The proxy joins the network of this project and leaves it again under the open streams.
	add(t, "a-browser-other", "/browser-other")
	goesOn(t, tab, "after a project came")
	must(t, "rm", "a-browser-other", "--yes")
	goesOn(t, tab, "after it went")
	if !eval[bool](t, tab, "stream.events.every((n, i) => n === i)") {
		t.Errorf("events were lost or repeated: %v", eval[[]int](t, tab, "stream.events"))
	}
	seen.clean(t, "/browser-stream/")
}

// goesOn fails the test unless the WebSocket echoes and new events arrive, on the connections of the beginning.
func goesOn(t *testing.T, tab context.Context, when string) {
	t.Helper()
	before := eval[int](t, tab, fmt.Sprintf("stream.say(%q), stream.events.length", when))
	awaitPage(t, tab, "the streams to go on "+when,
		fmt.Sprintf("stream.faults.length || (stream.echoes.includes(%q) && stream.events.length >= %d)", when, before+2))
	for _, fault := range eval[[]string](t, tab, "stream.faults") {
		t.Fatalf("%s: %s", when, fault)
	}
}
