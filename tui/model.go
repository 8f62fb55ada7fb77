package tui

import (
	"context"
	"slices"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"gateway/proxy/admin"
)

// model is the whole screen. Update makes the next one out of a message and View draws it; neither asks the clock,
// the gateway or the terminal for anything.
type model struct {
	ask  func(key string) answerMsg
	open func(url string) error
	// tick waits for the next second.
	tick tea.Cmd
	// begin makes a command of what may take long: it ends with the screen, which waits for it.
	begin   func(func(live context.Context) tea.Msg) tea.Cmd
	actions Actions
	// clock is for commands alone.
	clock func() time.Time
	site  string

	width, height int
	now           time.Time
	link          link
	status        admin.Status
	problems      []admin.Problem
	list          list
	// filter is where the filter is typed, in use as long as it is focused.
	filter textinput.Model
	pages  pages
	detail detail
	log    logPage
	// asked waits for the user's answer, and task is under way; nil when there is none.
	asked  *asked
	task   *task
	notice notice
	keys   keys
	style  styles
}

// page is one of the things that the screen shows.
type page int

const (
	pageList page = iota
	pageRoute
	pageLog
	pageProblems
	pageHelp
)

// sheet is an open page with how far it is scrolled.
type sheet struct {
	page   page
	scroll int
}

// pages are those opened one above the other; the list is always the first.
type pages []sheet

// top is the one that is seen.
func (p pages) top() *sheet { return &p[len(p)-1] }

// show opens a page above those that are open. It takes one that is open already to the top.
func (p *pages) show(what page) {
	*p = slices.DeleteFunc(*p, func(s sheet) bool { return s.page == what && what != pageList })
	*p = append(*p, sheet{page: what})
}

// detail is the route whose details are shown, on pageRoute or beside the list; its key is empty when there are none.
type detail struct {
	key string
	// last is the route as it was last in the table, gone when it left.
	last admin.Route
	gone bool
	// asked reports whether its requests are known; err is why they are not.
	asked    bool
	requests []admin.Request
	err      error
}

// refresh brings the route to what the list says now.
func (d *detail) refresh(l *list) {
	found := l.find(d.key)
	d.gone = found == nil
	if found != nil {
		d.last = *found
	}
}

// notice is a word about what a key did, shown until a time.
type notice struct {
	text  string
	bad   bool
	until time.Time
}

// The messages.
type (
	tickMsg struct{ at time.Time }
	// answerMsg is the end of a question to the gateway.
	answerMsg struct {
		at          time.Time
		status      admin.Status
		routes      admin.Routes
		key         string
		requests    []admin.Request
		requestsErr error
		err         error
	}
	openedMsg struct {
		url string
		err error
	}
)

func newModel(ask func(key string) answerMsg, tick tea.Cmd, begin func(func(context.Context) tea.Msg) tea.Cmd, opts Options) model {
	now := opts.Now
	filter := textinput.New()
	filter.Prompt = "/ "
	filter.CharLimit = 100
	filter.SetVirtualCursor(false)
	m := model{
		ask: func(key string) answerMsg {
			answer := ask(key)
			answer.at = now()
			return answer
		},
		open:    opts.Open,
		tick:    tick,
		begin:   begin,
		actions: opts.Actions,
		clock:   now,
		site:    opts.Site,
		now:     now(),
		filter:  filter,
		pages:   pages{{page: pageList}},
		keys:    newKeys(),
	}
	m.paint(true)
	m.link.polling, m.link.asked = true, m.now
	return m
}

// paint takes the colours for a dark or a light background.
func (m *model) paint(dark bool) {
	m.style = newStyles(dark)
	s := m.filter.Styles()
	s.Focused.Prompt, s.Focused.Text = m.style.accent, m.style.text
	s.Blurred.Prompt, s.Blurred.Text = m.style.accent, m.style.text
	m.filter.SetStyles(s)
}

// Init asks for the first time.
func (m model) Init() tea.Cmd {
	return tea.Batch(m.question(), m.tick, tea.RequestBackgroundColor)
}

// question asks the gateway for what the open pages show.
func (m *model) question() tea.Cmd {
	ask, key := m.ask, m.detail.key
	return func() tea.Msg { return ask(key) }
}

// route is the route that keys act on: the one whose details or log are seen, or the selected one; nil when there is none.
func (m *model) route() *admin.Route {
	switch m.pages.top().page {
	case pageList:
		return m.list.current()
	case pageRoute:
		return &m.detail.last
	case pageLog:
		if r := m.list.find(m.log.route.Key); r != nil {
			return r
		}
		return &m.log.route
	}
	return nil
}

// chosen is route, and says so when there is none.
func (m *model) chosen() *admin.Route {
	r := m.route()
	if r == nil {
		m.say(true, "no route is selected; esc goes back to the list")
	}
	return r
}

// urlOf is the address of a route.
func urlOf(m *model, r *admin.Route) string {
	return PublicURL(m.status.Proxy.Listeners, m.site, r.Host, r.Path)
}
