package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// traced is one request of a client and all that is known of it.
type traced struct {
	id, method string
	app        *chaosApp
	// fault is what a wild replica does with it.
	fault string
	// body and size are the bytes of the request's body and of the response's.
	body, size int
	// whole reports that head and body come in one piece, or that there is no body, and streamed that they certainly do not.
	whole, streamed, http2 bool
	// last announces the end of the connection.
	last bool
	// sticky is the id of the target that the client's cookie names.
	sticky string

	// leaves reports that the client leaves before it has the response, unreached that the connection had ended before.
	leaves, unreached bool
	began, ended      time.Time
	// status is that of the response, 0 for none, and from and fromID the replica that it came from, empty for the gateway
	// itself.
	status       int
	from, fromID string
	// err is why the response is not whole.
	err error
	// attempts are the times that it reached a replica. The recorder guards them.
	attempts []*attempt
}

// attempt is a request at one replica.
type attempt struct {
	replica *replica
	at      time.Time
	// kept reports that the connection had another request before.
	kept bool
	// status is that of the response, begun that its head was sent, done that all of it was.
	status      int
	begun, done bool
}

// recorder records the requests of clients and those that reached replicas.
type recorder struct {
	t  *testing.T
	mu sync.Mutex
	// requests are all by their ids, open those that have not ended.
	requests map[string]*traced
	open     map[*traced]bool
	mistakes int
}

// errorf reports a mistake of the gateway; the first few are enough.
func (r *recorder) errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mistakes++; r.mistakes <= 10 {
		r.t.Errorf(format, args...)
	}
}

// update changes what the recorder has.
func (r *recorder) update(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func (r *recorder) begin(q *traced) {
	r.update(func() {
		q.began = time.Now()
		r.requests[q.id] = q
		r.open[q] = true
	})
}

func (r *recorder) end(q *traced) {
	r.update(func() {
		q.ended = time.Now()
		delete(r.open, q)
	})
}

// endedBefore reports that all requests have ended that began before.
func (r *recorder) endedBefore(t time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for q := range r.open {
		if !q.began.After(t) {
			return false
		}
	}
	return true
}

// received notes that a request reached a replica. It returns nil for one that no client sent.
func (r *recorder) received(a *attempt, m *message) *traced {
	id := m.value("X-Id")
	r.mu.Lock()
	q := r.requests[id]
	if q != nil {
		q.attempts = append(q.attempts, a)
	}
	r.mu.Unlock()
	method, rest, _ := strings.Cut(m.start, " ")
	if q == nil || method != q.method || !strings.HasSuffix(rest, "/"+id+" HTTP/1.1") {
		r.errorf("%s received a mixed up request: %q with %q", a.replica.Name, m.start, m.fields)
		return nil
	}
	return q
}

// body checks the body that reached a replica. It reports whether it is the request's own.
func (r *recorder) body(a *attempt, q *traced, got string, err error) bool {
	if got == bodyOf(q.id, len(got)) && (err != nil || q.id == "check" || len(got) == q.body) {
		return true
	}
	r.errorf("%s received a body for %s that is not its own: %d bytes, want %d, %v, %.60q", a.replica.Name, q.id, len(got), q.body, err, got)
	return false
}

// chaosClient sends requests again and again.
type chaosClient struct {
	chaos *chaos
	rng   *rand.Rand
	name  string
	sent  int
	// cookie is what the sticky app set last, sticky the id of the replica that it names.
	cookie, sticky string
	// transport has the connection over HTTP/2 of a client that speaks it.
	transport *http.Transport
}

// connect sends a few requests over one connection: one after the other, all at once, or over HTTP/2.
func (v *chaosClient) connect() {
	requests := make([]*traced, 1+v.rng.IntN(6))
	for i := range requests {
		requests[i] = v.draw()
		requests[i].http2 = v.transport != nil
	}
	v.cookie, v.sticky = "", ""
	if v.transport != nil {
		v.connectHTTP2(requests)
		return
	}
	conn, err := net.Dial("tcp", v.chaos.proxy.address)
	if err != nil {
		v.chaos.errorf("%s cannot connect: %v", v.name, err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(6 * patience))
	c := &chaosConn{client: v, conn: conn.(*net.TCPConn), in: bufio.NewReader(conn)}
	if v.rng.IntN(5) == 0 {
		// It reads a little at a time.
		c.in = bufio.NewReaderSize(iotest.HalfReader(conn), 16+v.rng.IntN(4096))
	}
	leaves := v.rng.IntN(10) == 0
	requests[len(requests)-1].last = v.rng.IntN(3) == 0
	if v.rng.IntN(3) == 0 {
		c.exchange(requests, leaves)
		return
	}
	for i := range requests {
		if !c.exchange(requests[i:i+1], leaves && i == len(requests)-1) {
			return
		}
	}
}

// draw makes up a request.
func (v *chaosClient) draw() *traced {
	v.sent++
	apps := v.chaos.apps
	a := apps[v.rng.IntN(len(apps))]
	if a.waits && v.rng.IntN(4) > 0 {
		// Else all would wait most of the time.
		a = v.chaos.storm
	}
	q := &traced{
		id:     v.name + "-" + strconv.Itoa(v.sent) + "-",
		app:    a,
		method: []string{"GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "POST", "PATCH", "PUT", "DELETE"}[v.rng.IntN(10)],
		size:   []int{0, 1, 100, 2000, 20 << 10}[v.rng.IntN(5)] + v.rng.IntN(50),
		whole:  true,
	}
	if q.method == "POST" || q.method == "PATCH" || q.method == "PUT" || q.method == "DELETE" && v.rng.IntN(2) == 0 {
		q.body = []int{0, 1, 1000, 200 << 10}[v.rng.IntN(4)]
	}
	if a.wild {
		q.fault = faultNames[v.rng.IntN(len(faultNames))]
		// What follows a large body is still in the socket when the body has passed.
		if q.fault == "second" || v.rng.IntN(6) == 0 {
			q.size += v.rng.IntN(300 << 10)
		}
	}
	return q
}

// text is the request in HTTP/1.1.
func (v *chaosClient) text(q *traced) string {
	fields := []string{"X-Id: " + q.id}
	if q.last {
		fields = append(fields, "Connection: close")
	}
	if q.app.name == "sticky" && v.cookie != "" {
		q.sticky = v.sticky
		fields = append(fields, "Cookie: a=b; "+v.cookie)
	}
	body := bodyOf(q.id, q.body)
	if q.body > 0 && v.rng.IntN(3) == 0 {
		q.streamed = true
		fields = append(fields, "Transfer-Encoding: chunked")
		half := (q.body + 1) / 2
		first := chunk(body[:half])
		if half < q.body {
			first += chunk(body[half:])
		}
		body = first + chunk("")
	}
	q.streamed = q.streamed || q.body > 1000
	q.whole = !q.streamed
	return rawRequest(q.method, "/"+q.app.name+"/q/"+q.id, body, fields...)
}

// chaosConn is a connection of a client over HTTP/1.1.
type chaosConn struct {
	client *chaosClient
	conn   *net.TCPConn
	in     *bufio.Reader
}

// exchange sends requests at once and reads their responses, or leaves before. It reports whether the connection goes on.
func (c *chaosConn) exchange(requests []*traced, leaves bool) bool {
	var text strings.Builder
	rec, rng := &c.client.chaos.recorder, c.client.rng
	for _, q := range requests {
		text.WriteString(c.client.text(q))
		if len(requests) > 1 {
			// What does not fit into the gateway's memory together is not whole.
			q.whole = q.body == 0
		}
		q.leaves = leaves
		rec.begin(q)
	}
	defer func() {
		for _, q := range requests {
			rec.end(q)
		}
	}()
	if leaves {
		_, _ = io.WriteString(c.conn, text.String()[:1+rng.IntN(text.Len())])
		<-time.After(time.Duration(rng.IntN(3000)) * time.Microsecond)
		if rng.IntN(2) == 0 {
			_ = c.conn.SetLinger(0)
		}
		_ = c.conn.Close()
		return false
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(c.conn, text.String())
	}()
	goes := true
	for _, q := range requests {
		q.unreached = !goes
		goes = goes && c.receive(q)
	}
	if !goes {
		// The writer may still wait for a gateway that reads no more.
		_ = c.conn.Close()
	}
	<-sent
	return goes
}

// receive reads the response. It reports whether the connection goes on.
func (c *chaosConn) receive(q *traced) bool {
	v := c.client
	m, err := readResponse(c.in, q.method, nil)
	for err == nil && m.status() < 200 {
		if id := m.value("X-App-Id"); id != q.id {
			v.chaos.errorf("%s got the %d of %q", q.id, m.status(), id)
		}
		m, err = readResponse(c.in, q.method, nil)
	}
	if errors.Is(err, errMalformed) {
		v.chaos.errorf("%s (%s) got what is no HTTP: %v, %q", q.id, q.fault, err, m.start)
	}
	v.received(q, m.status(), m.value, m.body.String(), err)
	if value, _, found := strings.Cut(m.value("Set-Cookie"), ";"); found && err == nil && q.app.name == "sticky" {
		v.cookie, v.sticky = value, q.fromID
	}
	if err != nil || !m.closes() {
		return err == nil
	}
	if q.app.neverFails && !q.app.waits && q.status == 200 && !q.last && q.body < 64<<10 {
		v.chaos.errorf("%s: the gateway closed the connection for no reason", q.id)
	}
	if rest, err := io.ReadAll(c.in); len(rest) > 0 || isTimeout(err) {
		v.chaos.errorf("%s: behind the last response came %.60q, %v", q.id, rest, err)
	}
	return false
}

// received notes a response, and refuses one that is another request's.
func (v *chaosClient) received(q *traced, status int, field func(string) string, body string, err error) {
	q.err = err
	if isTimeout(err) || errors.Is(err, context.DeadlineExceeded) {
		v.chaos.errorf("%s (%s) got nothing for long", q.id, q.fault)
	}
	if err != nil && field("X-Request-Id") == "" {
		// Not even the head is whole.
		return
	}
	q.status, q.from, q.fromID = status, field("X-Replica"), field("X-Target")
	id, corrupt := field("X-App-Id"), q.from != almostQuiet && (q.fault == "bad-chunk" || q.fault == "bad-size")
	switch {
	case id != q.id && id != "", id == "" && strings.Contains(body, "id-"), id == "" && err == nil && status < 400:
		v.chaos.errorf("%s (%s) got the %d of %q: %.60q", q.id, q.fault, status, id, body)
	case id == "" || q.method == "HEAD":
	case err == nil && (corrupt || q.fault == "rst-close" && q.from != almostQuiet):
		v.chaos.errorf("%s (%s) got a broken response as a whole one", q.id, q.fault)
	case !corrupt && body != bodyOf(id, len(body)):
		v.chaos.errorf("%s (%s) got a body that is not its own: %.60q", q.id, q.fault, body)
	case !corrupt && (err == nil && len(body) != q.size || q.app.wild && len(body) > q.size):
		v.chaos.errorf("%s (%s) got %d bytes for %d and cannot know", q.id, q.fault, len(body), q.size)
	}
}

// connectHTTP2 sends all requests at once over HTTP/2.
func (v *chaosClient) connectHTTP2(requests []*traced) {
	var sending sync.WaitGroup
	for _, q := range requests {
		q.leaves = v.rng.IntN(20) == 0
		wait := time.Duration(v.rng.IntN(3000)) * time.Microsecond
		sending.Go(func() { v.sendHTTP2(q, wait) })
	}
	sending.Wait()
	if v.rng.IntN(10) == 0 {
		v.transport.CloseIdleConnections()
	}
}

// sendHTTP2 sends one request over HTTP/2. A client that leaves does so after that time.
func (v *chaosClient) sendHTTP2(q *traced, wait time.Duration) {
	ctx, cancel := context.WithTimeout(v.chaos.t.Context(), 6*patience)
	defer cancel()
	if q.leaves {
		defer time.AfterFunc(wait, cancel).Stop()
	}
	r, err := http.NewRequestWithContext(ctx, q.method, "https://"+v.chaos.secure+"/"+q.app.name+"/q/"+q.id, nil)
	if err != nil {
		v.chaos.errorf("%v", err)
		return
	}
	if q.body > 0 {
		q.whole, q.streamed = false, true
		// Of another type the library knows how to send it again.
		r.Body = io.NopCloser(strings.NewReader(bodyOf(q.id, q.body)))
		r.ContentLength = int64(q.body)
		if q.body%2 == 1 {
			r.ContentLength = -1
		}
	}
	r.Header.Set("X-Id", q.id)
	v.chaos.begin(q)
	defer v.chaos.end(q)
	resp, err := v.transport.RoundTrip(r)
	if err != nil {
		v.received(q, 0, func(string) string { return "" }, "", err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	v.received(q, resp.StatusCode, resp.Header.Get, string(body), err)
}
