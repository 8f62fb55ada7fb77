package site

import (
	"net/http"
	"strings"

	"gateway/proxy/header"
)

// acceptance is what a client says of encodings: weights by name (RFC 9110, section 12.5.3).
type acceptance map[string]float64

// parseAcceptance reads Accept-Encoding. Items that make no sense count as not accepted.
func parseAcceptance(h http.Header) acceptance {
	a := acceptance{}
	for _, line := range h.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(line, ",") {
			if name, weight := header.Weighted(item); name != "" {
				a[strings.ToLower(name)] = weight
			}
		}
	}
	if w, ok := a["x-gzip"]; ok {
		a["gzip"] = max(a["gzip"], w)
	}
	return a
}

// weight is how much the client wants an encoding, 0 for not at all.
func (a acceptance) weight(encoding string) float64 {
	if w, ok := a[encoding]; ok {
		return w
	}
	return a["*"]
}

// encodings are all of them, the smallest result first; siblings of a file are looked for by extension.
var encodings = []struct{ name, extension string }{
	{"br", ".br"},
	{"zstd", ".zst"},
	{"gzip", ".gz"},
}

// preferred lists the encodings the client accepts, the best first.
func (a acceptance) preferred() []int {
	var order []int
	for i, e := range encodings {
		if a.weight(e.name) <= 0 {
			continue
		}
		at := len(order)
		for at > 0 && a.weight(encodings[order[at-1]].name) < a.weight(e.name) {
			at--
		}
		order = append(order[:at], append([]int{i}, order[at:]...)...)
	}
	return order
}
