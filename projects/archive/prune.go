package archive

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Keep says which archives of a project are kept: the last ones, and the newest of each of the last days, weeks and months
// that have one. Days without an archive count for none, so that nothing goes because nothing new came.
type Keep struct{ Last, Days, Weeks, Months int }

var keepForm = regexp.MustCompile(`^([0-9]{1,4})([dwm]?)$`)

// ParseKeep reads a rule such as "7d,4w,6m": days, weeks, months, and a number alone for the last ones.
func ParseKeep(s string) (Keep, error) {
	var k Keep
	for part := range strings.SplitSeq(s, ",") {
		found := keepForm.FindStringSubmatch(strings.TrimSpace(part))
		if found == nil {
			return k, fmt.Errorf("%q: it takes numbers of days, weeks and months, such as 7d,4w,6m, or a number alone for the last ones", s)
		}
		n, err := strconv.Atoi(found[1])
		if err != nil {
			return k, err
		}
		to := map[string]*int{"": &k.Last, "d": &k.Days, "w": &k.Weeks, "m": &k.Months}[found[2]]
		if *to > 0 {
			return k, fmt.Errorf("%q: %s comes twice", s, part)
		}
		*to = n
	}
	if k == (Keep{}) {
		return k, errors.New("it would keep nothing; write 1 for the last one")
	}
	return k, nil
}

// Prune returns those of the archives that a rule does not keep. All are of the form of List: by project, the newest first.
// The newest of a project is always kept.
func Prune(all []Entry, k Keep) []Entry {
	var gone []Entry
	for start := 0; start < len(all); {
		end := start
		for end < len(all) && all[end].Project == all[start].Project {
			end++
		}
		gone = append(gone, k.prune(all[start:end])...)
		start = end
	}
	return gone
}

// prune is Prune for one project.
func (k Keep) prune(all []Entry) []Entry {
	rules := []struct {
		most   int
		period func(time.Time) string
		last   string
	}{
		{most: k.Days, period: func(t time.Time) string { return t.Format(time.DateOnly) }},
		{most: k.Weeks, period: func(t time.Time) string { year, week := t.ISOWeek(); return fmt.Sprint(year, "-", week) }},
		{most: k.Months, period: func(t time.Time) string { return t.Format("2006-01") }},
	}
	var gone []Entry
	for i, e := range all {
		kept := i == 0 || i < k.Last
		for r := range rules {
			rule := &rules[r]
			if now := rule.period(e.Created); rule.most > 0 && now != rule.last {
				rule.last = now
				rule.most--
				kept = true
			}
		}
		if !kept {
			gone = append(gone, e)
		}
	}
	return gone
}
