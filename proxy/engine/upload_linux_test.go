//go:build !portable

package engine

import (
	"testing"
	"time"
)

// Nothing is read from such a client, and the target may be silent for long.
func TestUpload_EndsWhenTheClientDisconnectsAndTheTargetDoesNotRead(t *testing.T) {
	for _, framing := range []string{"Content-Length: 100000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n5f5e100\r\n"} {
		stop := make(chan struct{})
		r, _ := before(t, Config{}, func(p *peer, _ int) {
			p.head()
			p.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
			<-stop
		})
		c := dial(t, r.address)
		c.send("POST / HTTP/1.1\r\nHost: h\r\n%s", framing)
		c.head()
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = c.Write(make([]byte, 50_000_000))
		_ = c.SetLinger(0)
		_ = c.Close()
		deadline := time.Now().Add(patience)
		for r.busy.Load() > 0 && time.Now().Before(deadline) {
			r.pause(time.Millisecond)
		}
		left := r.busy.Load()
		close(stop)
		if left > 0 {
			t.Error("the exchange goes on")
		}
	}
}
