package tui

import (
	"fmt"
	"slices"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"gateway/proxy/admin"
)

// A notice stays for a time that grows with its length, so that long ones can be read.
const (
	noticeTime = 4 * time.Second
	letterTime = 60 * time.Millisecond
)

// Update makes the next model.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	// Pages are changed in place below, and models that came before share their memory.
	m.pages = slices.Clone(m.pages)
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.filter.SetWidth(max(1, msg.Width-20))
	case tea.BackgroundColorMsg:
		m.paint(msg.IsDark())
	case tickMsg:
		m.now = msg.at
		cmd = tea.Batch(m.tick, m.poll())
	case answerMsg:
		cmd = m.answer(msg)
	case openedMsg:
		if msg.err != nil {
			m.say(true, "cannot open %s: %s; y copies it", msg.url, clean(msg.err.Error()))
		}
	case allowedMsg:
		m.allowed(msg)
	case doneMsg:
		cmd = m.done(msg)
	case logMsg:
		cmd = m.logged(msg)
	case tea.KeyPressMsg:
		cmd = m.press(msg)
	case tea.PasteMsg:
		if m.filter.Focused() {
			cmd = m.typed(msg)
		}
	}
	return m, tea.Batch(cmd, m.settle())
}

// poll asks the gateway, unless a question is under way.
func (m *model) poll() tea.Cmd {
	if m.link.polling {
		return nil
	}
	m.link.polling, m.link.asked = true, m.now
	return m.question()
}

// answer takes what the gateway said. What was known before stays when it said nothing.
func (m *model) answer(msg answerMsg) tea.Cmd {
	m.now = msg.at
	m.link.take(msg.status, msg.err, msg.at)
	if msg.err != nil {
		return nil
	}
	routes := cleanRoutes(msg.routes)
	m.status, m.problems = msg.status, routes.Problems
	m.list.load(routes.Routes)
	if m.detail.key == "" {
		return nil
	}
	m.detail.refresh(&m.list)
	if msg.key != m.detail.key {
		// It was asked before the details were opened.
		return m.poll()
	}
	m.detail.asked, m.detail.err = true, msg.requestsErr
	if msg.requestsErr == nil {
		m.detail.requests = cleanRequests(msg.requests)
	}
	return nil
}

// press does what a key does: what is asked and what is typed come first, then what means the same on every page.
func (m *model) press(msg tea.KeyPressMsg) tea.Cmd {
	k := m.keys
	switch {
	case key.Matches(msg, k.kill):
		return tea.Quit
	case m.asked != nil:
		return m.reply(msg)
	case m.filter.Focused():
		return m.typed(msg)
	}
	m.notice = notice{}
	switch {
	case key.Matches(msg, k.quit):
		return m.quit()
	case key.Matches(msg, k.back):
		m.back()
		return nil
	case key.Matches(msg, k.help):
		m.pages.show(pageHelp)
		return nil
	case key.Matches(msg, k.problems):
		m.pages.show(pageProblems)
		return nil
	}
	cmd, known := m.pressPage(msg)
	if !known {
		cmd, known = m.pressRoute(msg)
	}
	if !known {
		m.say(true, "%s does nothing here; ? for keys", clean(msg.String()))
	}
	return cmd
}

// pressPage does what a key does on the page that is seen, and reports whether that is anything.
func (m *model) pressPage(msg tea.KeyPressMsg) (tea.Cmd, bool) {
	switch p := m.pages.top(); p.page {
	case pageList:
		return m.pressList(msg)
	case pageLog:
		known := m.keys.move(msg, &p.scroll, bodyHeight(m))
		if known {
			m.log.follow = p.scroll >= len(m.log.shown)-bodyHeight(m)
		}
		return nil, known
	default:
		return nil, m.keys.move(msg, &p.scroll, bodyHeight(m))
	}
}

// pressList is pressPage for the list.
func (m *model) pressList(msg tea.KeyPressMsg) (tea.Cmd, bool) {
	k := m.keys
	switch {
	case key.Matches(msg, k.filter):
		m.filter.CursorEnd()
		return m.filter.Focus(), true
	case key.Matches(msg, k.sort):
		m.list.sortBy(places(m), 1)
	case key.Matches(msg, k.sortBack):
		m.list.sortBy(places(m), -1)
	case key.Matches(msg, k.reverse):
		m.list.reversed = !m.list.reversed
		m.list.arrange()
	case key.Matches(msg, k.enter):
		return m.details(), true
	default:
		return nil, m.moveCursor(msg)
	}
	return nil, true
}

// pressRoute does what a key does with a route, and reports whether that is anything.
func (m *model) pressRoute(msg tea.KeyPressMsg) (tea.Cmd, bool) {
	k := m.keys
	switch {
	case key.Matches(msg, k.open):
		return m.browse(), true
	case key.Matches(msg, k.yank):
		return m.yank(), true
	case key.Matches(msg, k.logs):
		return m.openLog(), true
	case key.Matches(msg, k.restart):
		return m.act(restartJob), true
	case key.Matches(msg, k.pause):
		return m.act(pauseJob), true
	case key.Matches(msg, k.stop):
		return m.act(stopJob), true
	case key.Matches(msg, k.shell):
		return m.act(shellJob), true
	}
	return nil, false
}

// typed gives a key to the filter, except for those that end typing and those that move in the list.
func (m *model) typed(msg tea.Msg) tea.Cmd {
	if press, ok := msg.(tea.KeyPressMsg); ok {
		switch press.String() {
		case "enter":
			m.filter.Blur()
			return nil
		case "esc":
			m.filter.Reset()
			m.filter.Blur()
			m.refilter()
			return nil
		case "up", "down", "pgup", "pgdown":
			m.moveCursor(press)
			return nil
		}
	}
	var cmd tea.Cmd
	m.filter, cmd = m.filter.Update(msg)
	m.refilter()
	return cmd
}

func (m *model) refilter() {
	if m.list.filter == m.filter.Value() {
		return
	}
	m.list.filter = m.filter.Value()
	m.list.arrange()
}

// moveCursor reports whether the key moves it.
func (m *model) moveCursor(msg tea.KeyPressMsg) bool {
	row := m.list.cursor
	known := m.keys.move(msg, &row, bodyHeight(m)-1)
	m.list.to(row)
	return known
}

// back closes the page that is seen; in the list it clears the filter.
func (m *model) back() {
	if len(m.pages) == 1 {
		m.filter.Reset()
		m.refilter()
		return
	}
	if m.pages.top().page == pageLog {
		m.closeLog()
	}
	m.pages = m.pages[:len(m.pages)-1]
}

// details opens the selected route.
func (m *model) details() tea.Cmd {
	r := m.list.current()
	if r == nil {
		return nil
	}
	m.pages.show(pageRoute)
	return m.detailsOf(r)
}

// detailsOf makes a route the one whose details are shown.
func (m *model) detailsOf(r *admin.Route) tea.Cmd {
	if m.detail.key == r.Key {
		return nil
	}
	m.detail = detail{key: r.Key, last: *r}
	return m.poll()
}

// browse opens the route in a browser.
func (m *model) browse() tea.Cmd {
	r := m.chosen()
	if r == nil {
		return nil
	}
	url := urlOf(m, r)
	if m.open == nil {
		m.say(true, "there is no browser here; y copies %s", url)
		return nil
	}
	m.say(false, "opening %s", url)
	browse := m.open
	return func() tea.Msg { return openedMsg{url: url, err: browse(url)} }
}

// yank copies the route's URL: the terminal is asked to, so it also works on another machine.
func (m *model) yank() tea.Cmd {
	r := m.chosen()
	if r == nil {
		return nil
	}
	url := urlOf(m, r)
	m.say(false, "copied %s", url)
	return tea.SetClipboard(url)
}

// say shows a notice.
func (m *model) say(bad bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	m.notice = notice{text: text, bad: bad, until: m.now.Add(noticeTime + time.Duration(len(text))*letterTime)}
}

// settle brings what is scrolled back into its limits, and the details to the route that they follow.
func (m *model) settle() tea.Cmd {
	if m.width == 0 {
		return nil
	}
	m.list.show(bodyHeight(m) - 1)
	switch p := m.pages.top(); p.page {
	case pageList:
	case pageLog:
		m.log.settle(p, max(1, m.width-2), bodyHeight(m))
	default:
		p.scroll = max(0, min(p.scroll, len(pageLines(m))-bodyHeight(m)))
	}
	if slices.ContainsFunc(m.pages, func(s sheet) bool { return s.page == pageRoute }) {
		return nil
	}
	if r := m.list.current(); r != nil && m.width >= wide {
		return m.detailsOf(r)
	}
	m.detail = detail{}
	return nil
}
