package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"gateway/cmd/cli/clitest"
	"gateway/projects/compose"
)

// A line that wraps could not be drawn over.
func TestProgress_IsNeverWiderThanTheTerminal(t *testing.T) {
	p := &Progress{width: 30}
	text := p.text(progressLine{event: compose.Event{ID: "사진사진사진사진사진사진", Text: "Created", Status: compose.Done}})
	if want := "✔ 사진사진사진사진사진사진 c…"; text != want {
		t.Errorf("it is %q, want %q, which has 29 cells", text, want)
	}
}

func TestProgress_ForeignTextForgesNothing(t *testing.T) {
	for _, width := range []int{0, 200} {
		var out strings.Builder
		p := NewProgress(&Env{Err: &out})
		p.width = width
		p.Emit(compose.Event{ID: "Build", Text: "Wrote", Details: clitest.Hostile, Status: compose.Wrote})
		p.Emit(compose.Event{ID: clitest.Hostile, Text: "Failed", Details: clitest.Hostile, Status: compose.Failed})
		text := strings.NewReplacer("\r\x1b[K", "", "\x1b[1A", "").Replace(out.String())
		if strings.ContainsAny(text, "\x1b\a") || strings.Contains(text, "\nremove") {
			t.Errorf("at width %d it prints %q", width, text)
		}
	}
}

func TestProgress_DrawsInPlaceOnATerminalAndLinesElsewhere(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&Env{Err: &out})
	events := []compose.Event{
		{ID: "Network a_web", Text: "Creating"},
		{ID: "Network a_web", Text: "Created", Status: compose.Done},
		{ID: "Container a-site-1", Text: "Error", Details: "no such image", Status: compose.Failed},
	}
	for _, e := range events {
		p.Emit(e)
	}
	if want := "Network a_web: created\nContainer a-site-1: error no such image\n"; out.String() != want {
		t.Errorf("lines %q, want %q", out.String(), want)
	}
	out.Reset()
	p = &Progress{out: &out, width: 30, now: time.Now}
	for _, e := range events {
		p.Emit(e)
	}
	last := out.String()[strings.LastIndex(out.String(), "\x1b[1A"):]
	if want := "\x1b[1A\r\x1b[K✔ Network a_web created\n\r\x1b[K✘ Container a-site-1 error: …\n"; last != want {
		t.Errorf("drawn %q, want %q", last, want)
	}
}
