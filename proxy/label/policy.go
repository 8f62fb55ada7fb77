package label

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gateway/proxy/route"
)

// The bounds of what a route may ask for. Anybody who can start a container can write labels, so that a check must not
// keep the gateway busy, and what is stopped must not stay for ever.
const (
	leastInterval, mostInterval = time.Second, time.Hour
	leastTimeout, mostTimeout   = 100 * time.Millisecond, time.Minute
	leastStart, mostStart       = time.Second, time.Hour
	leastDrain, mostDrain       = time.Second, time.Hour
	leastIdle, mostIdle         = 10 * time.Second, 30 * 24 * time.Hour
	mostInARow                  = 100
	mostRequests                = 1_000_000
	mostBody                    = 1 << 40
	// maxCheckPath is how long the path of a check may be, in bytes.
	maxCheckPath = 255
)

func readBalance(c *Claim, value string) *fault {
	switch balance := route.Balance(value); balance {
	case route.P2C:
		c.Policy.Balance = "" // as without the label
		return nil
	case route.RoundRobin, route.Sticky:
		c.Policy.Balance = balance
		return nil
	}
	return choice(value, string(route.P2C), string(route.RoundRobin), string(route.Sticky))
}

// readHealthPath fills in the defaults of the check that no other label says.
func readHealthPath(c *Claim, value string) *fault {
	if err := checkPath(value); err != nil {
		return &fault{fmt.Sprintf("%s is no path to ask for: %v", quote(value), err), "write " + askable(value)}
	}
	check := &c.Policy.Check
	check.Path = value
	if check.Interval == 0 {
		check.Interval = route.CheckInterval
	}
	if check.Timeout == 0 {
		check.Timeout = route.CheckTimeout
	}
	if check.Rise == 0 {
		check.Rise = route.CheckRise
	}
	if check.Fall == 0 {
		check.Fall = route.CheckFall
	}
	return nil
}

// checkPath takes the origin-form of RFC 9112 section 3.2.1, a query included. It lets characters through that a URL
// holds only escaped, where nothing can be meant but themselves.
func checkPath(value string) error {
	switch {
	case value == "":
		return errors.New("it is empty")
	case value[0] != '/':
		return errors.New("it must start with a slash")
	case len(value) > maxCheckPath:
		return fmt.Errorf("it has %d bytes, and %d is the most", len(value), maxCheckPath)
	}
	for i := range len(value) {
		switch c := value[i]; {
		case c >= utf8.RuneSelf:
			return errors.New("it takes characters outside of ASCII in their escaped form, such as %C3%A9")
		case c <= ' ' || c == 0x7f || c == '#':
			return fmt.Errorf("it takes %q in its escaped form, %%%02X", c, c)
		}
	}
	path, _, _ := strings.Cut(value, "?")
	if _, err := route.ParsePath(path); err != nil {
		return errors.New("a percent sign in it starts no escape")
	}
	return nil
}

// askable guesses the path that was meant: that of a URL, or one whose slash is missing.
func askable(value string) string {
	rest := value
	if _, after, found := strings.Cut(value, "://"); found {
		_, path, _ := strings.Cut(after, "/")
		rest = "/" + path
	} else if !strings.HasPrefix(value, "/") {
		rest = "/" + value
	}
	if len(rest) > 1 && checkPath(rest) == nil {
		return rest
	}
	return "a path such as /health"
}

// unchecked are the problems of labels on a check that there is not.
func (g *group) unchecked() []Problem {
	if g.labels["health.path"] != "" {
		return nil
	}
	var problems []Problem
	for _, field := range slices.Sorted(maps.Keys(g.labels)) {
		if !strings.HasPrefix(field, "health.") || fields[field] == nil {
			continue
		}
		label, path := g.labels[field], g.spell("health.path")
		problems = append(problems, Problem{
			Label:   label,
			Message: fmt.Sprintf("%s says how to check, and there is no %s to say what", label, path),
			Fix:     fmt.Sprintf("add %s, such as %s=/health, or remove %s", path, path, label),
		})
	}
	return problems
}

func readHealthInterval(c *Claim, value string) *fault {
	return readDuration(&c.Policy.Check.Interval, value, leastInterval, mostInterval)
}

func readHealthTimeout(c *Claim, value string) *fault {
	return readDuration(&c.Policy.Check.Timeout, value, leastTimeout, mostTimeout)
}

func readHealthRise(c *Claim, value string) *fault {
	return readInARow(&c.Policy.Check.Rise, value)
}

func readHealthFall(c *Claim, value string) *fault {
	return readInARow(&c.Policy.Check.Fall, value)
}

func readHealthStart(c *Claim, value string) *fault {
	return readDuration(&c.Policy.Check.Start, value, leastStart, mostStart)
}

func readInARow(into *int, value string) *fault {
	n, ok := number(value, mostInARow)
	if !ok {
		return &fault{
			fmt.Sprintf("%s is no number of checks; it takes one from 1 to %d", quote(value), mostInARow),
			"write how many checks in a row decide, such as 3",
		}
	}
	*into = int(n)
	return nil
}

func readDrain(c *Claim, value string) *fault {
	return readDuration(&c.Policy.Drain, value, leastDrain, mostDrain)
}

// Never is the value of Idle for a project that is not put to sleep.
const Never = "never"

func readIdle(c *Claim, value string) *fault {
	if value == Never {
		c.Policy.Idle = 0
		return nil
	}
	if d, err := time.ParseDuration(value); err == nil && d <= 0 {
		return &fault{quote(value) + " is no time to wait for", "write " + Never}
	}
	return readDuration(&c.Policy.Idle, value, leastIdle, mostIdle)
}

// ParseIdle reads a time as the label gateway.idle has it, such as "15m"; "never" and "0" are 0. An error names the input,
// the rule and the fix.
func ParseIdle(s string) (time.Duration, error) {
	var c Claim
	if s = strings.TrimSpace(s); s == "0" {
		return 0, nil
	}
	if bad := read(&c, "idle", s); bad != nil {
		return 0, fmt.Errorf("%s; %s", bad.rule, bad.fix)
	}
	return c.Policy.Idle, nil
}

// readDuration reads a time as Go writes it.
func readDuration(into *time.Duration, value string, least, most time.Duration) *fault {
	d, err := time.ParseDuration(value)
	switch {
	case err != nil:
		fix := "write a time such as 30s or 1m30s; the units are ms, s, m and h"
		if n, ok := number(value, math.MaxInt32); ok {
			fix = fmt.Sprintf("write %ds for seconds", n)
		}
		return &fault{fmt.Sprintf("%s is no time; it takes numbers with units, and knows no days", quote(value)), fix}
	case d < least:
		return &fault{fmt.Sprintf("%s is too short; %s is the least", quote(value), Brief(least)), "write " + Brief(least) + " or more"}
	case d > most:
		return &fault{fmt.Sprintf("%s is too long; %s is the most", quote(value), Brief(most)), "write " + Brief(most) + " or less"}
	}
	*into = d
	return nil
}

// Brief is a time as people write it: 1h, and not 1h0m0s.
func Brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// number reads a whole number from 1 to most, in digits alone.
func number(s string, most int64) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err == nil && n > 0 && n <= uint64(most)
}
