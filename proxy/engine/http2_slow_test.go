package engine

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// impatient puts an engine with short timeouts between HTTP/2 and a backend.
func impatient(t *testing.T, backend http.HandlerFunc) (modern, *carrier) {
	t.Helper()
	p := &carrier{hooks: none{}, fails: make(chan error, 10)}
	limits := Timeouts{Body: 50 * time.Millisecond, Write: 50 * time.Millisecond, Response: time.Minute}
	m := servingTLS(t, Config{Handler: p, Timeouts: limits})
	p.to = m.Upstream(HTTP, serve(t, HTTP, backend))
	return m, p
}

// closedWindow is a setting that lets nothing be sent on a stream.
var closedWindow = []byte{0, 4, 0, 0, 0, 0}

func TestHTTP2_ResetsStreamsThatTakeNothing(t *testing.T) {
	for name, size := range map[string]int{"small": 10, "large": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			m, _ := impatient(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, strings.Repeat("x", size))
			})
			w := dialWire(t, m.address, true, closedWindow...)
			w.ask(1, endStream, ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h")
			if head, data, reset := w.body(); len(head) == 0 || len(data) > 0 || reset == 0 {
				t.Errorf("head %x, %d bytes, reset %d", head, len(data), reset)
			}
			// The connection continues, and nothing of the exchange is left.
			w.ask(3, endStream, ":method", "HEAD", ":scheme", "https", ":path", "/", ":authority", "h")
			if head, _, reset := w.body(); len(head) == 0 || head[0] != 0x88 || reset != 0 {
				t.Errorf("head %x, reset %d", head, reset)
			}
		})
	}
}

func TestHTTP2_GivesUpOnBodiesThatDoNotCome(t *testing.T) {
	m, p := impatient(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	w := dialWire(t, m.address, true)
	w.ask(1, 0, ":method", "POST", ":scheme", "https", ":path", "/", ":authority", "h", "content-length", "5")
	w.send(dataFrame, 0, 1, []byte("ab"))
	if err := <-p.fails; !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
	if head, _, _ := w.body(); len(head) > 0 && head[0] == 0x88 {
		t.Errorf("the response is %x", head)
	}
}

func TestHTTP2_AcceptsEarlyResponses(t *testing.T) {
	schemes(t, func(t *testing.T, scheme Scheme) {
		m, _ := throughTLS(t, scheme, func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex()
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		})
		w := dialWire(t, m.address, true)
		w.ask(1, 0, ":method", "POST", ":scheme", "https", ":path", "/", ":authority", "h")
		w.send(dataFrame, 0, 1, []byte("there is more to come"))
		head, _, reset := w.body()
		if len(head) == 0 || reset != 0 {
			t.Errorf("head %x, reset %d", head, reset)
		}
	})
}
