package header

import "strings"

// Lists reports whether a comma-separated list (RFC 9110 section 5.6.1) has the token, compared without case.
func Lists(list, token string) bool {
	for element := range strings.SplitSeq(list, ",") {
		if EqualFold(strings.Trim(element, " \t"), token) {
			return token != ""
		}
	}
	return false
}
