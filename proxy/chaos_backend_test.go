package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/proxy/route"
)

// jester is a target on raw sockets that does to each request what its X-Do field says.
type jester struct {
	route.Target
	listener net.Listener
	stop     chan struct{}
	running  sync.WaitGroup
	// wrong tells what the gateway did wrong.
	wrong func(format string, args ...any)

	mu    sync.Mutex
	rng   *rand.Rand
	conns map[net.Conn]bool
	// once has the requests that may be sent once only.
	once map[string]bool
}

// jest opens a jester; close ends it.
func jest(t *testing.T, name string, seed uint64, wrong func(string, ...any)) *jester {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	j := &jester{
		Target: at(name, l.Addr().String()), listener: l, stop: make(chan struct{}), wrong: wrong,
		rng: rand.New(rand.NewPCG(seed, 1)), conns: map[net.Conn]bool{}, once: map[string]bool{},
	}
	j.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if !j.keep(conn) {
				return
			}
			j.running.Go(func() { j.serve(conn) })
		}
	})
	return j
}

func (j *jester) keep(conn net.Conn) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.conns == nil {
		_ = conn.Close()
		return false
	}
	j.conns[conn] = true
	return true
}

func (j *jester) close() {
	_ = j.listener.Close()
	close(j.stop)
	j.mu.Lock()
	for conn := range j.conns {
		_ = conn.Close()
	}
	j.conns = nil
	j.mu.Unlock()
	j.running.Wait()
}

// pause waits for up to that many milliseconds.
func (j *jester) pause(most int) {
	j.mu.Lock()
	wait := time.Duration(j.rng.IntN(most*1000)) * time.Microsecond
	j.mu.Unlock()
	select {
	case <-time.After(wait):
	case <-j.stop:
	}
}

// serve answers until the gateway or a deed ends the connection.
func (j *jester) serve(conn net.Conn) {
	c := &jestConn{TCPConn: conn.(*net.TCPConn), j: j, r: bufio.NewReader(conn)}
	defer func() {
		_ = conn.Close()
		j.mu.Lock()
		delete(j.conns, conn)
		j.mu.Unlock()
	}()
	for {
		m, err := readHead(c.r)
		if err != nil {
			if errors.Is(err, errMalformed) {
				j.wrong("a target was sent %v", err)
			}
			return
		}
		if !c.take(m) || !deeds[c.do](c) {
			return
		}
	}
}

// jestConn is a connection to a jester, with the request that came over it last.
type jestConn struct {
	*net.TCPConn
	j        *jester
	r        *bufio.Reader
	m        *message
	id, do   string
	head     bool
	size     int
	bodyLeft bool
}

// take reads who asks for what, and refuses requests that are mixed up.
func (c *jestConn) take(m *message) bool {
	c.m, c.id, c.do = m, m.value("X-Id"), m.value("X-Do")
	method, rest, _ := strings.Cut(m.start, " ")
	c.head = method == "HEAD"
	c.size, _ = strconv.Atoi(m.value("X-Size"))
	c.bodyLeft = m.value("Content-Length")+m.value("Transfer-Encoding") != ""
	if deeds[c.do] == nil || !strings.HasSuffix(rest, "/"+c.id+" HTTP/1.1") {
		c.j.wrong("a target was sent a mixed request: %q with %q", m.start, m.fields)
		return false
	}
	if method == "POST" {
		c.j.mu.Lock()
		again := c.j.once[c.id]
		c.j.once[c.id] = true
		c.j.mu.Unlock()
		if again {
			c.j.wrong("a POST was sent twice: %s", c.id)
			return false
		}
	}
	return hasty[c.do] || c.finish()
}

var hasty = map[string]bool{"early": true, "early-close": true}

// finish reads the body, which must be the request's own.
func (c *jestConn) finish() bool {
	if !c.bodyLeft {
		return true
	}
	c.bodyLeft = false
	end, err := c.m.framing(0)
	if err == nil {
		err = c.m.readBody(c.r, &c.m.body, end)
	}
	if errors.Is(err, errMalformed) {
		c.j.wrong("a target was sent a body: %v", err)
	}
	if err == nil && !bytes.Equal(c.m.body.Bytes(), bodyOf(c.id, c.m.body.Len())) {
		c.j.wrong("the body of %s is another's: %.60q", c.id, &c.m.body)
	}
	return err == nil
}

// bodyOf is the body of that size of a request or its answer: its id, over and over.
func bodyOf(id string, size int) []byte {
	return []byte(strings.Repeat(id+"\n", size/(len(id)+1)+1)[:size])
}

// start is the head of a proper answer.
func (c *jestConn) start(framing string) string {
	return "HTTP/1.1 200 OK\r\nX-App-Id: " + c.id + "\r\n" + framing + "\r\n\r\n"
}

// proper is a proper answer with its length, or in chunks.
func (c *jestConn) proper(chunked bool) string {
	body := string(bodyOf(c.id, c.size))
	switch {
	case c.head:
		return c.start("Content-Length: " + strconv.Itoa(c.size))
	case !chunked:
		return c.start("Content-Length: "+strconv.Itoa(c.size)) + body
	}
	half := c.size / 2
	text := c.start("Transfer-Encoding: chunked")
	for _, piece := range []string{body[:half], body[half:]} {
		if piece != "" {
			text += chunk(piece)
		}
	}
	return text + chunk("")
}

func (c *jestConn) say(text string) bool {
	_, err := io.WriteString(c, text)
	return err == nil
}

// leave says something and ends the connection.
func (c *jestConn) leave(text string) bool {
	c.say(text)
	return false
}

// reset ends the connection without a farewell.
func (c *jestConn) reset() bool {
	_ = c.SetLinger(0)
	_ = c.Close()
	return false
}

// part is the beginning of an answer, its end left out.
func part(answer string) string { return answer[:len(answer)-1-len(answer)/3] }

// poison is an answer that nobody asked for.
const poison = "HTTP/1.1 200 OK\r\nX-App-Id: id-poison\r\nContent-Length: 10\r\n\r\nid-poison\n"

// deeds are what a jester does with a request. One that returns false ends the connection.
var deeds = map[string]func(c *jestConn) bool{
	"":         func(c *jestConn) bool { return c.say(c.proper(false)) },
	"chunked":  func(c *jestConn) bool { return c.say(c.proper(true)) },
	"no-head":  func(*jestConn) bool { return false },
	"rst-head": func(c *jestConn) bool { return c.reset() },
	"half-head": func(c *jestConn) bool {
		return c.leave("HTTP/1.1 200 OK\r\nX-App-Id: " + c.id + "\r\nContent-Le")
	},
	"cut":       func(c *jestConn) bool { return c.leave(part(c.proper(false))) },
	"cut-chunk": func(c *jestConn) bool { return c.leave(part(c.proper(true))) },
	"rst":       func(c *jestConn) bool { c.say(part(c.proper(false))); return c.reset() },
	"rst-chunk": func(c *jestConn) bool { c.say(part(c.proper(true))); return c.reset() },
	"no-last":   func(c *jestConn) bool { return c.leave(strings.TrimSuffix(c.proper(true), chunk(""))) },
	"rst-close": func(c *jestConn) bool {
		c.say(c.start("Connection: close") + string(bodyOf(c.id, c.size/2)))
		c.j.pause(2)
		return c.reset()
	},
	"close": func(c *jestConn) bool {
		text := c.start("Connection: close")
		if !c.head {
			text += string(bodyOf(c.id, c.size))
		}
		return c.leave(text)
	},
	"old": func(c *jestConn) bool {
		if c.m.value("Transfer-Encoding") != "" {
			// It reads chunks, so it speaks HTTP/1.1, in which it has to say that it ends the connection: a POST that is sent
			// before the end shows is lost, and may not be sent again.
			return c.leave(strings.Replace(c.proper(false), "\r\n", "\r\nConnection: close\r\n", 1))
		}
		return c.leave(strings.Replace(c.proper(false), "HTTP/1.1", "HTTP/1.0", 1))
	},
	"stall": func(c *jestConn) bool {
		answer := c.proper(c.size%2 == 0)
		c.j.pause(20)
		if !c.say(answer[:len(answer)/2]) {
			return false
		}
		c.j.pause(20)
		return c.say(answer[len(answer)/2:])
	},
	"drip": func(c *jestConn) bool {
		for answer := c.proper(c.size%2 == 0); answer != ""; answer = answer[min(len(answer), 1+c.size%7):] {
			if len(answer) > 500 {
				return c.say(answer)
			}
			if !c.say(answer[:min(len(answer), 1+c.size%7)]) {
				return false
			}
		}
		return true
	},
	"garbage": func(c *jestConn) bool { return c.leave("no HTTP at all, but " + c.id + "\r\n\r\n") },
	"noise":   func(c *jestConn) bool { return c.leave("\x00\xff\x16\x03\x01") },
	"bad-field": func(c *jestConn) bool {
		return c.leave(c.start("Content Length: 5") + "12345")
	},
	"long":       func(c *jestConn) bool { return c.say(c.proper(false) + "and more of " + c.id) },
	"second":     func(c *jestConn) bool { return c.say(c.proper(false) + poison) },
	"after-last": func(c *jestConn) bool { return c.say(c.proper(true) + poison) },
	"bad-chunk": func(c *jestConn) bool {
		return c.leave(c.start("Transfer-Encoding: chunked") + "2\r\nid-\r\n0\r\n\r\n")
	},
	"bad-size": func(c *jestConn) bool {
		return c.leave(c.start("Transfer-Encoding: chunked") + chunk(c.id) + "zz\r\n")
	},
	"idle-408": func(c *jestConn) bool {
		if !c.say(c.proper(false)) {
			return false
		}
		c.j.pause(3)
		return c.leave("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	},
	"idle-close": func(c *jestConn) bool { c.say(c.proper(false)); c.j.pause(2); return false },
	"idle-reset": func(c *jestConn) bool { c.say(c.proper(false)); c.j.pause(2); return c.reset() },
	"early":      func(c *jestConn) bool { return c.say(c.proper(false)) && c.finish() },
	"early-close": func(c *jestConn) bool {
		c.say(c.proper(false))
		return false
	},
	"info": func(c *jestConn) bool {
		for i := range 3 {
			if !c.say("HTTP/1.1 103 Early Hints\r\nX-App-Id: " + c.id + "\r\nLink: </" + strconv.Itoa(i) + ">\r\n\r\n") {
				return false
			}
		}
		return c.say("HTTP/1.1 102 Processing\r\nX-App-Id: " + c.id + "\r\n\r\n" + c.proper(c.size%2 == 0))
	},
	"info-cut": func(c *jestConn) bool {
		return c.leave("HTTP/1.1 103 Early Hints\r\nX-App-Id: " + c.id + "\r\n\r\n")
	},
}

// harmless are the deeds after which the client must have the answer in full.
var harmless = []string{"", "chunked", "close", "old", "stall", "drip", "info"}

// deedNames are all of them, in an order that a seed can draw from.
var deedNames = slices.Sorted(maps.Keys(deeds))
