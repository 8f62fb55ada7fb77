package request

import (
	"errors"
	"testing"

	"gateway/proxy/balance"
	"gateway/proxy/live"
)

// An idle request stays with its connection, and would keep a table alive that was replaced long ago.
func TestRequest_KeepsNothingWhenItIsReset(t *testing.T) {
	var d Request
	for range 3 {
		target := new(balance.Target)
		d.tried = append(d.tried, target)
		d.declined = append(d.declined, live.Failure{Target: new(live.Target), Attempt: balance.Attempt{Target: target}, Err: errors.New("declined")})
	}
	// As when the request waits, or another target answered.
	d.tried, d.declined = d.tried[:0], d.declined[:1]
	d.reset()
	for _, target := range d.tried[:cap(d.tried)] {
		if target != nil {
			t.Error("it keeps a target that was tried")
		}
	}
	for _, f := range d.declined[:cap(d.declined)] {
		if f != (live.Failure{}) {
			t.Error("it keeps a declined response")
		}
	}
}
