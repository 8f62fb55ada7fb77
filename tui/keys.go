package tui

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"gateway/proxy/admin"
)

// keys are what a key press does; their help is what the screen says of them.
type keys struct {
	up, down, pageUp, pageDown, top, bottom      key.Binding
	enter, back, filter, sort, sortBack, reverse key.Binding
	logs, restart, pause, stop, shell            key.Binding
	open, yank, problems, help, quit, kill       key.Binding
}

func newKeys() keys {
	bind := func(help, what string, names ...string) key.Binding {
		return key.NewBinding(key.WithKeys(names...), key.WithHelp(help, what))
	}
	return keys{
		up:       bind("↑ k", "up", "up", "k"),
		down:     bind("↓ j", "down", "down", "j"),
		pageUp:   bind("pgup", "a page up", "pgup", "ctrl+b"),
		pageDown: bind("pgdn", "a page down", "pgdown", "ctrl+f", "space"),
		top:      bind("g", "to the top", "home", "g"),
		bottom:   bind("G", "to the end", "end", "G"),
		enter:    bind("enter", "details", "enter"),
		back:     bind("esc", "back", "esc", "backspace"),
		filter:   bind("/", "filter", "/"),
		sort:     bind(">", "sort", ">"),
		sortBack: bind("<", "sort back", "<"),
		reverse:  bind("I", "reverse", "I"),
		logs:     bind("l", "logs", "l"),
		restart:  bind("r", "restart", "r"),
		pause:    bind("p", "pause", "p"),
		stop:     bind("s", "stop", "s"),
		shell:    bind("x", "shell", "x"),
		open:     bind("o", "open", "o"),
		yank:     bind("y", "copy", "y", "c"),
		problems: bind("!", "problems", "!"),
		help:     bind("?", "keys", "?"),
		quit:     bind("q", "quit", "q"),
		kill:     bind("ctrl+c", "quit", "ctrl+c"),
	}
}

// short are the keys that the last line of a page names, the most useful first; what some of them do depends on the
// route that they act on, which may be nil.
func (k keys) short(p page, r *admin.Route) []key.Binding {
	if r != nil && r.Paused != nil {
		k.pause.SetHelp("p", "resume")
	}
	if r != nil && (r.State == "stopped" || r.State == "asleep") {
		k.stop.SetHelp("s", "start")
	}
	switch p {
	case pageRoute:
		return []key.Binding{k.back, k.logs, k.restart, k.pause, k.stop, k.shell, k.open, k.yank, k.problems, k.help, k.quit}
	case pageLog:
		return []key.Binding{k.back, k.bottom, k.restart, k.pause, k.stop, k.shell, k.help, k.quit}
	case pageProblems, pageHelp:
		return []key.Binding{k.back, k.up, k.down, k.quit}
	}
	return []key.Binding{k.enter, k.logs, k.restart, k.pause, k.stop, k.shell, k.filter, k.open, k.yank, k.sort, k.problems, k.help, k.quit}
}

// explained are all keys in the order of the help page; an empty line parts the groups.
func explained() [][2]string {
	return [][2]string{
		{"↑ ↓  k j", "move"},
		{"pgup pgdn", "move by a page"},
		{"g G", "to the top, to the end"},
		{},
		{"enter", "details of the route, with its last requests; a wide terminal has them beside the list"},
		{"esc", "back; in the list: clear the filter"},
		{"!", "all problems, with their fixes"},
		{},
		{"l", "logs of the route's project, followed as long as their end is in sight"},
		{"r", "restart the project's containers"},
		{"p", "pause the route, or resume it: requests wait meanwhile"},
		{"s", "stop the project, or start it again"},
		{"x", "a shell in the first container of the route that runs"},
		{"", "r, p, s and x say what they will do and wait for y"},
		{},
		{"/", "filter as you type; enter keeps it, esc clears it"},
		{">  <", "sort by the next column, by the one before"},
		{"I", "reverse the order"},
		{},
		{"o", "open the route in a browser"},
		{"y  c", "copy the route's URL"},
		{"q  ctrl+c", "quit"},
	}
}

// move changes a position by what a key says, and reports whether it says anything; whoever holds the position knows
// its limits.
func (k keys) move(msg tea.KeyPressMsg, at *int, height int) bool {
	const far = 1 << 30
	for _, step := range []struct {
		key key.Binding
		by  int
	}{{k.up, -1}, {k.down, 1}, {k.pageUp, -height}, {k.pageDown, height}, {k.top, -far}, {k.bottom, far}} {
		if key.Matches(msg, step.key) {
			*at += step.by
			return true
		}
	}
	return false
}
