//go:build linux || darwin

package cmd

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gateway/cmd/cli/clitest"
	"gateway/proxy/docker/dockertest"
)

// unit is a gateway as systemd would run it: what it listens on outlives it.
type unit struct {
	web    string
	socket *os.File
	dir    string
	engine *dockertest.Engine
}

// newUnit has one app, below /app, which answers /app/slow only when slow is closed.
func newUnit(t *testing.T, slow <-chan struct{}) unit {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-slow
		}
		fmt.Fprint(w, "app")
	}))
	t.Cleanup(app.Close)
	address := netip.MustParseAddrPort(app.Listener.Addr().String())
	u := unit{dir: clitest.Folder(t), engine: dockertest.Start(t)}
	u.engine.AddContainer(dockertest.Container{
		Name: "app", Labels: map[string]string{"gateway.path": "/app"}, Networks: []string{"bridge"},
		Addresses: map[string]netip.Addr{"bridge": address.Addr()}, Ports: []uint16{address.Port()},
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test's program is the gateway's when it is called that.
	if err := os.Symlink(self, filepath.Join(u.dir, "gateway")); err != nil {
		t.Fatal(err)
	}
	u.web, u.socket = clitest.Listener(t, "tcp", "127.0.0.1:0")
	return u
}

// start starts the next process of the unit.
func (u unit) start(t *testing.T) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), "/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=http exec "$0" "$@"`,
		filepath.Join(u.dir, "gateway"), "serve", "--docker", "--ping", "", "--socket", filepath.Join(u.dir, "s"), "--state", filepath.Join(u.dir, "state"),
		// All clients have one address, and on a busy machine many of them wait for the next process.
		"--max-conns-per-client", "0", "--max-requests-per-client", "0")
	c.Env = append(os.Environ(), "DOCKER_HOST="+u.engine.Host())
	c.ExtraFiles, c.Stderr = []*os.File{u.socket}, t.Output()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// fetch asks the app over a connection of its own.
func (u unit) fetch(path string) error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	res, err := client.Get("http://" + u.web + path)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || string(body) != "app") {
		return fmt.Errorf("%s: %.200s", res.Status, body)
	}
	return err
}

// crowd are clients who come every few milliseconds, whatever becomes of those before.
type crowd struct {
	came, served atomic.Int64
	mu           sync.Mutex
	failed       []string
}

// Run has them come until stop is closed, and waits for their answers.
func (c *crowd) Run(u unit, stop <-chan struct{}) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		c.came.Add(1)
		all.Go(func() {
			if err := u.fetch("/app/"); err != nil {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.failed = append(c.failed, err.Error())
				return
			}
			c.served.Add(1)
		})
	}
}

// more waits until a count has grown.
func more(t *testing.T, what string, count *atomic.Int64) {
	t.Helper()
	before := count.Load()
	clitest.Patiently(t, what, func() bool { return count.Load() >= before+50 })
}

func TestServe_IsRestartedWithoutAnybodyNoticing(t *testing.T) {
	slow := make(chan struct{})
	u := newUnit(t, slow)
	serve := u.start(t)
	clitest.Patiently(t, "the first answer", func() bool { return u.fetch("/app/") == nil })

	var clients crowd
	var running sync.WaitGroup
	stop := make(chan struct{})
	running.Go(func() { clients.Run(u, stop) })
	patient := make(chan error, 1)
	running.Go(func() { patient <- u.fetch("/app/slow") })
	for round := range 3 {
		more(t, "answers before the restart", &clients.served)
		if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			// It goes on with what it has, and the others wait for the next process.
			more(t, "clients beside a request under way", &clients.came)
			close(slow)
		}
		if err := serve.Wait(); err != nil {
			t.Errorf("it ended with %v", err)
		}
		more(t, "clients while there is no process", &clients.came)
		serve = u.start(t)
	}
	more(t, "answers after the restarts", &clients.served)
	close(stop)
	running.Wait()
	if err := errors.Join(<-patient, serve.Process.Signal(syscall.SIGTERM), serve.Wait()); err != nil {
		t.Error(err)
	}
	if n := len(clients.failed); n > 0 {
		t.Errorf("%d of %d clients noticed: %s", n, clients.came.Load(), strings.Join(clients.failed[:min(n, 10)], "; "))
	}
}
