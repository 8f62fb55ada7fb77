// Package peer knows the proxies that are compared: how each is configured for the same work, started on its core,
// given a changed route, and stopped. It knows nothing of load.
package peer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Setup is what a proxy is to do: routes /p1 and on, stripped, all to one backend, except that one may go elsewhere.
type Setup struct {
	Dir     string // for configuration and logs
	Bin     string // where the programs that were built are
	Gateway string // the gateway's program
	HTTP    int    // port for HTTP
	TLS     int    // port for HTTPS, 0 for none
	Backend int    // port of the backend
	Routes  int
	Hot     int    // number of the route that goes to HotPort; 0 for none
	HotPort int    // port of the other backend
	Cert    string // certificate, key, and both in one file
	Key     string
	Pair    string
	// ClientRate is how many requests a second each client may make, as many at once, and ClientConns how many connections
	// it may have; 0 is any number.
	ClientRate, ClientConns int
	log                     bool // nginx is to write an access log
}

// target is the port that a route goes to.
func (s Setup) target(route int) int {
	if route == s.Hot {
		return s.HotPort
	}
	return s.Backend
}

func (s Setup) file(name string) string { return filepath.Join(s.Dir, name) }

func (s Setup) write(name, text string) error {
	if err := os.WriteFile(s.file(name), []byte(text), 0o600); err != nil {
		return fmt.Errorf("configuring: %w", err)
	}
	return nil
}

// Peer is one proxy.
type Peer struct {
	Name string
	// Routes is the number of routes, where it is not that of the scenario, and Asked of how many; 0 otherwise.
	Routes, Asked int
	// configure writes the configuration and returns the command.
	configure func(Setup) ([]string, error)
	// load makes the running proxy serve the setup; nil when the configuration was enough.
	load func(context.Context, Setup) error
	// change makes it serve another setup, without a restart; nil when it cannot.
	change func(context.Context, Setup, int) error
	// Version says which it is.
	Version func(Setup) string
	// kind is the name of the proxy without its variants, bounds what it can bound, and features, if set, what it does
	// beside the usual.
	kind     string
	bounds   bounds
	features *Features
}

// bounds are what a proxy can bound of a client.
type bounds int

const (
	boundRate bounds = 1 << iota
	boundConns
)

// BoundsRate reports whether the proxy can bound the requests of a client.
func (p Peer) BoundsRate() bool { return p.bounds&boundRate != 0 }

// BoundsConns reports whether it can bound a client's connections. nginx counts only those that carry a request.
func (p Peer) BoundsConns() bool { return p.bounds&boundConns != 0 }

// Kind is the name of the proxy without its variants.
func (p Peer) Kind() string { return p.kind }

// All returns the peers in the order in which a round visits them.
func All() []Peer {
	return []Peer{nginx(), gateway(), haproxy(), caddy(), reverseproxy()}
}

// ManyRoutes is the gateway with another number of routes, of which so many are asked for in turn.
func ManyRoutes(routes, asked int) Peer {
	p := gateway()
	p.Name, p.Routes, p.Asked = fmt.Sprintf("gateway/%d", routes), routes, asked
	if asked < routes {
		p.Name += fmt.Sprintf(", %d asked", asked)
	}
	return p
}

// CanChange reports whether the proxy can change a route while it runs.
func (p Peer) CanChange() bool { return p.change != nil }

// Running is a started proxy.
type Running struct {
	Peer  Peer
	Setup Setup
	PID   int
	cmd   *exec.Cmd
	log   *os.File
}

// Start starts a proxy on core 0 and waits until it serves its last route. The caller stops it.
func (p Peer) Start(ctx context.Context, s Setup) (*Running, error) {
	command, err := p.configure(s)
	if err != nil {
		return nil, err
	}
	r := &Running{Peer: p, Setup: s}
	if r.cmd, r.log, err = Launch(s.file("log"), 0, command...); err != nil {
		return nil, err
	}
	r.PID = r.cmd.Process.Pid
	if p.load != nil {
		err = retry(ctx, func() error { return p.load(ctx, s) })
	}
	if err == nil {
		err = retry(ctx, func() error { return serves(ctx, s) })
	}
	if err != nil {
		r.Stop()
		return nil, fmt.Errorf("starting %s: %w; its log ends with: %s", p.Name, err, tail(s.file("log")))
	}
	return r, nil
}

// Change sends one route elsewhere while the proxy runs.
func (r *Running) Change(ctx context.Context, port int) error {
	r.Setup.HotPort = port
	return r.Peer.change(ctx, r.Setup, r.PID)
}

// Stop ends the proxy and all its processes.
func (r *Running) Stop() { Kill(r.cmd, r.log) }

// Launch starts a program on a core, with its output in a file and a process group of its own. The caller kills it.
func Launch(log string, core int, command ...string) (*exec.Cmd, *os.File, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, nil, fmt.Errorf("making a log: %w", err)
	}
	cmd := exec.Command("taskset", append([]string{"-c", strconv.Itoa(core)}, command...)...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		out.Close()
		return nil, nil, fmt.Errorf("starting %s: %w", command[0], err)
	}
	return cmd, out, nil
}

// Kill ends a launched program at once: what it would still say is of no interest.
func Kill(cmd *exec.Cmd, log *os.File) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait()
	log.Close()
}

// serves reports whether the last route responds, over TLS too if there is any.
func serves(ctx context.Context, s Setup) error {
	_, err := Echo(ctx, fmt.Sprintf("http://127.0.0.1:%d/p%d/1024", s.HTTP, s.Routes))
	if err == nil && s.TLS > 0 {
		_, err = Echo(ctx, fmt.Sprintf("https://127.0.0.1:%d/p%d/1024", s.TLS, s.Routes))
	}
	return err
}

// retry tries until it works, for 15 seconds.
func retry(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func tail(name string) string {
	text, _ := os.ReadFile(name)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " | ")
}

// output runs a program and returns the first line that it prints.
func output(command ...string) string {
	text, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}

// ask sends JSON to a proxy's own interface.
func ask(ctx context.Context, c *http.Client, method, url, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("asking for a change: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("asking for a change: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("asking for a change: %s", resp.Status)
	}
	return nil
}
