package proxy

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"
)

// serveH2C has the replica speak HTTP/2, by the standard library, until it is dead.
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
	if !r.awake() {
		panic(http.ErrAbortHandler)
	}
	m := &message{start: q.Method + " " + q.URL.Path + " HTTP/1.1", fields: []string{"X-Id: " + q.Header.Get("X-Id")}}
	a := &arrival{at: time.Now(), replica: r}
	c := r.book.arrive(a, m)
	if c == nil {
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(q.Body)
	if string(body) != string(bodyOf(c.id, len(body))) {
		r.book.wrong("%s was sent a body for %s that is not its own: %.60q", r.Name, c.id, body)
	}
	r.book.note(func() { a.body, a.whole = len(body), err == nil && len(body) == c.body })
	for {
		is, changed := r.now()
		switch is {
		case isDead:
			panic(http.ErrAbortHandler)
		case doesFail:
			r.write(w, a, c, 503)
			return
		case doesBreak:
			r.spoil(w, a, c)
		case doesWell:
			r.write(w, a, c, 200)
			return
		case doesHang, doesSleep:
			<-changed
		}
	}
}

// write answers.
func (r *replica) write(w http.ResponseWriter, a *arrival, c *call, status int) {
	r.book.note(func() { a.status, a.begun = status, true })
	w.Header().Set("X-App-Id", c.id)
	w.Header().Set("X-Replica", r.Name)
	w.WriteHeader(status)
	_, err := w.Write(bodyOf(c.id, c.size))
	r.book.note(func() { a.done = err == nil })
}

// spoil breaks off, before or in the middle of an answer.
func (r *replica) spoil(w http.ResponseWriter, a *arrival, c *call) {
	if r.draw(2) == 0 && c.method != "HEAD" {
		r.book.note(func() { a.status, a.begun = 200, true })
		w.Header().Set("X-App-Id", c.id)
		w.Header().Set("X-Replica", r.Name)
		w.Header().Set("Content-Length", "1000000")
		_, _ = io.WriteString(w, strings.Repeat(c.id+"\n", 1+r.draw(100)))
		_ = http.NewResponseController(w).Flush()
	}
	panic(http.ErrAbortHandler)
}
