package filter

import (
	"errors"
	"io"

	"gateway/proxy/limit"
	"gateway/proxy/page"
	"gateway/proxy/traffic"
)

// rate refuses requests of clients that are over a rate.
type rate struct {
	rates  [2]*limit.Rate
	memory *limit.Memory
}

func newRate(rates [2]*limit.Rate, memory *limit.Memory) Filter {
	if rates == ([2]*limit.Rate{}) {
		return Filter{}
	}
	return Filter{Request: rate{rates, memory}.request}
}

// rateRefusals are the refusals by the rates.
var rateRefusals = [...]traffic.Refusal{traffic.ByClientRate, traffic.ByRate}

func (f rate) request(r *Request) bool {
	client := f.memory.Client(r.Client())
	for i, rate := range f.rates {
		if ok, wait := rate.Allow(client, r.Began); !ok {
			r.Refuse(rateRefusals[i], page.Page{Kind: page.TooMany, Retry: wait})
			return false
		}
	}
	return true
}

// bodyMax refuses requests with too large a body, before reading anything of it if they have a length.
type bodyMax struct {
	most int64
}

func newBodyMax(most int64) Filter {
	if most <= 0 {
		return Filter{}
	}
	return Filter{Request: bodyMax{most}.request}
}

// ErrLargeBody says that a request body without a length is too large. It comes while the body is forwarded.
var ErrLargeBody = errors.New("the body is larger than the limit")

func (f bodyMax) request(r *Request) bool {
	switch length := r.Exchange.Request.Length; {
	case length > f.most:
		r.Refuse(traffic.ByBodyMax, page.Page{Kind: page.LargeBody})
		return false
	case length < 0:
		r.Exchange.Receive(func(body io.Reader) io.Reader { return &limited{body, f.most} })
	}
	return true
}

// limited is a body with a limit.
type limited struct {
	io.Reader
	left int64
}

// Read implements io.Reader.
func (b *limited) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrLargeBody
	}
	return n, err
}
