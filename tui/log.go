package tui

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"gateway/proxy/admin"
)

// maxLogLines bounds what is kept of a log; older lines go first.
const maxLogLines = 5000

// logBatch is how many lines are drawn at once when many come.
const logBatch = 500

// logPage is the log that pageLog shows.
type logPage struct {
	title string
	route admin.Route
	feed  *feed
	// lines are as they were written, and shown the same broken to width cells.
	lines, shown []string
	width        int
	// follow keeps the end in sight; ended reports that no more lines come.
	follow, ended bool
}

// feed carries the lines of one log to the screen.
type feed struct {
	lines chan string
	// err is why the log ended; it is set before lines is closed.
	err  error
	stop context.CancelFunc
}

// logMsg are the next lines of a feed.
type logMsg struct {
	from  *feed
	lines []string
	ended bool
}

// openLog shows the log of the selected route's project from its last lines on.
func (m *model) openLog() tea.Cmd {
	r := m.chosen()
	if r == nil {
		return nil
	}
	if m.actions.Logs == nil {
		m.say(true, "%s", unavailableError("the log"))
		return nil
	}
	if err := elsewhere(r); err != nil {
		m.say(true, "%s", err)
		return nil
	}
	m.closeLog()
	route, logs, from := *r, m.actions.Logs, &feed{lines: make(chan string, logBatch)}
	ctx, stop := context.WithCancel(context.Background())
	from.stop = stop
	m.log = logPage{title: "logs of " + projectName(r), route: route, feed: from, follow: true}
	m.pages.show(pageLog)
	read := m.begin(func(live context.Context) tea.Msg {
		defer context.AfterFunc(live, stop)()
		defer stop()
		from.err = logs(ctx, route, func(line string) {
			select {
			case from.lines <- line:
			case <-ctx.Done():
			}
		})
		close(from.lines)
		return nil
	})
	return tea.Batch(read, from.next)
}

// next waits for lines and takes those that are there.
func (f *feed) next() tea.Msg {
	line, more := <-f.lines
	msg := logMsg{from: f, ended: !more}
	for more && len(msg.lines) < logBatch {
		msg.lines = append(msg.lines, line)
		select {
		case line, more = <-f.lines:
			msg.ended = !more
		default:
			return msg
		}
	}
	if more {
		msg.lines = append(msg.lines, line)
	}
	return msg
}

// closeLog ends the reading of the log that was shown.
func (m *model) closeLog() {
	if m.log.feed != nil {
		m.log.feed.stop()
	}
	m.log = logPage{}
}

// logged takes the next lines of the log that is shown; those of another come too late.
func (m *model) logged(msg logMsg) tea.Cmd {
	if msg.from != m.log.feed {
		return nil
	}
	for _, line := range msg.lines {
		m.log.add(line)
	}
	m.trimLog()
	if !msg.ended {
		return msg.from.next
	}
	m.log.ended = true
	if err := msg.from.err; err != nil {
		m.log.add("cannot read the log: " + err.Error())
	}
	return nil
}

// add takes one line in.
func (l *logPage) add(line string) {
	line = clean(line)
	l.lines = append(l.lines, line)
	if l.width > 0 {
		l.shown = append(l.shown, wrapLog(line, l.width)...)
	}
}

// trimLog drops the oldest lines of a log that is too long.
func (m *model) trimLog() {
	l := &m.log
	if len(l.lines) <= maxLogLines+logBatch {
		return
	}
	l.lines = append([]string(nil), l.lines[len(l.lines)-maxLogLines:]...)
	before := len(l.shown)
	l.wrap(l.width)
	if top := m.pages.top(); top.page == pageLog {
		top.scroll = max(0, top.scroll-(before-len(l.shown)))
	}
}

// wrap breaks all lines to a width.
func (l *logPage) wrap(width int) {
	l.width, l.shown = width, nil
	for _, line := range l.lines {
		l.shown = append(l.shown, wrapLog(line, width)...)
	}
}

// wrapLog breaks a line to a width; what continues it is indented.
func wrapLog(line string, width int) []string {
	const indent = 2
	if width <= indent || lipgloss.Width(line) <= width {
		return wrap(line, width)
	}
	parts := wrap(line, width-indent)
	for i := range parts[1:] {
		parts[i+1] = strings.Repeat(" ", indent) + parts[i+1]
	}
	return parts
}

// settle fits the log to the screen, and keeps its end in sight while it is followed.
func (l *logPage) settle(p *sheet, width, height int) {
	if width != l.width {
		l.wrap(width)
	}
	last := max(0, len(l.shown)-height)
	if l.follow {
		p.scroll = last
	}
	p.scroll = max(0, min(p.scroll, last))
}

// logLines are the lines of a log that are seen.
func logLines(m *model, height int) []string {
	l, s := &m.log, m.style
	if len(l.shown) == 0 {
		text := "waiting for lines…"
		if l.ended {
			text = "nothing was written"
		}
		return []string{" " + s.dim.Render(text)}
	}
	start := min(m.pages.top().scroll, len(l.shown))
	var lines []string
	for _, line := range l.shown[start:min(len(l.shown), start+height)] {
		lines = append(lines, " "+line)
	}
	return lines
}

// logState says at the end of the last line what comes next.
func logState(m *model) string {
	l, s := &m.log, m.style
	rest := len(l.shown) - m.pages.top().scroll - bodyHeight(m)
	switch {
	case rest > 0:
		return s.dim.Render(fmt.Sprintf("↓ %d more ", rest))
	case l.ended:
		return s.dim.Render("ended; l reads it again ")
	}
	return s.good.Render("following ")
}
