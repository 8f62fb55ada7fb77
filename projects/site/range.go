package site

import (
	"net/http"
	"strconv"
	"strings"
)

// maxRanges is how many ranges one request may ask for: each costs a part of the response with a head of its own, and no
// client that reads files needs more.
const maxRanges = 16

// withRange returns the request with the Range field that http.ServeContent is to see, or none where the field is
// ignored: with another method than GET (RFC 9110 section 14.2), with another unit than bytes, which is not defined for
// files, and with a set of ranges that is malformed or that has more than maxRanges (both: section 14.2).
func withRange(r *http.Request) *http.Request {
	values := r.Header.Values("Range")
	if len(values) == 0 {
		return r
	}
	value, ok := byteRanges(values)
	if ok && r.Method == http.MethodGet && len(values) == 1 && value == values[0] {
		return r
	}
	changed := withoutRange(r)
	if ok && r.Method == http.MethodGet {
		changed.Header.Set("Range", value)
	}
	return changed
}

// withoutRange returns the request without its Range field.
func withoutRange(r *http.Request) *http.Request {
	changed := *r
	changed.Header = r.Header.Clone()
	changed.Header.Del("Range")
	return &changed
}

// unsatisfiable is a range that no file has.
const unsatisfiable = "9223372036854775806-"

// byteRanges returns a valid set of byte ranges in the spelling that http.ServeContent reads: units are
// case-insensitive (RFC 9110 section 14.1), and a list may have empty elements (section 5.6.1).
func byteRanges(values []string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	unit, set, found := strings.Cut(values[0], "=")
	if !found || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return "", false
	}
	var specs []string
	for spec := range strings.SplitSeq(set, ",") {
		spec = strings.Trim(spec, " \t")
		if spec == "" {
			continue
		}
		if len(specs) == maxRanges || !validSpec(spec) {
			return "", false
		}
		if strings.Trim(spec, "-0") == "" && spec[0] == '-' { // the last 0 bytes
			spec = unsatisfiable
		}
		specs = append(specs, spec)
	}
	return "bytes=" + strings.Join(specs, ","), len(specs) > 0
}

// validSpec reports whether a spec is "first-last", "first-" or "-length" (RFC 9110 section 14.1.2), with numbers in
// order.
func validSpec(spec string) bool {
	first, last, found := strings.Cut(spec, "-")
	from, fromOK := position(first)
	to, toOK := position(last)
	return found && fromOK && toOK && first+last != "" && (first == "" || last == "" || from <= to)
}

// position reads a number of decimal digits, or none.
func position(digits string) (n int64, ok bool) {
	if digits == "" {
		return 0, true
	}
	if strings.Trim(digits, "0123456789") != "" { // ParseInt takes a sign
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}
