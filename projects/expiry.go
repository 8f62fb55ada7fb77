package projects

import (
	"fmt"
	"regexp"
	"time"
)

var spanForm = regexp.MustCompile(`^([0-9]{1,4})([dwmy])$`)

// lastYear bounds expiry dates: what lives longer has none.
const lastYear = 9999

// ParseExpiry reads when something expires: a time to live in days, weeks, months or years from now, such as 90d, 2w, 6m
// or 1y, or a date such as 2027-06-30. It returns the start of the last day, in UTC as dates are kept everywhere.
func ParseExpiry(s string, now time.Time) (time.Time, error) {
	last, _, err := ParseTerm(s, now)
	return last, err
}

// ParseTerm is ParseExpiry that also returns the time to live, zero for a date.
func ParseTerm(s string, now time.Time) (last time.Time, length Span, err error) {
	today := Today(now)
	if last, err = time.Parse(time.DateOnly, s); err != nil {
		length, err = ParseSpan(s)
		if err != nil && !spanForm.MatchString(s) {
			return time.Time{}, Span{}, fmt.Errorf("expiry %q: it takes days, weeks, months or years, or a date; write 90d, 2w, 6m, 1y or 2027-06-30, for example", s)
		}
		if err != nil {
			return time.Time{}, Span{}, fmt.Errorf("expiry %w", err)
		}
		last = length.After(today)
	}
	if last.Before(today) {
		return time.Time{}, Span{}, fmt.Errorf("expiry %q: that day is past; write a day from %s on, or a time such as 90d", s, today.Format(time.DateOnly))
	}
	if last.Year() > lastYear {
		return time.Time{}, Span{}, fmt.Errorf("expiry %q: that is after the year %d; leave it out for a project without an expiry", s, lastYear)
	}
	return last, length, nil
}

// DaysLeft counts calendar days from today, where people are, to the last day: 0 is the last day, below 0 is past.
func DaysLeft(last, now time.Time) int {
	return int(last.Sub(Today(now)).Hours() / 24)
}
