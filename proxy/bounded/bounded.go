// Package bounded serves a handler with net/http within the memory and the descriptors that its process has: so many
// connections, so many requests under way, and a time for whatever a client may hold up. It is for the small servers in
// containers of projects, whose clients all come through the gateway, so it tells none of them apart. The one policy worth
// stating: a connection too many waits until another one ends, and a request too many gets 503 at once.
package bounded

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"gateway/proxy/limit"
)

// Config says what to serve and within what.
type Config struct {
	// Handler is required.
	Handler http.Handler
	// Room is what the process may use.
	Room limit.Room
	// Body is how long a request may take from its head to the end of its body, Response how long to the end of its response;
	// 0 is no limit.
	Body, Response time.Duration
	// Log hears what clients do wrong, at its lowest level.
	Log *slog.Logger
}

// How long a client may take for a request's head, how long an idle connection is kept (longer than the proxy in front
// pools it, so that the pool never picks one that is just being closed), how long requests that are under way at the end
// may still take, and after how many seconds who was refused may come again.
const (
	headTimeout     = 10 * time.Second
	idleTimeout     = 3 * time.Minute
	shutdownTimeout = 10 * time.Second
	retryAfter      = "2"
	// maxHead is what the gateway passes on at most by default.
	maxHead = 64 << 10
)

// ErrCutOff says that requests under way did not end in ten seconds.
var ErrCutOff = errors.New("requests under way were cut off")

// Serve answers requests from ln until ctx ends, then lets those under way finish for up to ten seconds. It closes ln. The
// error is nil, or ErrCutOff, when ctx was what ended it.
func Serve(ctx context.Context, ln net.Listener, c Config) error {
	slots := newSlots(ln, c.Room.Conns())
	server := &http.Server{
		Handler:           c.admit(),
		ReadHeaderTimeout: headTimeout,
		WriteTimeout:      c.Response,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
		ConnState:         slots.changed,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(slots) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	cut := server.Shutdown(grace)
	if cut != nil {
		_ = server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if cut != nil {
		return ErrCutOff
	}
	return nil
}

// admit lets requests in as long as there is room.
func (c Config) admit() http.Handler {
	all := &limit.Admission{Requests: limit.Bounds{All: c.Room.Requests()}}
	// All clients are one, which has no bound of its own.
	conn, _ := all.Enter("")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 && c.Body > 0 {
			// Without a deadline who sends the rest of a body never would hold the request for ever.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(c.Body))
		}
		if conn.Begin() != limit.None {
			h := w.Header()
			h.Set("Retry-After", retryAfter)
			h.Set("Cache-Control", "no-store")
			h.Set("Connection", "close")
			http.Error(w, "503: this server has too many requests under way", http.StatusServiceUnavailable)
			return
		}
		defer conn.End()
		c.Handler.ServeHTTP(w, r)
	})
}

// slots is a listener that accepts connections as long as there is a slot for one. The connections are the listener's own,
// so that files are sent by the kernel.
type slots struct {
	net.Listener
	// free is nil when there is no bound.
	free   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newSlots(ln net.Listener, most int) *slots {
	s := &slots{Listener: ln, closed: make(chan struct{})}
	if most > 0 {
		s.free = make(chan struct{}, most)
	}
	return s
}

// Accept implements net.Listener.
func (s *slots) Accept() (net.Conn, error) {
	if s.free != nil {
		select {
		case s.free <- struct{}{}:
		case <-s.closed:
			return nil, net.ErrClosed
		}
	}
	conn, err := s.Listener.Accept()
	if err != nil {
		s.release()
	}
	return conn, err
}

// Close implements net.Listener.
func (s *slots) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Listener.Close()
}

// changed frees the slot of a connection that ended.
func (s *slots) changed(_ net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		s.release()
	}
}

func (s *slots) release() {
	if s.free != nil {
		<-s.free
	}
}
