package projects

import (
	"fmt"
	"regexp"
	"time"
)

var spanForm = regexp.MustCompile(`^([0-9]{1,4})([dwmy])$`)

// lastYear bounds expiry dates: what lives longer has none.
const lastYear = 9999

// ParseExpiry reads when a project expires: a time to live in days, weeks, months or years from now, such as 90d, 2w, 6m
// or 1y, or a date such as 2027-06-30. It returns the start of the last day, in UTC as dates are kept everywhere.
func ParseExpiry(s string, now time.Time) (time.Time, error) {
	today := Today(now)
	end, err := time.Parse(time.DateOnly, s)
	if err != nil {
		span, err := ParseSpan(s)
		if err != nil && !spanForm.MatchString(s) {
			return time.Time{}, fmt.Errorf("expiry %q: it takes days, weeks, months or years, or a date; write 90d, 2w, 6m, 1y or 2027-06-30, for example", s)
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("expiry %w", err)
		}
		end = span.After(today)
	}
	if end.Before(today) {
		return time.Time{}, fmt.Errorf("expiry %q: that day is past; write a day from %s on, or a time such as 90d", s, today.Format(time.DateOnly))
	}
	if end.Year() > lastYear {
		return time.Time{}, fmt.Errorf("expiry %q: that is after the year %d; leave it out for a project without an expiry", s, lastYear)
	}
	return end, nil
}

// DaysLeft counts calendar days from today, where people are, to the last day: 0 is the last day, below 0 is past.
func DaysLeft(last, now time.Time) int {
	return int(last.Sub(Today(now)).Hours() / 24)
}
