package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"gateway/testdata/bench/poll"
)

// What slow clients are: of a hundred so many send a head byte by byte, and so many a body of slowBody bytes; the others
// request slowResponse bytes and do not read them.
const (
	slowHeads    = 85
	slowBodies   = 14
	slowBody     = 1000
	slowResponse = 16 << 20
)

// slowStep is the time after which the next few send a byte: few at once, since many would keep the core for themselves.
const slowStep = time.Millisecond

// sender is a slow client.
type sender struct {
	fd     int
	left   string // to be sent
	closed bool   // the proxy closed the connection
}

// slowResult is what is printed in the end.
type slowResult struct {
	Sent   int `json:"sent"`   // bytes, after the beginning
	Closed int `json:"closed"` // connections that the proxy ended
}

// RunSlow opens the connections of slow clients and says so; then each sends a byte in the given interval.
func RunSlow(p plan) error {
	senders := make([]*sender, p.conns)
	for i := range senders {
		s, err := p.slow(i)
		if err != nil {
			return err
		}
		senders[i] = s
	}
	fmt.Println("open")
	var r slowResult
	steps := max(1, int(p.every/slowStep))
	begun := time.Now()
	for step := 0; time.Since(begun) < p.duration; step++ {
		time.Sleep(time.Until(begun.Add(time.Duration(step) * slowStep)))
		for i := step % steps; i < len(senders); i += steps {
			r.Sent += senders[i].drip()
		}
	}
	for _, s := range senders {
		if s.closed {
			r.Closed++
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		return fmt.Errorf("reporting: %w", err)
	}
	return nil
}

// slow opens the connection of the ith slow client, and sends the beginning of its request: not all are equally far.
func (p plan) slow(i int) (*sender, error) {
	fd, err := poll.Dial(p.source+i%p.sources, p.port)
	if err != nil {
		return nil, err
	}
	method, path, fields, body := "GET", p.path, "X-Slow: "+strings.Repeat("s", 200)+"\r\n", ""
	kind := i % 100
	switch {
	case kind < slowHeads:
	case kind < slowHeads+slowBodies:
		method, body = "POST", strings.Repeat("b", slowBody)
		fields = fmt.Sprintf("Content-Length: %d\r\n", slowBody)
	default:
		path, fields = fmt.Sprint(slowResponse), ""
	}
	text := fmt.Sprintf("%s /p%d/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n%s", method, 1+i%p.routes, path, p.port, fields, body)
	now := len(text) - len(body) + i%2*min(1, len(body))
	if kind < slowHeads {
		now = 1 + kind
	}
	for begun := time.Now(); ; time.Sleep(slowStep / 4) {
		_, errno := poll.Write(fd, []byte(text[:now]))
		switch {
		case errno == 0:
			return &sender{fd: fd, left: text[now:]}, nil
		case errno != syscall.EAGAIN || time.Since(begun) > timeout:
			return nil, fmt.Errorf("opening connection %d: %w", i+1, errno)
		}
	}
}

// drip sends one more byte, unless it would be the last: who is slow has not finished yet.
func (s *sender) drip() int {
	if s.closed || len(s.left) < 2 {
		return 0
	}
	n, errno := poll.Write(s.fd, []byte(s.left[:1]))
	if errno != 0 {
		s.closed = errno != syscall.EAGAIN
		return 0
	}
	s.left = s.left[1:]
	return n
}
