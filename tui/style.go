package tui

import (
	"charm.land/lipgloss/v2"
)

// styles are the colours of the screen: one accent, and those of the states. What the terminal cannot show is
// taken out on the way to it.
type styles struct {
	text, bold, dim, accent   lipgloss.Style
	good, warn, bad, selected lipgloss.Style
}

// newStyles fits the colours to a dark or a light background.
func newStyles(dark bool) styles {
	pick := lipgloss.LightDark(dark)
	paint := func(light, dark string) lipgloss.Style {
		return lipgloss.NewStyle().Foreground(pick(lipgloss.Color(light), lipgloss.Color(dark)))
	}
	// All of them are in the palette of 256 colours, so that they are the same where a terminal has no more.
	return styles{
		text:     lipgloss.NewStyle(),
		bold:     lipgloss.NewStyle().Bold(true),
		dim:      paint("#6c6c6c", "#8a8a8a"),
		accent:   paint("#005fd7", "#87afff"),
		good:     paint("#008700", "#87d787"),
		warn:     paint("#875f00", "#d7af5f"),
		bad:      paint("#af0000", "#ff8787"),
		selected: lipgloss.NewStyle().Background(pick(lipgloss.Color("#e4e4e4"), lipgloss.Color("#303030"))),
	}
}

// plainStyles are the terminal's own colours, which fit whatever background it has.
func plainStyles(colour bool) styles {
	plain := lipgloss.NewStyle()
	if !colour {
		return styles{text: plain, bold: plain, dim: plain, accent: plain, good: plain, warn: plain, bad: plain, selected: plain}
	}
	return styles{
		text:   plain,
		bold:   plain.Bold(true),
		dim:    plain.Faint(true),
		accent: plain.Foreground(lipgloss.Blue),
		good:   plain.Foreground(lipgloss.Green),
		warn:   plain.Foreground(lipgloss.Yellow),
		bad:    plain.Foreground(lipgloss.Red),
	}
}

// look is how a state is shown, and its place from what works to what is most in need of a hand.
type look struct {
	glyph string
	rank  int
	style func(styles) lipgloss.Style
}

var (
	inGood = func(s styles) lipgloss.Style { return s.good }
	inWarn = func(s styles) lipgloss.Style { return s.warn }
	inBad  = func(s styles) lipgloss.Style { return s.bad }
	inDim  = func(s styles) lipgloss.Style { return s.dim }
	inText = func(s styles) lipgloss.Style { return s.text }
)

// lookOf knows every state by its name; one that a newer gateway has is shown by its word.
func lookOf(state string) look {
	switch state {
	case "ready":
		return look{"●", 0, inGood}
	case "starting":
		return look{"◐", 1, inWarn}
	case "draining":
		return look{"◑", 2, inWarn}
	case "paused":
		return look{"‖", 3, inWarn}
	case "waking":
		return look{"◐", 1, inWarn}
	case "asleep":
		return look{"◌", 4, inDim}
	case "stopped", "expired":
		return look{"○", 4, inDim}
	case "unhealthy", "failing", "ejected", "unreachable", "crashing":
		return look{"▲", 5, inBad}
	}
	return look{"·", 3, inText}
}

// expiryStyle warns of an end date that is near.
func expiryStyle(s styles, days int) lipgloss.Style {
	switch {
	case days < 0:
		return s.bad
	case days <= 14:
		return s.warn
	}
	return s.text
}
