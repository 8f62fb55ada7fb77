package header

import (
	"strconv"
	"strings"
)

// Weighted splits an item of a field such as Accept into its name and its weight (RFC 9110 section 12.4.2). The weight is 1
// if the item has none, and 0 if it is invalid.
func Weighted(item string) (name string, weight float64) {
	name, parameters, _ := strings.Cut(item, ";")
	name = strings.TrimSpace(name)
	for parameter := range strings.SplitSeq(parameters, ";") {
		key, value, found := strings.Cut(parameter, "=")
		if !found || !EqualFold(strings.TrimSpace(key), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return name, 0
		}
		return name, q
	}
	return name, 1
}
