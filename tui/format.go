package tui

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"gateway/proxy/printable"
)

// none stands where there is nothing to say.
const none = "–"

// clean makes text that others wrote fit to be shown on one line.
func clean(s string) string { return printable.Line(s) }

// readable writes the escapes of letters outside ASCII as those letters: /%EC%82%AC%EC%A7%84 is /사진 to people. All
// other escapes stay.
func readable(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	return escapes.ReplaceAllStringFunc(path, func(escaped string) string {
		text, err := url.PathUnescape(escaped)
		if err != nil || !utf8.ValidString(text) || clean(text) != text {
			return escaped
		}
		return text
	})
}

// escapes are runs of escaped bytes outside ASCII.
var escapes = regexp.MustCompile(`(?:%[89A-Fa-f][0-9A-Fa-f])+`)

// cut shortens s to width cells, with an ellipsis where something is missing.
func cut(s string, width int) string {
	if width <= 0 {
		return ""
	}
	return ansi.Truncate(s, width, "…")
}

// pad brings s to exactly width cells.
func pad(s string, width int, right bool) string {
	s = cut(s, width)
	space := strings.Repeat(" ", max(0, width-lipgloss.Width(s)))
	if right {
		return space + s
	}
	return s + space
}

// wrap breaks s into lines of at most width cells.
func wrap(s string, width int) []string {
	return strings.Split(lipgloss.Wrap(s, max(1, width), ""), "\n")
}

// plural is "1 route" or "2 routes".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// formatRate writes requests per second in up to five cells.
func formatRate(rate float64) string {
	switch {
	case rate < 0.05:
		return "0"
	case rate < 99.95:
		return strconv.FormatFloat(rate, 'f', 1, 64)
	case rate < 9999.5:
		return strconv.FormatFloat(rate, 'f', 0, 64)
	}
	return formatCount(uint64(rate))
}

// formatMillis writes a latency in up to five cells; zero means that there was none.
func formatMillis(ms float64) string {
	switch {
	case ms <= 0:
		return none
	case ms < 9.95:
		return strconv.FormatFloat(math.Max(ms, 0.1), 'f', 1, 64) + "ms"
	case ms < 999.5:
		return strconv.FormatFloat(ms, 'f', 0, 64) + "ms"
	case ms < 99_950:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + "s"
	}
	return strconv.FormatFloat(min(ms/60_000, 9999), 'f', 0, 64) + "m"
}

// formatCount writes a number in up to five cells.
func formatCount(n uint64) string {
	if n < 10_000 {
		return strconv.FormatUint(n, 10)
	}
	value := float64(n)
	for _, unit := range []string{"k", "M", "G", "T"} {
		if value /= 1000; value < 999.5 {
			digits := 0
			if value < 99.95 {
				digits = 1
			}
			return strconv.FormatFloat(value, 'f', digits, 64) + unit
		}
	}
	return "many"
}

// formatBytes writes a size in up to seven cells.
func formatBytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", max(0, n))
	}
	value := float64(n)
	for _, unit := range []string{"kB", "MB", "GB"} {
		if value /= 1000; value < 999.95 {
			return fmt.Sprintf("%.1f %s", value, unit)
		}
	}
	return fmt.Sprintf("%.1f TB", value/1000)
}

// formatAge writes how long something has lasted, in its largest unit. Clocks of two machines differ: less than
// nothing is nothing.
func formatAge(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, d)/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return formatDays(int(d / day))
}

func formatDays(days int) string {
	switch {
	case days < 90:
		return fmt.Sprintf("%d d", days)
	case days < 730:
		return fmt.Sprintf("%d mo", days/30)
	}
	return fmt.Sprintf("%d y", days/365)
}

// daysLeft counts the days from now to the end date, which is itself a day on which the route is served.
func daysLeft(expires, now time.Time) int {
	return int(midnight(expires.UTC()).Sub(midnight(now)) / (24 * time.Hour))
}

func midnight(t time.Time) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// formatExpiry writes the time left until an end date, zero for none, in up to seven cells.
func formatExpiry(expires, now time.Time) string {
	if expires.IsZero() {
		return none
	}
	switch left := daysLeft(expires, now); {
	case left < 0:
		return "expired"
	case left == 0:
		return "today"
	default:
		return formatDays(left)
	}
}
