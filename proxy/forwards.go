package proxy

import (
	"math"
	"net/http"
	"strconv"

	"gateway/proxy/header"
)

// hops reads how many more times a request may be passed on (RFC 9110 section 7.6.2): the least of what its Max-Forwards
// fields say. What is no number is ignored.
func hops(h header.Header) (n uint64, limited bool) {
	n = math.MaxUint64
	for _, f := range h {
		if f.Kind != header.MaxForwards || f.Value == "" {
			continue
		}
		said, valid := uint64(0), true
		for i := range len(f.Value) {
			c := f.Value[i]
			if valid = '0' <= c && c <= '9'; !valid {
				break
			}
			if said = said*10 + uint64(c-'0'); said > math.MaxInt32 {
				// A loop is noticed long before.
				said = math.MaxInt32
			}
		}
		if valid {
			n, limited = min(n, said), true
		}
	}
	return n, limited
}

// lastHop reports that the request may not be passed on. Of the methods that say so, TRACE is not passed on at all.
func (v *visit) lastHop() bool {
	r := &v.exchange.Request
	if r.Method != http.MethodOptions {
		return false
	}
	n, limited := hops(r.Header)
	return limited && n == 0
}

// countHop takes one off the times that the request may be passed on.
func countHop(h *header.Header) {
	if _, found := h.First(header.MaxForwards); !found {
		return
	}
	n, limited := hops(*h)
	h.Drop(header.SetOf(header.MaxForwards))
	if limited && n > 0 {
		h.Append(header.MaxForwards, "Max-Forwards", strconv.FormatUint(n-1, 10))
	}
}
