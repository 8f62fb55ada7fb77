package tui

import (
	"fmt"
	"slices"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// noticeTime is how long a notice stays.
const noticeTime = 4 * time.Second

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
	case tea.KeyPressMsg:
		cmd = m.press(msg)
	case tea.PasteMsg:
		if m.filter.Focused() {
			cmd = m.typed(msg)
		}
	}
	m.settle()
	return m, cmd
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

// press does what a key does.
func (m *model) press(msg tea.KeyPressMsg) tea.Cmd {
	k := m.keys
	switch {
	case key.Matches(msg, k.kill):
		return tea.Quit
	case m.filter.Focused():
		return m.typed(msg)
	case key.Matches(msg, k.quit):
		return tea.Quit
	case key.Matches(msg, k.back):
		m.back()
	case key.Matches(msg, k.help):
		m.pages.show(pageHelp)
	case key.Matches(msg, k.problems):
		m.pages.show(pageProblems)
	case key.Matches(msg, k.open):
		return m.browse()
	case key.Matches(msg, k.yank):
		return m.yank()
	case m.pages.top().page == pageList:
		return m.pressList(msg)
	default:
		m.keys.move(msg, &m.pages.top().scroll, bodyHeight(m))
	}
	return nil
}

// pressList does what a key does in the list alone.
func (m *model) pressList(msg tea.KeyPressMsg) tea.Cmd {
	k := m.keys
	switch {
	case key.Matches(msg, k.filter):
		m.filter.CursorEnd()
		return m.filter.Focus()
	case key.Matches(msg, k.sort):
		m.list.sortNext(layout(m.list.natural, tableWidth(m)))
	case key.Matches(msg, k.reverse):
		m.list.reversed = !m.list.reversed
		m.list.arrange()
	case key.Matches(msg, k.enter):
		return m.details()
	default:
		m.moveCursor(msg)
	}
	return nil
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

func (m *model) moveCursor(msg tea.KeyPressMsg) {
	row := m.list.cursor
	m.keys.move(msg, &row, bodyHeight(m)-1)
	m.list.to(row)
}

// back closes the page that is seen; in the list it clears the filter.
func (m *model) back() {
	if len(m.pages) == 1 {
		m.filter.Reset()
		m.refilter()
		return
	}
	if m.pages.top().page == pageRoute {
		m.detail = detail{}
	}
	m.pages = m.pages[:len(m.pages)-1]
}

// details opens the selected route.
func (m *model) details() tea.Cmd {
	r := m.list.current()
	if r == nil {
		return nil
	}
	m.detail = detail{key: r.Key, last: *r}
	m.pages.show(pageRoute)
	return m.poll()
}

// browse opens the route in a browser.
func (m *model) browse() tea.Cmd {
	r := m.route()
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
	r := m.route()
	if r == nil {
		return nil
	}
	url := urlOf(m, r)
	m.say(false, "copied %s", url)
	return tea.SetClipboard(url)
}

func (m *model) say(bad bool, format string, args ...any) {
	m.notice = notice{text: fmt.Sprintf(format, args...), bad: bad, until: m.now.Add(noticeTime)}
}

// settle brings what is scrolled back into its limits.
func (m *model) settle() {
	if m.width == 0 {
		return
	}
	m.list.show(bodyHeight(m) - 1)
	if p := m.pages.top(); p.page != pageList {
		p.scroll = max(0, min(p.scroll, len(pageLines(m))-bodyHeight(m)))
	}
}
