package projects

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Span is a length of time in the units of the calendar: 90d, 2w, 6m, 1y. The zero value is none.
type Span struct {
	years, months, days int
	text                string
}

// DefaultTerm is how long a project lives on when it is renewed and nobody says how long.
var DefaultTerm = Days(90)

// Days is a span of days.
func Days(n int) Span { return Span{days: n, text: strconv.Itoa(n) + "d"} }

// ParseSpan reads a span of at least a day, such as 90d, 2w, 6m or 1y.
func ParseSpan(s string) (Span, error) {
	parts := spanForm.FindStringSubmatch(s)
	if parts == nil {
		return Span{}, fmt.Errorf("%q: it takes days, weeks, months or years; write 90d, 2w, 6m or 1y, for example", s)
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil || n == 0 {
		return Span{}, fmt.Errorf("%q: it takes a number of at least 1, such as 90d", s)
	}
	span := Span{text: strings.TrimLeft(s, "0")}
	switch parts[2] {
	case "d":
		span.days = n
	case "w":
		span.days = 7 * n
	case "m":
		span.months = n
	default:
		span.years = n
	}
	return span, nil
}

// String is the span as it was written.
func (s Span) String() string { return s.text }

// IsZero reports that there is none.
func (s Span) IsZero() bool { return s == Span{} }

// After is the day that comes a span after another.
func (s Span) After(day time.Time) time.Time { return day.AddDate(s.years, s.months, s.days) }

// Today is the calendar day of now where people are, as the start of that day in UTC: dates are kept so everywhere.
func Today(now time.Time) time.Time {
	year, month, day := now.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}
