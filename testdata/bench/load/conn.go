package main

import (
	"fmt"
	"net/http"
	"syscall"
	"time"

	"gateway/testdata/bench/poll"
)

// query is a request that was sent or waits to be.
type query struct {
	start time.Time // when it was due
	sent  time.Time // when it got a connection
	route int
}

// conn is one connection to the proxy and the request that it carries.
type conn struct {
	fd       int
	busy     bool
	dialled  bool // became writable
	query    query
	out      []byte // of the request, what could not be sent yet
	partial  []byte // of the response's head, what has arrived
	response response
	left     int // bytes of the body still to come
	refused  bool
	mark     byte
	inBody   bool
}

// wanted describes correct responses.
type wanted struct {
	length   int  // of the body
	refusals bool // a refusal is correct too, of any length
}

// send begins a request on an open connection, or on one that is being opened.
func (c *conn) send(q query, request []byte) (why string) {
	c.busy, c.query, c.out = true, q, request
	c.partial, c.inBody, c.refused, c.mark = c.partial[:0], false, false, '-'
	if !c.dialled {
		return ""
	}
	return c.flush()
}

func (c *conn) flush() (why string) {
	for len(c.out) > 0 {
		n, errno := poll.Write(c.fd, c.out)
		if errno == syscall.EAGAIN {
			return ""
		}
		if errno != 0 {
			return "write: " + errno.Error()
		}
		c.out = c.out[n:]
	}
	return ""
}

// receive reads what has arrived. It reports that the response is complete, or why it cannot be.
func (c *conn) receive(shared []byte, w wanted) (complete bool, why string) {
	for {
		var n int
		var errno syscall.Errno
		if c.inBody && c.left > len(shared) {
			n, errno = poll.Discard(c.fd, min(c.left, 4<<20))
		} else {
			n, errno = poll.Read(c.fd, shared)
		}
		switch {
		case errno == syscall.EAGAIN:
			return false, ""
		case errno != 0:
			return false, "read: " + errno.Error()
		case n == 0:
			return false, "closed without a response"
		case !c.busy:
			return false, "bytes that nobody asked for"
		}
		if complete, why = c.consume(shared[:min(n, len(shared))], n, w); complete || why != "" {
			return complete, why
		}
	}
}

// consume takes n received bytes; data holds them, unless they were discarded as part of a body.
func (c *conn) consume(data []byte, n int, w wanted) (complete bool, why string) {
	if !c.inBody {
		if data, why = c.head(data, w); !c.inBody {
			return false, why
		}
		n = len(data)
	}
	if c.mark == '-' && len(data) > 0 {
		c.mark = data[0]
	}
	c.left -= n
	if c.left < 0 {
		return false, "more bytes than announced"
	}
	return c.left == 0, ""
}

// head takes received bytes until the head is complete, and returns those behind it.
func (c *conn) head(data []byte, w wanted) (rest []byte, why string) {
	if len(c.partial) > 0 {
		c.partial = append(c.partial, data...)
		data = c.partial
	}
	a, ok := parse(data)
	switch {
	case !ok && len(c.partial) == 0:
		c.partial = append(c.partial, data...)
		return nil, ""
	case !ok:
		return nil, ""
	case w.refusals && a.length >= 0 && (a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable):
		c.refused = true
	case a.status != http.StatusOK:
		return nil, fmt.Sprintf("status %d", a.status)
	case a.length != w.length:
		return nil, fmt.Sprintf("a body of %d bytes", a.length)
	}
	c.response, c.inBody, c.left = a, true, a.length
	return data[a.size:], ""
}
