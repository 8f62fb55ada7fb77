package main

import (
	"bytes"
	"strconv"
	"syscall"

	"gateway/testdata/bench/poll"
)

// conn is one connection from the proxy.
type conn struct {
	fd      int
	partial []byte // a head that has not arrived whole
	out     []byte // of the response, what could not be sent yet
	left    int    // filler still to be sent behind out
	body    int    // bytes of a request's body still to come
	upload  int    // the size of the body that is arriving
	last    bool   // close after this response
}

// receive reads until there is nothing more, or until a short read when the peer has not hung up. It reports false when
// the connection is to be closed.
func (c *conn) receive(s *server, hungup bool) bool {
	for {
		if c.body > 0 {
			n, errno := poll.Discard(c.fd, min(c.body, 1<<20))
			if errno == syscall.EAGAIN {
				return true
			}
			if errno != 0 || n == 0 {
				return false
			}
			c.body -= n
			if c.body == 0 && !c.respondUpload(s) {
				return false
			}
			continue
		}
		n, errno := poll.Read(c.fd, s.shared)
		if errno == syscall.EAGAIN {
			return true
		}
		if errno != 0 || n == 0 || !c.consume(s, s.shared[:n]) {
			return false
		}
		if n < len(s.shared) && c.body == 0 && !hungup {
			return true
		}
	}
}

// consume takes received bytes: heads, and the beginning of a body.
func (c *conn) consume(s *server, data []byte) bool {
	if len(c.partial) > 0 {
		c.partial = append(c.partial, data...)
		data = c.partial
	}
	for len(data) > 0 {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			c.partial = append(c.partial[:0], data...)
			return len(data) < 64<<10
		}
		head := data[:end+4]
		data = data[end+4:]
		if !c.respond(s, head) {
			return false
		}
		taken := min(c.body, len(data))
		data, c.body = data[taken:], c.body-taken
		if c.upload > 0 && c.body == 0 && !c.respondUpload(s) {
			return false
		}
	}
	c.partial = c.partial[:0]
	return true
}

// respond responds to one request, or begins to read its body.
func (c *conn) respond(s *server, head []byte) bool {
	c.last = bytes.Contains(head, []byte("onnection: close\r\n"))
	if head[0] == 'P' {
		c.body = contentLength(head)
		c.upload = c.body
		return c.body > 0
	}
	line := head[:bytes.IndexByte(head, '\r')]
	_, path, _ := bytes.Cut(line, []byte(" /"))
	path, _, _ = bytes.Cut(path, []byte(" "))
	if _, rest, found := bytes.Cut(path, []byte("/")); found {
		path = rest // a request that came past the proxies has the prefix still
	}
	if string(path) == "echo" {
		return c.send(s, page(head), 0)
	}
	if known, ok := s.pages.small[string(path)]; ok {
		return c.send(s, known, 0)
	}
	n, err := strconv.Atoi(string(path))
	if err != nil || n < 0 {
		return false
	}
	first, left := s.pages.make(n)
	return c.send(s, first, left)
}

func (c *conn) respondUpload(s *server) bool {
	size := c.upload
	c.upload = 0
	return c.send(s, page(strconv.AppendInt(nil, int64(size), 10)), 0)
}

// send sends a response and then filler.
func (c *conn) send(s *server, response []byte, left int) bool {
	if len(c.out) > 0 || c.left > 0 {
		return false // a pipelined request, which no proxy sends
	}
	c.out, c.left = response, left
	return c.flush(s)
}

// flush sends what the kernel takes. It reports false when the connection is to be closed.
func (c *conn) flush(s *server) bool {
	for len(c.out) > 0 {
		n, errno := poll.Write(c.fd, c.out)
		if errno == syscall.EAGAIN {
			return true
		}
		if errno != 0 {
			return false
		}
		c.out = c.out[n:]
		if len(c.out) == 0 && c.left > 0 {
			more := min(c.left, len(s.pages.filler))
			c.out, c.left = s.pages.filler[:more], c.left-more
		}
		if len(c.out) == 0 && c.last {
			return false
		}
	}
	return true
}

func contentLength(head []byte) int {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			n, _ := strconv.Atoi(string(bytes.TrimSpace(value)))
			return n
		}
	}
	return 0
}
