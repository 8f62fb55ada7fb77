package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// webSocket is a connection that was upgraded, to an app that sends back what it gets.
type webSocket struct {
	conn  net.Conn
	bytes *bufio.Reader
}

func openWebSocket(t *testing.T, path string) *webSocket {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	w := &webSocket{conn, bufio.NewReader(conn)}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET %s/ws HTTP/1.1\r\nHost: gw.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path)
	res, err := http.ReadResponse(w.bytes, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrading: %v %v", err, res)
	}
	return w
}

// echo sends a message of up to 125 bytes, and reports an error unless it comes back.
func (w *webSocket) echo(text string) error {
	const final, masked = 0x81, 0x80
	frame := append([]byte{final, masked | byte(len(text)), 0, 0, 0, 0}, text...)
	if _, err := w.conn.Write(frame); err != nil {
		return err
	}
	back := make([]byte, 2+len(text))
	if _, err := io.ReadFull(w.bytes, back); err != nil {
		return err
	}
	if string(back[2:]) != text {
		return fmt.Errorf("%q came back", back)
	}
	return nil
}

// download begins to load n kilobytes, one each 50 ms.
func download(t *testing.T, path string, n int) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s%s/download?n=%d&ms=50", base, path, n), nil)
	if err != nil {
		t.Fatal(err)
	}
	// No timeout, and no connection that others use.
	res, err := (&http.Client{Transport: &http.Transport{}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func TestDrainingContainer_KeepsWhatItHas(t *testing.T) {
	const drain = 4 * time.Second
	s := newService(t, "e2e-drain", "gateway.drain="+drain.String())
	s.start("e2e-drain-1", "--env", "LINGER=1m")
	eventually(t, base+s.path()+"/", "the app", served)
	socket := openWebSocket(t, s.path())
	short, long := download(t, s.path(), 40), download(t, s.path(), 1000)
	s.start("e2e-drain-2")
	c := gather(t, s.path())
	c.awaitAnswersBy("e2e-drain-1", "e2e-drain-2")

	told := time.Now()
	docker(t, "kill", "-s", "TERM", "e2e-drain-1")
	s.awaitTarget("e2e-drain-1", "draining", func(found target) bool { return found.State == "draining" })
	p := c.phase("draining")
	if n, err := io.Copy(io.Discard, short.Body); err != nil || n != 40<<10 {
		t.Errorf("a download that ends in time: %d bytes, %v", n, err)
	}
	if err := socket.echo("still there"); err != nil {
		t.Errorf("a WebSocket, before its time is over: %v", err)
	}
	if n, err := io.Copy(io.Discard, long.Body); !errors.Is(err, io.ErrUnexpectedEOF) || n < 40<<10 {
		t.Errorf("a download that lasts for longer: %d bytes, %v", n, err)
	}
	cut := time.Since(told)
	for socket.echo("and now?") == nil {
	}
	if cut < drain || time.Since(told) < drain {
		t.Errorf("the download was cut off after %s, the WebSocket after %s", cut, time.Since(told))
	}
	t.Logf("the download was cut off after %s, the WebSocket after %s", cut, time.Since(told))
	c.awaitAnswersBy("e2e-drain-2")
	c.leave()
	if n := p.by["e2e-drain-1"]; n > 0 {
		t.Errorf("%d requests came to a container that was told to stop", n)
	}
}
