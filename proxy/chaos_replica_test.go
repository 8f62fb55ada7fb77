package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/proxy/route"
)

// conduct is how a replica treats what it is asked.
type conduct int

const (
	// doesWell answers everything.
	doesWell conduct = iota
	// doesFail answers that it failed.
	doesFail
	// doesBreak breaks off before its answers or in them.
	doesBreak
	// doesHang reads requests and answers none as long as it does.
	doesHang
	// doesSleep has the system take connections for it and reads nothing, as after SIGSTOP.
	doesSleep
	// isDead is gone for good.
	isDead
)

// spell is a time in which something held; without an end it still does.
type spell struct {
	from, to time.Time
	as       conduct
}

// meets reports that it held at some time between the two.
func (s spell) meets(from, to time.Time) bool {
	return !s.from.After(to) && (s.to.IsZero() || !s.to.Before(from))
}

// covers reports that it held from the one to the other.
func (s spell) covers(from, to time.Time) bool {
	return !s.from.After(from) && (s.to.IsZero() || !s.to.Before(to))
}

// replica is one life of a target: its process, from its start to its end. It records what reaches it.
type replica struct {
	route.Target
	book     *book
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	rng     *rand.Rand
	conns   map[*net.TCPConn]bool
	conduct conduct
	// changed is closed when the conduct changes.
	changed chan struct{}
	// harm is when it did anything but well; ready when the table had it so, passed when it no longer did.
	harm, ready, passed []spell
}

// launch starts a replica that is known by that id and name; turn(isDead) ends it.
func launch(t *testing.T, b *book, known route.Target, seed uint64) *replica {
	t.Helper()
	l := listenApart(t)
	known.Address = l.Addr().String()
	r := &replica{
		Target: known, book: b, listener: l, rng: rand.New(rand.NewPCG(seed, 5)),
		conns: map[*net.TCPConn]bool{}, changed: make(chan struct{}),
	}
	if known.Scheme == route.H2C {
		r.running.Go(r.serveH2C)
	} else {
		r.running.Go(r.accept)
	}
	return r
}

func (r *replica) accept() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		if c := conn.(*net.TCPConn); r.keep(c) {
			r.running.Go(func() { r.serve(c) })
		}
	}
}

// listenApart listens where nobody else does soon after, be it of this process or of another: on an address of its own,
// where the loopback has several.
func listenApart(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(255), 1+rand.IntN(254)))
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (r *replica) keep(c *net.TCPConn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conduct == isDead {
		_ = c.Close()
		return false
	}
	r.conns[c] = true
	return true
}

// turn has it behave otherwise from now on.
func (r *replica) turn(to conduct) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conduct == to || r.conduct == isDead {
		return
	}
	now := time.Now()
	if r.conduct != doesWell {
		r.harm[len(r.harm)-1].to = now
	}
	if to != doesWell {
		r.harm = append(r.harm, spell{from: now, as: to})
	}
	r.conduct = to
	close(r.changed)
	r.changed = make(chan struct{})
	if to != isDead {
		return
	}
	_ = r.listener.Close()
	for c := range r.conns {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
}

// now is how it behaves, and what is closed when that changes.
func (r *replica) now() (conduct, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conduct, r.changed
}

// draw returns a number below n.
func (r *replica) draw(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.IntN(n)
}

// awake waits as long as it sleeps, and returns false when it does not wake up.
func (r *replica) awake() bool {
	for {
		is, changed := r.now()
		switch is {
		case doesSleep:
			<-changed
		case isDead:
			return false
		default:
			return true
		}
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
			r.book.wrong("%s was sent %v", r.Name, err)
		}
		if err != nil || !r.awake() {
			return
		}
		a := &arrival{at: time.Now(), replica: r, kept: kept}
		w := &work{replica: r, conn: conn, in: in, m: m, arrival: a}
		if strings.Contains(m.start, " "+checkPath+" ") {
			w.call = &call{id: "check"}
		} else if w.call = r.book.arrive(a, m); w.call == nil {
			return
		}
		if !w.read() || !w.do() {
			return
		}
	}
}

// work is one request that reached a replica.
type work struct {
	*replica
	conn    *net.TCPConn
	in      *bufio.Reader
	m       *message
	call    *call
	arrival *arrival
}

// read takes the body, which must be the request's own.
func (w *work) read() bool {
	end, err := w.m.framing(0)
	if err == nil {
		err = w.m.readBody(w.in, &w.m.body, end)
	}
	got := w.m.body.String()
	if errors.Is(err, errMalformed) || got != string(bodyOf(w.call.id, len(got))) {
		w.book.wrong("%s was sent a body for %s that is not its own: %v, %.60q", w.Name, w.call.id, err, got)
		err = errMalformed
	}
	w.book.note(func() { w.arrival.body, w.arrival.whole = len(got), err == nil && len(got) == w.call.body })
	return err == nil
}

// do answers, or what the conduct says. It returns false when the connection has ended.
func (w *work) do() bool {
	for {
		is, changed := w.now()
		switch is {
		case isDead:
			return false
		case doesFail:
			return w.say(w.answer([]int{500, 502, 503, 504}[w.draw(4)]), -1)
		case doesBreak:
			return w.breakOff()
		case doesWell:
			return w.proper()
		case doesHang, doesSleep:
			<-changed
		}
	}
}

// proper is a whole answer, soon or a little later.
func (w *work) proper() bool {
	text := w.answer(200)
	if w.draw(20) == 0 {
		select {
		case <-time.After(time.Duration(w.draw(20)) * time.Millisecond):
		case <-w.after(isDead):
		}
	}
	return w.say(text, -1) && !strings.Contains(text, "Connection: close")
}

// after is closed when it is that, which it may never be.
func (r *replica) after(is conduct) <-chan struct{} {
	c, changed := r.now()
	if c == is {
		ended := make(chan struct{})
		close(ended)
		return ended
	}
	return changed
}

// breakOff breaks the connection before the answer or in the middle of it.
func (w *work) breakOff() bool {
	if w.draw(2) == 0 {
		text := w.answer(200)
		w.say(text, 1+w.draw(len(text)-1))
	}
	if w.draw(2) == 0 {
		_ = w.conn.SetLinger(0)
	}
	return false
}

// answer is all of an answer.
func (w *work) answer(status int) string {
	head := "HTTP/1.1 " + strconv.Itoa(status) + " Thus\r\nX-App-Id: " + w.call.id + "\r\nX-Replica: " + w.Name + "\r\n"
	if status == 200 && w.draw(20) == 0 {
		head += "Connection: close\r\n"
	}
	body := string(bodyOf(w.call.id, w.call.size))
	if w.draw(2) == 0 {
		body, head = "", head+"Transfer-Encoding: chunked\r\n\r\n"
		for left := bodyOf(w.call.id, w.call.size); len(left) > 0; {
			n := min(len(left), 1+w.draw(4000))
			body += chunk(string(left[:n]))
			left = left[n:]
		}
		body += chunk("")
	} else {
		head += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
	}
	if w.call.method == "HEAD" {
		return head
	}
	return head + body
}

// say sends an answer, or so much of it if that is not negative.
func (w *work) say(text string, most int) bool {
	head := strings.Index(text, "\r\n\r\n") + 4
	status, _ := strconv.Atoi(text[9:12])
	w.book.note(func() { w.arrival.status, w.arrival.begun = status, most < 0 || most >= head })
	if most >= 0 {
		_, _ = io.WriteString(w.conn, text[:most])
		return false
	}
	_, err := io.WriteString(w.conn, text)
	w.book.note(func() { w.arrival.done = err == nil })
	return err == nil
}

// tabled notes whether the table has it ready, since between the two.
func (r *replica) tabled(ready bool, before, after time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	is := len(r.ready) > 0 && r.ready[len(r.ready)-1].to.IsZero()
	switch {
	case ready && !is:
		if n := len(r.passed); n > 0 {
			r.passed[n-1].to = before
		}
		r.ready = append(r.ready, spell{from: after})
	case !ready && is:
		r.ready[len(r.ready)-1].to = before
		r.passed = append(r.passed, spell{from: after})
	}
}
