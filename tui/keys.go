package tui

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// keys are what a key press does; their help is what the screen says of them.
type keys struct {
	up, down, pageUp, pageDown, top, bottom key.Binding
	enter, back, filter, sort, reverse      key.Binding
	open, yank, problems, help, quit, kill  key.Binding
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
		sort:     bind("s", "sort", "s"),
		reverse:  bind("S", "reverse", "S"),
		open:     bind("o", "open", "o"),
		yank:     bind("y", "copy", "y", "c"),
		problems: bind("p", "problems", "p"),
		help:     bind("?", "help", "?"),
		quit:     bind("q", "quit", "q"),
		kill:     bind("ctrl+c", "quit", "ctrl+c"),
	}
}

// short are the keys that the last line of a page names, the most useful first.
func (k keys) short(p page) []key.Binding {
	switch p {
	case pageRoute:
		return []key.Binding{k.back, k.open, k.yank, k.problems, k.help, k.quit}
	case pageProblems, pageHelp:
		return []key.Binding{k.back, k.up, k.down, k.quit}
	}
	return []key.Binding{k.enter, k.filter, k.sort, k.open, k.yank, k.problems, k.help, k.quit}
}

// explained are all keys in the order of the help page; an empty line parts the groups.
func explained() [][2]string {
	return [][2]string{
		{"↑ ↓  k j", "move"},
		{"pgup pgdn", "move by a page"},
		{"g G", "to the top, to the end"},
		{},
		{"enter", "details of the route, with its last requests"},
		{"esc", "back; in the list: clear the filter"},
		{"p", "all problems, with their fixes"},
		{},
		{"/", "filter as you type; enter keeps it, esc clears it"},
		{"s  S", "sort by the next column, reverse the order"},
		{},
		{"o", "open the route in a browser"},
		{"y  c", "copy the route's URL"},
		{"q  ctrl+c", "quit"},
	}
}

// move changes a position by what a key says; whoever holds the position knows its limits.
func (k keys) move(msg tea.KeyPressMsg, at *int, height int) {
	const far = 1 << 30
	for _, step := range []struct {
		key key.Binding
		by  int
	}{{k.up, -1}, {k.down, 1}, {k.pageUp, -height}, {k.pageDown, height}, {k.top, -far}, {k.bottom, far}} {
		if key.Matches(msg, step.key) {
			*at += step.by
		}
	}
}
