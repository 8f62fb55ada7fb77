//go:build !portable

package engine

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

func TestEngine_NoticesVisitorsThatLeave(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	r, p := through(t, func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	})
	defer close(release)
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET /slow/ HTTP/1.1\r\nHost: h\r\n\r\n")
	<-asked
	_ = conn.Close()
	select {
	case err := <-p.fails:
		if !errors.Is(err, ErrGone) {
			t.Errorf("%v, want ErrGone", err)
		}
	case <-time.After(3 * time.Second):
		t.Error("the visitor left unnoticed")
	}
}
