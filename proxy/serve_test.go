package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gateway/proxy/admin"
	"gateway/proxy/route"
)

func TestServe_RespondsOnAllListeners(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "run", "admin.sock")
	p := start(t, Config{Listen: []string{"127.0.0.1:0"}, Ping: "127.0.0.1:0", Admin: socket, Version: "v1"},
		mount(t, "/", route.Strip, app(t, "root", nil)))
	listeners := p.Status().Proxy.Listeners
	if len(listeners) != 4 || listeners[0] != "unix://"+socket || !strings.HasSuffix(listeners[1], "/ping") {
		t.Fatalf("listeners %v", listeners)
	}
	for url, want := range map[string]string{listeners[1]: "ok\n", listeners[2] + "/x": "root GET /x", listeners[3] + "/x": "root GET /x"} {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(body) != want {
			t.Errorf("%s: %q, want %q", url, body, want)
		}
	}
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket has %v, %v, want 0660", info.Mode(), err)
	}
	if info, err = os.Stat(filepath.Dir(socket)); err != nil || info.Mode().Perm() != 0o770 {
		t.Errorf("its folder has %v, %v, want 0770", info.Mode(), err)
	}
	client := admin.NewClient(func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	})
	defer client.Close()
	if _, err := client.PutSource(t.Context(), admin.Source{Name: "docker", Agent: &admin.Agent{Version: "v2"}}); err != nil {
		t.Fatal(err)
	}
	status, err := client.Status(t.Context())
	if err != nil || status.Proxy.Version != "v1" || len(status.Sources) != 1 || status.Sources[0].Agent.Version != "v2" || status.Sources[0].Agent.Reported.IsZero() {
		t.Errorf("status %+v, %v", status, err)
	}
}

func TestServe_EndsCleanly(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	asked, release := make(chan struct{}), make(chan struct{})
	slow := app(t, "slow", func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-release
		_, _ = io.WriteString(w, "finished")
	})
	p := start(t, Config{Admin: socket}, mount(t, "/slow", route.Strip, slow), mount(t, "/ws", route.Strip, app(t, "ws", echo)))
	upgraded := p.upgrade(t, "/ws/")
	conn := p.dial(t)
	_, _ = io.WriteString(conn, "GET /slow/ HTTP/1.1\r\nHost: h\r\n\r\n")
	<-asked
	p.stop()
	eventually(t, "new connections are refused", func() bool {
		probe, err := net.Dial("tcp", p.address)
		if err == nil {
			_ = probe.Close()
		}
		return err != nil
	})
	upgraded.say(t, "still here")
	close(release)
	if got := read(t, bufio.NewReader(conn), "GET"); got.body != "finished" {
		t.Errorf("the request under way got %d %q", got.StatusCode, got.body)
	}
	if err := <-p.ended; err != nil {
		t.Errorf("Serve = %v", err)
	}
	if _, err := upgraded.r.ReadByte(); err == nil {
		t.Error("the upgraded connection outlived the proxy")
	}
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
	if n := p.Status().Proxy.Inflight; n != 0 {
		t.Errorf("%d requests are still under way", n)
	}
}

func TestServe_ReplacesAStaleSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	p := start(t, Config{Admin: socket})
	if got := p.Status().Proxy.Listeners[0]; got != "unix://"+socket {
		t.Errorf("listens on %s", got)
	}
}

func TestServe_NamesWhatItCannotOpen(t *testing.T) {
	folder := t.TempDir()
	socket, file := filepath.Join(folder, "admin.sock"), filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, Config{Admin: socket})
	for _, test := range []struct {
		config Config
		want   string
	}{
		{Config{Listen: []string{"127.0.0.1:0", p.address}}, "listening for clients: listen tcp " + p.address + ": bind: address already in use"},
		{Config{Ping: p.address}, "listening for pings: listen tcp " + p.address + ": bind: address already in use"},
		{Config{Admin: socket}, "listening on the admin socket " + socket + ": another proxy answers there; stop it, or name another path"},
		{Config{Admin: file}, "listening on the admin socket " + file + ": a file that is no socket is there; move it away, or name another path"},
	} {
		s, err := New(test.config)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Serve(t.Context()); err == nil || err.Error() != test.want {
			t.Errorf("Serve = %v, want %q", err, test.want)
		}
	}
	if kept, _ := os.ReadFile(file); string(kept) != "precious" {
		t.Error("a file that was no socket was touched")
	}
	if _, err := net.Dial("unix", socket); err != nil {
		t.Errorf("the socket of the running proxy was touched: %v", err)
	}
}

func TestServe_LimitsHeads(t *testing.T) {
	p := start(t, Config{}, mount(t, "/", route.Strip, app(t, "root", nil)))
	got := p.do(t, "GET", "/", "X-Huge: "+strings.Repeat("x", 80<<10))
	if got.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a head of 80 KiB: %d, want 431", got.StatusCode)
	}
	own := p.newServers()
	for _, server := range []*http.Server{own.ping, own.admin} {
		if server.ReadHeaderTimeout == 0 || server.IdleTimeout == 0 || server.MaxHeaderBytes == 0 {
			t.Errorf("a server without limits: %+v", server)
		}
	}
}
