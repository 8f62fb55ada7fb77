package engine

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// tunnelled3 opens a tunnel as browsers do.
func tunnelled3(t *testing.T) (packets, *rawStream, chan error) {
	ended := make(chan error, 1)
	m, _ := throughPackets(t, HTTP, Config{}, websocket(t, ended))
	s := m.dialRaw(t).open()
	s.connect("/chat")
	kind, length, err := s.next()
	if kind != http3Headers || err != nil {
		t.Fatalf("came %d, %v", kind, err)
	}
	head, _ := s.payload(nil, int(length))
	_ = readFields(head, func(name, value string) error {
		if name == ":status" && value != "200" || name == "sec-websocket-accept" || name == "upgrade" {
			t.Errorf("%s: %s", name, value)
		}
		return nil
	})
	s.expect("hello")
	s.send(http3Data, []byte("one\n"))
	s.expect("one\n")
	return m, s, ended
}

func (s *rawStream) connect(path string) {
	s.ask(":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", path, ":authority", "h",
		"sec-websocket-version", "13", "origin", "https://h")
}

// expect reads that from the tunnel.
func (s *rawStream) expect(want string) {
	s.t.Helper()
	got := ""
	for len(got) < len(want) {
		kind, length, err := s.next()
		if kind != http3Data || err != nil {
			s.t.Fatalf("came %d, %v after %q", kind, err, got)
		}
		data, _ := s.payload(nil, int(length))
		got += string(data)
	}
	if got != want {
		s.t.Fatalf("heard %q, want %q", got, want)
	}
}

func TestHTTP3_TunnelsWebSockets(t *testing.T) {
	_, s, ended := tunnelled3(t)
	s.send(http3Data, []byte("bye\n"))
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, data, _ := s.answer(); len(data) > 0 {
		t.Errorf("the tunnel ended with %q", data)
	}
}

// Each side may end its direction, and read on.
func TestHTTP3_EndsTunnelsWithTheClient(t *testing.T) {
	m, s, ended := tunnelled3(t)
	s.send(http3Data, []byte("two\n"))
	_ = s.Close()
	s.expect("two\n")
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if _, data, reset := s.answer(); len(data) > 0 || reset != 0 {
		t.Errorf("the tunnel ended with %q, %s", data, reset)
	}
	eventually(t, func() bool { return m.busy.Load() == 0 })
}

func TestHTTP3_EndsTunnelsThatAreReset(t *testing.T) {
	m, s, ended := tunnelled3(t)
	s.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
	s.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
	if err := <-ended; err == nil {
		t.Error("the target was informed to end")
	}
	eventually(t, func() bool { return m.busy.Load() == 0 })
}

func TestHTTP3_DoesNotWaitForTunnelsToDrain(t *testing.T) {
	m, _, ended := tunnelled3(t)
	if n := m.busy.Load(); n != 0 {
		t.Errorf("%d exchanges are under way", n)
	}
	m.Drain(context.Background())
	if err := <-ended; err == nil {
		t.Error("the target was informed to end")
	}
	eventually(t, func() bool { return m.busy.Load() == 0 })
}

func TestHTTP3_OpensNoTunnelWithoutA101(t *testing.T) {
	m, _ := throughPackets(t, HTTP, Config{}, websocket(t, nil))
	s := m.dialRaw(t).open()
	s.connect("/refused")
	heads, data, _ := s.answer()
	if len(heads) != 1 || heads[0][":status"] != "502" || string(data) != "no tunnel" {
		t.Errorf("%v, data %q", heads, data)
	}
}

// A plain CONNECT is passed to the handler, which refuses it.
func TestHTTP3_PassesOnConnect(t *testing.T) {
	seen := make(chan Request, 1)
	m := servingPackets(t, Config{Handler: describing(seen)})
	s := m.dialRaw(t).open()
	s.ask(":method", "CONNECT", ":authority", "h:443")
	if r := <-seen; r.Method != http.MethodConnect || r.Target != "h:443" || r.Upgrade != "" {
		t.Errorf("%+v", r)
	}
	if heads, _, reset := s.answer(); len(heads) != 1 || reset != 0 {
		t.Errorf("%v, %s", heads, reset)
	}
}
