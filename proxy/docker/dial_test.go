package docker_test

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gateway/proxy/docker"
)

// playSSH is what the test binary does under the name ssh: it connects its standard streams to a socket.
func playSSH() int {
	conn, err := net.Dial("unix", os.Getenv("PLAY_SSH"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "ssh: connect to host", os.Args[len(os.Args)-4], "port 22: Connection refused")
		return 255
	}
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.UnixConn).CloseWrite()
	})
	_, _ = io.Copy(os.Stdout, conn)
	return 0
}

func TestClient_ReachesAnEngineThroughSSH(t *testing.T) {
	l := memoryLane(t)
	c := l.run(t, docker.Spec{Command: []string{"serve"}})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "ssh")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	t.Setenv("PLAY_SSH", strings.TrimPrefix(l.memory.Host(), "unix://"))
	client, err := docker.New("ssh://admin@club.example.org")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if list, err := client.Containers(t.Context()); err != nil || len(list) != 1 {
		t.Fatalf("listed %v, %v", list, err)
	}
	conn, err := client.Exec(t.Context(), c.ID, []string{"/probe", "cat"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	if out, err := io.ReadAll(conn); err != nil || string(out) != "hello" {
		t.Errorf("read %q, %v", out, err)
	}
	_ = conn.Close()
	l.memory.Down()
	if _, err := client.Engine(t.Context()); !errors.Is(err, docker.ErrUnreachable) || !strings.Contains(err.Error(), "Connection refused") {
		t.Errorf("with the engine down: %v", err)
	}
}

// overTLS makes an engine reachable over TCP with TLS, and returns the address and a folder with its certificate.
func overTLS(t *testing.T, l *lane) (address, certs string) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	server.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	var bridges sync.WaitGroup
	bridges.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			bridges.Go(func() { bridge(from, strings.TrimPrefix(l.memory.Host(), "unix://")) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.memory.Down()
		bridges.Wait()
	})
	certs = t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(certs, "ca.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String(), certs
}

// bridge copies between a connection and a socket until the socket's end closes.
func bridge(from net.Conn, socket string) {
	defer from.Close()
	to, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(to, from)
		_ = to.(*net.UnixConn).CloseWrite()
	})
	_, _ = io.Copy(from, to)
	_ = from.Close()
	both.Wait()
}

func TestClient_ReachesAnEngineOverTLS(t *testing.T) {
	l := memoryLane(t)
	c := l.run(t, docker.Spec{Command: []string{"serve"}})
	address, certs := overTLS(t, l)
	for _, host := range []string{"tcp://" + address + "?certs=" + certs, "tcp://" + address + "?verify=no&certs=" + t.TempDir()} {
		client, err := docker.New(host)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := client.Containers(t.Context()); err != nil || len(list) != 1 || client.Host() != "tcp://"+address {
			t.Errorf("%s lists %v, %v", client.Host(), list, err)
		}
		conn, err := client.Exec(t.Context(), c.ID, []string{"/probe", "lines", "1"})
		if err != nil {
			t.Fatal(err)
		}
		if out, err := io.ReadAll(conn); err != nil || string(out) != "line 1\n" {
			t.Errorf("read %q, %v", out, err)
		}
		_ = conn.Close()
		_ = client.Close()
	}
	for host, says := range map[string]string{"tcp://" + address + "?certs=" + t.TempDir(): "certificate", "tcp://" + address: ""} {
		client, err := docker.New(host)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Containers(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", host, err)
		}
		_ = client.Close()
	}
}
