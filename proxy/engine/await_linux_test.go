//go:build linux && !portable

package engine

import (
	"errors"
	"testing"
)

func TestAwait_EndsWithTheClient(t *testing.T) {
	w := &waiting{turn: make(chan struct{}), waits: make(chan error, 1)}
	r := serving(t, Config{Handler: w, Timeouts: brisk})
	c := dial(t, r.address)
	c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	_ = c.Close()
	if err := <-w.waits; !errors.Is(err, ErrDisconnected) {
		t.Errorf("%v, want ErrGone", err)
	}
}
