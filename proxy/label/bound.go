package label

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gateway/proxy/route"
)

// pers are the times that a rate may be per.
var pers = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

// persMeant are what people write for them elsewhere.
var persMeant = map[string]string{
	"sec": "s", "second": "s", "S": "s", "1s": "s", "min": "m", "minute": "m", "M": "m", "1m": "m", "hour": "h", "H": "h", "1h": "h",
}

// readRate reads "10/s" or "10/s,burst=20". Without a burst, what belongs to one second may come at once.
func readRate(c *Claim, value string) *fault {
	rate, option, more := strings.Cut(value, ",")
	rate = strings.TrimSpace(rate)
	count, unit, _ := strings.Cut(rate, "/")
	n, counted := number(count, mostRequests)
	per, known := pers[unit]
	if !counted || !known {
		return &fault{
			fmt.Sprintf("%s is no rate; it takes a number from 1 to %d, a slash, and s, m or h", quote(value), mostRequests),
			"write " + rateMeant(count, unit),
		}
	}
	burst := max(1, (n*int64(time.Second)+int64(per)-1)/int64(per))
	if more {
		digits, is := strings.CutPrefix(strings.TrimSpace(option), "burst=")
		b, ok := number(digits, mostRequests)
		if !is || !ok {
			return &fault{
				fmt.Sprintf("%s does not end as a rate does; after the comma it takes burst= and a number from 1 to %d", quote(value), mostRequests),
				fmt.Sprintf("write %s, or %s,burst=%d", rate, rate, 2*burst),
			}
		}
		burst = b
	}
	c.Policy.Rate = route.Rate{Requests: int(n), Per: per, Burst: int(burst)}
	return nil
}

// rateMeant guesses the rate behind one that cannot be read.
func rateMeant(count, unit string) string {
	count = strings.TrimRight(strings.TrimSpace(count), "r") // nginx has 10r/s
	unit = strings.TrimSpace(unit)
	if near := persMeant[unit]; near != "" {
		unit = near
	}
	if n, ok := number(count, mostRequests); ok && pers[unit] != 0 {
		return fmt.Sprintf("%d/%s", n, unit)
	}
	return "how many requests one client may make in which time, such as 10/s, 600/m or 10/s,burst=20"
}

// units are what sizes may be given in, in bytes.
var units = map[string]int64{
	"": 1, "B": 1,
	"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}

// readBodyMax reads a size such as 10MB, 512KiB or 1048576.
func readBodyMax(c *Claim, value string) *fault {
	digits := strings.TrimRight(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit := value[len(digits):]
	n, ok := number(strings.TrimSpace(digits), mostBody)
	size, known := units[unit]
	switch {
	case !ok || !known:
		return &fault{
			quote(value) + " is no size; it takes a whole number of bytes, kB, MB, GB, KiB, MiB or GiB, at least one byte",
			"write " + sizeMeant(digits, unit),
		}
	case n > mostBody/size:
		return &fault{quote(value) + " is too large; 1TiB is the most", "write 1TiB or less; without it there is no limit"}
	}
	c.Policy.BodyMax = n * size
	return nil
}

// sizeMeant guesses the size behind one that cannot be read: 10m may be either of two.
func sizeMeant(digits, unit string) string {
	if n, ok := number(digits, mostBody); ok {
		var meant []string
		for _, name := range slices.Sorted(maps.Keys(units)) {
			if n > mostBody/units[name] {
				continue
			}
			if strings.EqualFold(name, unit) || strings.EqualFold(name, unit+"B") || strings.EqualFold(name, unit+"iB") {
				meant = append(meant, fmt.Sprintf("%d%s", n, name))
			}
		}
		if len(meant) > 0 {
			return strings.Join(meant, " or ")
		}
	}
	return "a size such as 10MB, 512KiB or 1048576"
}

// ParseRate reads a rate as the label gateway.rate has it: "10/s" or "10/s,burst=20". An error names the input, the rule
// and the fix.
func ParseRate(s string) (route.Rate, error) {
	var c Claim
	if bad := readRate(&c, strings.TrimSpace(s)); bad != nil {
		return route.Rate{}, fmt.Errorf("%s; %s", bad.rule, bad.fix)
	}
	return c.Policy.Rate, nil
}

// ParseSize reads a size in bytes, at least 1 and at most 1 TiB, as the label gateway.body.max has it: "10MB", "512KiB" or
// "1048576". An error names the input, the rule and the fix.
func ParseSize(s string) (int64, error) {
	var c Claim
	if bad := readBodyMax(&c, strings.TrimSpace(s)); bad != nil {
		return 0, fmt.Errorf("%s; %s", bad.rule, bad.fix)
	}
	return c.Policy.BodyMax, nil
}
