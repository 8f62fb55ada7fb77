//go:build linux && !portable

package engine

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

func TestH2C_CancelsWhenAClientOfHTTP1Disconnects(t *testing.T) {
	asked, left := make(chan bool), make(chan bool)
	r, p := throughPlain(t, Config{}, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- true
		<-r.Context().Done()
		left <- true
	})
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	} {
		conn := sendRaw(t, r.address, request)
		<-asked
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
		<-left
		if err := <-p.fails; !errors.Is(err, ErrDisconnected) {
			t.Error(err)
		}
	}
}
