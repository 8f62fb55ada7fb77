package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// caller is a client who comes again and again.
type caller struct {
	*show
	rng    *rand.Rand
	name   string
	called int
	// cookie is what the app that has clients stay gave it last, stays the id of the replica that it is for.
	cookie, stays string
	// transport has the connection over HTTP/2, if there is one.
	transport *http.Transport
}

// come asks for a few things over one connection.
func (v *caller) come(two bool) {
	calls := make([]*call, 1+v.rng.IntN(6))
	for i := range calls {
		calls[i] = v.draw()
		calls[i].two = two
	}
	v.cookie, v.stays = "", ""
	if two {
		v.comeTwo(calls)
		return
	}
	leaves := v.rng.IntN(10) == 0
	conn, err := net.Dial("tcp", v.address)
	if err != nil {
		v.book.wrong("%s cannot connect: %v", v.name, err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(6 * patience))
	l := &calling{caller: v, conn: conn.(*net.TCPConn), in: bufio.NewReader(conn)}
	if v.rng.IntN(3) == 0 {
		l.pipeline(calls, leaves)
		return
	}
	for i, c := range calls {
		c.leaves = leaves && i == len(calls)-1
		if !l.ask(c) {
			return
		}
	}
}

// draw makes up a request.
func (v *caller) draw() *call {
	v.called++
	app := v.casts[v.rng.IntN(len(v.casts))]
	if app.waits && v.rng.IntN(4) > 0 {
		// Else all would wait most of the time.
		app = v.named("storm")
	}
	c := &call{
		id:     v.name + "-" + strconv.Itoa(v.called) + "-",
		app:    app,
		method: []string{"GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "POST", "PATCH", "PUT", "DELETE"}[v.rng.IntN(10)],
		size:   []int{0, 1, 100, 2000, 20 << 10}[v.rng.IntN(5)],
		whole:  true,
	}
	if c.method == "POST" || c.method == "PATCH" || c.method == "PUT" || c.method == "DELETE" && v.rng.IntN(2) == 0 {
		c.body = []int{0, 1, 1000, 200 << 10}[v.rng.IntN(4)]
	}
	return c
}

// text is the request as HTTP/1.1 has it.
func (v *caller) text(c *call) string {
	fields := []string{"X-Id: " + c.id}
	if c.app.name == "sticky" && v.cookie != "" {
		c.stays = v.stays
		fields = append(fields, "Cookie: a=b; "+v.cookie)
	}
	body := string(bodyOf(c.id, c.body))
	if c.body > 0 && v.rng.IntN(3) == 0 {
		c.streamed = true
		fields = append(fields, "Transfer-Encoding: chunked")
		half := (c.body + 1) / 2
		first := chunk(body[:half])
		if half < c.body {
			first += chunk(body[half:])
		}
		body = first + chunk("")
	}
	c.streamed = c.streamed || c.body > 1000
	c.whole = !c.streamed
	return rawRequest(c.method, "/"+c.app.name+"/q/"+c.id, body, fields...)
}

// calling is a connection of a client who speaks HTTP/1.1.
type calling struct {
	*caller
	conn *net.TCPConn
	in   *bufio.Reader
}

// ask sends one request and takes its answer. It returns false when the connection has ended or will.
func (l *calling) ask(c *call) bool {
	text := l.text(c)
	l.book.begin(c)
	defer l.book.end(c)
	if c.leaves {
		_, _ = io.WriteString(l.conn, text[:1+l.rng.IntN(len(text))])
		l.walkOff()
		return false
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(l.conn, text)
	}()
	goes := l.take(c)
	if !goes {
		// The writer must not outlive the visit, and may still wait for a gateway that reads no more.
		_ = l.conn.Close()
	}
	<-sent
	return goes
}

// walkOff leaves after a moment.
func (l *calling) walkOff() {
	<-time.After(time.Duration(l.rng.IntN(3000)) * time.Microsecond)
	if l.rng.IntN(2) == 0 {
		_ = l.conn.SetLinger(0)
	}
	_ = l.conn.Close()
}

// pipeline sends all requests at once.
func (l *calling) pipeline(calls []*call, leaves bool) {
	var all strings.Builder
	for _, c := range calls {
		all.WriteString(l.text(c))
		// What does not fit into the gateway's memory together is not whole.
		c.whole, c.leaves = c.body == 0, leaves
		l.book.begin(c)
	}
	defer func() {
		for _, c := range calls {
			l.book.end(c)
		}
	}()
	if leaves {
		_, _ = io.WriteString(l.conn, all.String()[:1+l.rng.IntN(all.Len())])
		l.walkOff()
		return
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(l.conn, all.String())
	}()
	goes := true
	for _, c := range calls {
		c.unreached = !goes
		goes = goes && l.take(c)
	}
	_ = l.conn.Close()
	<-sent
}

// take reads the answer. It returns false when the connection has ended or will.
func (l *calling) take(c *call) bool {
	m, err := readResponse(l.in, c.method, nil)
	for err == nil && m.status() < 200 {
		m, err = readResponse(l.in, c.method, nil)
	}
	if errors.Is(err, errMalformed) {
		l.book.wrong("%s got what is no HTTP: %v, %q", c.id, err, m.start)
	}
	a := answer{m.status(), m.value, m.body.String(), err}
	l.got(c, a)
	if value, _, found := strings.Cut(m.value("Set-Cookie"), ";"); found && err == nil && c.app.name == "sticky" {
		l.cookie, l.stays = value, c.app.idOf(c.from)
	}
	return err == nil && !m.closes()
}

// answer is what came, over whatever version of HTTP.
type answer struct {
	status int
	field  func(name string) string
	body   string
	err    error
}

// got notes an answer, and refuses one that is another's.
func (v *caller) got(c *call, a answer) {
	c.err = a.err
	if isTimeout(a.err) {
		v.book.wrong("%s got nothing for long", c.id)
	}
	if a.err != nil && a.field("X-Request-Id") == "" {
		// Not even the head is whole.
		return
	}
	c.status, c.from = a.status, a.field("X-Replica")
	id := a.field("X-App-Id")
	switch {
	case id != c.id && id != "" || id == "" && strings.Contains(a.body, "id-"):
		v.book.wrong("%s got the answer of %q: %.60q", c.id, id, a.body)
	case id != "" && a.body != string(bodyOf(id, len(a.body))):
		v.book.wrong("%s got a body that is not its own: %.60q", c.id, a.body)
	case id != "" && a.err == nil && c.method != "HEAD" && len(a.body) != c.size:
		v.book.wrong("%s got %d bytes for %d and cannot know", c.id, len(a.body), c.size)
	}
}

// comeTwo asks over HTTP/2, for all things at once.
func (v *caller) comeTwo(calls []*call) {
	if v.transport == nil {
		v.transport = &http.Transport{
			ForceAttemptHTTP2:  true,
			DisableCompression: true,
			TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // It is the test's own.
		}
	}
	var asking sync.WaitGroup
	for _, c := range calls {
		c.leaves = v.rng.IntN(20) == 0
		wait := time.Duration(v.rng.IntN(3000)) * time.Microsecond
		asking.Go(func() { v.askTwo(c, wait) })
	}
	asking.Wait()
	if v.rng.IntN(10) == 0 {
		v.depart()
	}
}

// depart closes the connections over HTTP/2.
func (v *caller) depart() {
	if v.transport != nil {
		v.transport.CloseIdleConnections()
		v.transport = nil
	}
}

func (v *caller) askTwo(c *call, wait time.Duration) {
	ctx, cancel := context.WithTimeout(v.t.Context(), 6*patience)
	defer cancel()
	if c.leaves {
		defer time.AfterFunc(wait, cancel).Stop()
	}
	var body io.Reader
	if c.body > 0 {
		c.whole, c.streamed = false, true
		// Of another type the library knows how to send it again.
		body = io.NopCloser(strings.NewReader(string(bodyOf(c.id, c.body))))
	}
	r, err := http.NewRequestWithContext(ctx, c.method, "https://"+v.secure+"/"+c.app.name+"/q/"+c.id, body)
	if err != nil {
		v.t.Error(err)
		return
	}
	r.ContentLength = int64(c.body)
	if c.body%2 == 1 {
		r.ContentLength = -1
	}
	if body == nil {
		r.ContentLength = 0
	}
	r.Header.Set("X-Id", c.id)
	v.book.begin(c)
	defer v.book.end(c)
	resp, err := v.transport.RoundTrip(r)
	if err != nil {
		c.err = err
		if errors.Is(err, context.DeadlineExceeded) {
			v.book.wrong("%s got nothing for long", c.id)
		}
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	v.got(c, answer{resp.StatusCode, resp.Header.Get, string(text), err})
}
