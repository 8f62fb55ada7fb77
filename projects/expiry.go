package projects

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var spanForm = regexp.MustCompile(`^([0-9]{1,4})([dwmy])$`)

// lastYear bounds expiry dates: what lives longer has none.
const lastYear = 9999

// ParseExpiry reads when a project expires: a time to live in days, weeks, months or years from now, such as 90d, 2w, 6m
// or 1y, or a date such as 2027-06-30. It returns the start of the last day, in UTC as dates are kept everywhere.
func ParseExpiry(s string, now time.Time) (time.Time, error) {
	year, month, day := now.Date()
	today := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	end, err := time.Parse(time.DateOnly, s)
	if err != nil {
		if end, err = after(today, s); err != nil {
			return time.Time{}, err
		}
	}
	if end.Before(today) {
		return time.Time{}, fmt.Errorf("expiry %q: that day is past; write a day from %s on, or a time such as 90d", s, today.Format(time.DateOnly))
	}
	if end.Year() > lastYear {
		return time.Time{}, fmt.Errorf("expiry %q: that is after the year %d; leave it out for a project without an expiry", s, lastYear)
	}
	return end, nil
}

func after(today time.Time, s string) (time.Time, error) {
	parts := spanForm.FindStringSubmatch(s)
	if parts == nil {
		return time.Time{}, fmt.Errorf("expiry %q: it takes days, weeks, months or years, or a date; write 90d, 2w, 6m, 1y or 2027-06-30, for example", s)
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil || n == 0 {
		return time.Time{}, fmt.Errorf("expiry %q: it takes a number of at least 1, such as 90d", s)
	}
	switch parts[2] {
	case "d":
		return today.AddDate(0, 0, n), nil
	case "w":
		return today.AddDate(0, 0, 7*n), nil
	case "m":
		return today.AddDate(0, n, 0), nil
	}
	return today.AddDate(n, 0, 0), nil
}

// DaysLeft counts calendar days from today, where people are, to the last day: 0 is the last day, below 0 is past.
func DaysLeft(last, now time.Time) int {
	year, month, day := now.Date()
	return int(last.Sub(time.Date(year, month, day, 0, 0, 0, 0, time.UTC)).Hours() / 24)
}
