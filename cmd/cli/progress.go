package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"gateway/projects/compose"
	"gateway/proxy/printable"
	"gateway/tui"
)

// Progress shows the steps of an operation: on a terminal as lines that change in place, elsewhere as one line per
// step that is done.
type Progress struct {
	out io.Writer
	// width is that of the terminal, 0 when there is none.
	width int
	lines []progressLine
	// drawn is how many lines above the cursor belong to it.
	drawn int
	now   func() time.Time
}

type progressLine struct {
	event compose.Event
	since time.Time
}

// NewProgress shows progress on Err.
func NewProgress(env *Env) *Progress {
	p := &Progress{out: env.Err, now: time.Now}
	if f, ok := env.Err.(*os.File); ok && isTerminal(f) {
		if p.width, _, _ = term.GetSize(int(f.Fd())); p.width < 20 {
			p.width = 80
		}
	}
	return p
}

// Emit takes one step. It is not safe for concurrent use.
func (p *Progress) Emit(e compose.Event) {
	e.ID, e.Text, e.Details = printable.Line(e.ID), printable.Line(e.Text), printable.Line(strings.TrimRight(e.Details, "\r\n"))
	if p.width == 0 {
		if e.Status == compose.Wrote {
			fmt.Fprintln(p.out, e.Details)
		} else if e.Status != compose.Working {
			fmt.Fprintln(p.out, strings.TrimSpace(fmt.Sprintf("%s: %s %s", e.ID, strings.ToLower(e.Text), e.Details)))
		}
		return
	}
	for i := range p.lines {
		if p.lines[i].event.ID == e.ID {
			p.lines[i].event = e
			p.draw()
			return
		}
	}
	p.lines = append(p.lines, progressLine{e, p.now()})
	p.draw()
}

// Tick redraws, so that what takes long is seen to be alive.
func (p *Progress) Tick() {
	if p.width > 0 && len(p.lines) > 0 {
		p.draw()
	}
}

// End leaves the lines as they are: what comes next is written below them.
func (p *Progress) End() { p.lines, p.drawn = nil, 0 }

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

func (p *Progress) draw() {
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.drawn)
	}
	for _, line := range p.lines {
		b.WriteString("\r\x1b[K" + p.text(line) + "\n")
	}
	p.drawn = len(p.lines)
	_, _ = io.WriteString(p.out, b.String())
}

// text is one line, never wider than the terminal: a line that wraps could not be drawn over.
func (p *Progress) text(line progressLine) string {
	mark := '✔'
	text := line.event.ID + " " + strings.ToLower(line.event.Text)
	switch line.event.Status {
	case compose.Working:
		since := p.now().Sub(line.since)
		mark = spinner[int(since/(100*time.Millisecond))%len(spinner)]
		if since >= time.Second {
			text += fmt.Sprintf(" %ds", int(since/time.Second))
		}
	case compose.Warning:
		mark = '!'
	case compose.Failed:
		mark = '✘'
	}
	if line.event.Details != "" {
		text += ": " + line.event.Details
	}
	return tui.Clip(string(mark)+" "+text, p.width-1, 1)[0]
}
