package filter

import (
	"math"
	"net/http"
	"strconv"

	"gateway/proxy/header"
	"gateway/proxy/page"
)

// maxForwards counts Max-Forwards of OPTIONS requests down, and answers those with 0 (RFC 9110 section 7.6.2). TRACE, the
// other method with that field, is never forwarded.
var maxForwards = Filter{Request: answerLast, Forward: countForward}

func answerLast(r *Request) bool {
	q := &r.Exchange.Request
	if q.Method != http.MethodOptions {
		return true
	}
	if n, limited := forwardsLeft(q.Header); !limited || n > 0 {
		return true
	}
	r.Reply(http.StatusNoContent, "Allow", page.Allowed)
	return false
}

func countForward(r *Request, h *header.Header) {
	if r.Exchange.Request.Method != http.MethodOptions {
		return
	}
	if _, found := h.First(header.MaxForwards); !found {
		return
	}
	n, limited := forwardsLeft(*h)
	h.Drop(header.SetOf(header.MaxForwards))
	if limited && n > 0 {
		h.Append(header.MaxForwards, "Max-Forwards", strconv.FormatUint(n-1, 10))
	}
}

// forwardsLeft is the least of the Max-Forwards fields. Values that are no number are ignored.
func forwardsLeft(h header.Header) (n uint64, limited bool) {
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
				// Larger numbers make no difference.
				said = math.MaxInt32
			}
		}
		if valid {
			n, limited = min(n, said), true
		}
	}
	return n, limited
}
