package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"gateway/proxy/route"
)

// behavior is how a replica treats requests.
type behavior int

const (
	working behavior = iota
	// failing responds with a status of 500 to 504.
	failing
	// breaking breaks off before its responses or in them.
	breaking
	// hanging reads requests and responds to none as long as it does.
	hanging
	// frozen lets the system accept connections and reads nothing, as after SIGSTOP.
	frozen
	// stopped is final.
	stopped
)

// period is a time in which something held. Without an end it still does.
type period struct {
	from, to time.Time
	as       behavior
}

// overlaps reports that it held at some time between the two.
func (p period) overlaps(from, to time.Time) bool {
	return !p.from.After(to) && (p.to.IsZero() || !p.to.Before(from))
}

// covers reports that it held from the one to the other.
func (p period) covers(from, to time.Time) bool {
	return !p.from.After(from) && (p.to.IsZero() || !p.to.Before(to))
}

// replica is one run of a target, from its start to its end. It records the requests that reach it.
type replica struct {
	route.Target
	// app is nil for the replicas of the wild routes.
	app      *chaosApp
	recorder *recorder
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex
	rng      *rand.Rand
	conns    map[*net.TCPConn]bool
	behavior behavior
	// changed is closed when the behavior changes.
	changed chan struct{}
	// faulty is when it did not work, ready when the table had it as ready, unused when it no longer did.
	faulty, ready, unused []period
}

// newReplica starts a replica; behave(stopped) ends it.
func newReplica(rec *recorder, a *chaosApp, target route.Target, seed uint64) *replica {
	// An address of its own, where the loopback has several, so that no other listener gets it soon after.
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(255), 1+rand.IntN(254)))
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		rec.t.Fatal(err)
	}
	target.Address = l.Addr().String()
	r := &replica{
		Target: target, app: a, recorder: rec, listener: l, rng: rand.New(rand.NewPCG(seed, 5)),
		conns: map[*net.TCPConn]bool{}, changed: make(chan struct{}),
	}
	if target.Scheme == route.H2C {
		r.running.Go(r.serveH2C)
		return r
	}
	r.running.Go(func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			if c := conn.(*net.TCPConn); r.keep(c) {
				r.running.Go(func() { r.serve(c) })
			}
		}
	})
	return r
}

// keep remembers a connection, or closes it once the replica has stopped.
func (r *replica) keep(c *net.TCPConn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.behavior == stopped {
		_ = c.Close()
		return false
	}
	r.conns[c] = true
	return true
}

// behave changes the behavior.
func (r *replica) behave(to behavior) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.behavior == to || r.behavior == stopped {
		return
	}
	now := time.Now()
	if r.behavior != working {
		r.faulty[len(r.faulty)-1].to = now
	}
	if to != working {
		r.faulty = append(r.faulty, period{from: now, as: to})
	}
	r.behavior = to
	close(r.changed)
	r.changed = make(chan struct{})
	if to != stopped {
		return
	}
	_ = r.listener.Close()
	for c := range r.conns {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
}

// current is the behavior, and what is closed when it changes.
func (r *replica) current() (behavior, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.behavior, r.changed
}

// draw returns a number below n.
func (r *replica) draw(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.IntN(n)
}

// thawed waits as long as the replica is frozen, and returns false when it has stopped.
func (r *replica) thawed() bool {
	for {
		is, changed := r.current()
		if is != frozen {
			return is != stopped
		}
		<-changed
	}
}

// pause waits for up to that many milliseconds, or for another behavior.
func (r *replica) pause(most int) {
	_, changed := r.current()
	select {
	case <-time.After(time.Duration(r.draw(most*1000)) * time.Microsecond):
	case <-changed:
	}
}

// tabled notes whether the table has it as ready, since between the two.
func (r *replica) tabled(ready bool, before, after time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	is := len(r.ready) > 0 && r.ready[len(r.ready)-1].to.IsZero()
	switch {
	case ready && !is:
		if n := len(r.unused); n > 0 {
			r.unused[n-1].to = before
		}
		r.ready = append(r.ready, period{from: after})
	case !ready && is:
		r.ready[len(r.ready)-1].to = before
		r.unused = append(r.unused, period{from: after})
	}
}

func (r *replica) serve(conn *net.TCPConn) {
	defer func() {
		_ = conn.Close()
		r.mu.Lock()
		delete(r.conns, conn)
		r.mu.Unlock()
	}()
	in := bufio.NewReader(conn)
	for kept := false; ; kept = true {
		m, err := readHead(in)
		if errors.Is(err, errMalformed) {
			r.recorder.errorf("%s received %v", r.Name, err)
		}
		if err != nil || !r.thawed() {
			return
		}
		w := &work{replica: r, conn: conn, in: in, m: m, attempt: &attempt{at: time.Now(), replica: r, kept: kept}}
		if strings.Contains(m.start, " "+checkPath+" ") {
			w.request = &traced{id: "check"}
		} else if w.request = r.recorder.received(w.attempt, m); w.request == nil {
			return
		}
		early := strings.HasPrefix(w.request.fault, "early")
		if !early && !w.read() || !w.respond() || early && !w.read() {
			return
		}
	}
}

// work is one request that reached a replica over HTTP/1.1.
type work struct {
	replica *replica
	conn    *net.TCPConn
	in      *bufio.Reader
	m       *message
	request *traced
	attempt *attempt
}

// read reads the body, which must be the request's own.
func (w *work) read() bool {
	end, err := w.m.framing(0)
	if err == nil {
		err = w.m.readBody(w.in, &w.m.body, end)
	}
	if errors.Is(err, errMalformed) {
		w.replica.recorder.errorf("%s received a body for %s: %v", w.replica.Name, w.request.id, err)
	}
	return w.replica.recorder.body(w.attempt, w.request, w.m.body.String(), err) && err == nil
}

// respond does what the behavior says. It returns false when the connection has ended.
func (w *work) respond() bool {
	for w.replica.app != nil {
		is, changed := w.replica.current()
		switch is {
		case failing:
			return w.say(w.text([]int{500, 502, 503, 504}[w.replica.draw(4)], w.replica.draw(2) == 0), -1)
		case breaking:
			if w.replica.draw(2) == 0 {
				text := w.text(200, w.replica.draw(2) == 0)
				w.say(text, 1+w.replica.draw(len(text)-1))
			}
			if w.replica.draw(2) == 0 {
				_ = w.conn.SetLinger(0)
			}
			return false
		case working:
			return w.succeed()
		case hanging, frozen:
			<-changed
		case stopped:
			return false
		}
	}
	if w.replica.Name == almostQuiet && w.request.fault != "second" {
		return faults[""].play(w)
	}
	return faults[w.request.fault].play(w)
}

// succeed responds with 200, at once or in one of the ways that a slow or an old app has.
func (w *work) succeed() bool {
	text := w.text(200, w.replica.draw(2) == 0)
	styles := []string{"pause", "last", "old", "close", "stall", "drip", "hints"}
	switch style := w.replica.draw(20); {
	case style == 0:
		w.replica.pause(20)
	case style == 1:
		w.say(strings.Replace(text, "\r\n", "\r\nConnection: close\r\n", 1), -1)
		return false
	case style < len(styles) && w.replica.app.neverFails:
		goes := faults[styles[style]].play(w)
		w.replica.recorder.update(func() { w.attempt.status, w.attempt.begun, w.attempt.done = 200, true, true })
		return goes
	}
	return w.say(text, -1)
}

// head is the head of a response.
func (w *work) head(status int, framing string) string {
	return fmt.Sprintf("HTTP/1.1 %d Status\r\nX-App-Id: %s\r\nX-Replica: %s\r\nX-Target: %s\r\n%s\r\n\r\n", status, w.request.id, w.replica.Name, w.replica.ID, framing)
}

// text is a whole response, with its length or in chunks.
func (w *work) text(status int, chunked bool) string {
	body := bodyOf(w.request.id, w.request.size)
	framing := "Content-Length: " + strconv.Itoa(len(body))
	if chunked {
		framing = "Transfer-Encoding: chunked"
	}
	head := w.head(status, framing)
	if w.request.method == "HEAD" {
		return head
	}
	if !chunked {
		return head + body
	}
	for len(body) > 0 {
		n := min(len(body), 1+w.replica.draw(max(4000, w.request.size/3)))
		head += chunk(body[:n])
		body = body[n:]
	}
	return head + chunk("")
}

// say sends a response, or that many bytes of it if that is not negative.
func (w *work) say(text string, most int) bool {
	status, _ := strconv.Atoi(text[9:12])
	w.replica.recorder.update(func() {
		w.attempt.status, w.attempt.begun = status, most < 0 || most >= strings.Index(text, "\r\n\r\n")+4
	})
	if most >= 0 {
		_, _ = io.WriteString(w.conn, text[:most])
		return false
	}
	_, err := io.WriteString(w.conn, text)
	w.replica.recorder.update(func() { w.attempt.done = err == nil })
	return err == nil
}

// serveH2C serves HTTP/2, by the standard library, until the replica stops.
func (r *replica) serveH2C() {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler: http.HandlerFunc(r.handle), Protocols: protocols, ErrorLog: log.New(io.Discard, "", 0), //nolint:gosec // A test's own.
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			r.keep(c.(*net.TCPConn))
			return ctx
		},
	}
	_ = server.Serve(r.listener)
	_ = server.Close()
}

// handle is serve for one request of HTTP/2.
func (r *replica) handle(w http.ResponseWriter, q *http.Request) {
	a := &attempt{at: time.Now(), replica: r}
	if !r.thawed() {
		panic(http.ErrAbortHandler)
	}
	request := r.recorder.received(a, &message{start: q.Method + " " + q.URL.Path + " HTTP/1.1", fields: []string{"X-Id: " + q.Header.Get("X-Id")}})
	if request == nil {
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(q.Body)
	r.recorder.body(a, request, string(body), err)
	w.Header().Set("X-App-Id", request.id)
	w.Header().Set("X-Replica", r.Name)
	for {
		is, changed := r.current()
		switch is {
		case working, failing:
			status := map[behavior]int{working: 200, failing: 503}[is]
			r.recorder.update(func() { a.status, a.begun = status, true })
			w.WriteHeader(status)
			_, err := io.WriteString(w, bodyOf(request.id, request.size))
			r.recorder.update(func() { a.done = err == nil })
			return
		case breaking:
			if r.draw(2) == 0 && request.method != "HEAD" {
				r.recorder.update(func() { a.status, a.begun = 200, true })
				w.Header().Set("Content-Length", "1000000")
				_, _ = io.WriteString(w, strings.Repeat(request.id+"\n", 1+r.draw(100)))
				_ = http.NewResponseController(w).Flush()
			}
			panic(http.ErrAbortHandler)
		case hanging, frozen:
			<-changed
		case stopped:
			panic(http.ErrAbortHandler)
		}
	}
}
