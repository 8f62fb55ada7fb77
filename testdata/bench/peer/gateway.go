package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"
)

func gateway() Peer {
	return Peer{
		Name: "gateway", kind: "gateway", bounds: boundRate | boundConns,
		configure: func(s Setup) ([]string, error) { return gatewayCommand(s), nil },
		load: func(ctx context.Context, s Setup) error {
			if err := pushTable(ctx, s, nil); err != nil || s.TLS == 0 {
				return err
			}
			return awaitOrders(ctx, s)
		},
		change:  func(ctx context.Context, s Setup, _ int) error { return pushTable(ctx, s, nil) },
		Version: func(s Setup) string { return output(s.Gateway, "--version") },
	}
}

// Before is another build of the gateway, to be compared with.
func Before(program string) Peer {
	p := gateway()
	p.Name = "gateway before"
	p.configure = func(s Setup) ([]string, error) { s.Gateway = program; return gatewayCommand(s), nil }
	p.Version = func(Setup) string { return output(program, "--version") }
	return p
}

// gatewayCommand is the gateway without limits on clients but those of the setup: all load comes from one address.
func gatewayCommand(s Setup) []string {
	command := []string{
		s.Gateway, "serve", "--listen", fmt.Sprintf("127.0.0.1:%d", s.HTTP), "--ping", "", "--log", "warn",
		"--state", s.file("state"), "--socket", s.file("admin.sock"),
	}
	// An older gateway, which --gateway may name, does not know all of these flags.
	help, _ := exec.Command(s.Gateway, "serve", "--help").CombinedOutput()
	if s.TLS > 0 {
		command = append(command, "--tls-listen", fmt.Sprintf("127.0.0.1:%d", s.TLS))
		command = append(command, certified(s, string(help))...)
	}
	if !strings.Contains(string(help), "--max-conns-per-client") {
		return command
	}
	command = append(command, "--max-conns", "0", "--max-conns-per-client", fmt.Sprint(s.ClientConns))
	if strings.Contains(string(help), "--max-requests-per-client") {
		command = append(command, "--max-requests-per-client", "0")
	}
	if s.ClientRate > 0 {
		command = append(command, "--client-rate", fmt.Sprintf("%d/s,burst=%d", s.ClientRate, s.ClientRate))
	}
	return command
}

// sites is how many names the gateway orders certificates for, beside the one that all peers show.
const sites = 1000

// certified are the flags for the certificate of all peers, and for certificates that the gateway orders from its own
// authority meanwhile.
func certified(s Setup, help string) []string {
	if !strings.Contains(help, "--internal-ca") {
		return []string{"--tls-cert", s.Cert, "--tls-key", s.Key}
	}
	names := make([]string, sites)
	for i := range names {
		names[i] = fmt.Sprintf("site%d.lan", i)
	}
	return []string{"--cert", s.Cert, "--key", s.Key, "--internal-ca", "--no-redirect", "--domain", strings.Join(names, ",")}
}

// What follows is the admin API's, as far as it is needed here.
type (
	target struct {
		ID      string    `json:"id"`
		Name    string    `json:"name"`
		Address string    `json:"address"`
		Scheme  string    `json:"scheme"`
		State   string    `json:"state"`
		Created time.Time `json:"created"`
	}
	check struct {
		Path     string        `json:"path"`
		Interval time.Duration `json:"interval"`
		Timeout  time.Duration `json:"timeout"`
		Rise     int           `json:"rise"`
		Fall     int           `json:"fall"`
	}
	named struct{ State string }
	rate  struct {
		Requests int           `json:"requests"`
		Per      time.Duration `json:"per"`
	}
	route struct {
		Path    string    `json:"path"`
		Service string    `json:"service"`
		Source  string    `json:"source"`
		Mount   string    `json:"mount"`
		Claimed time.Time `json:"claimed"`
		Targets []target  `json:"targets"`
		Balance string    `json:"balance,omitempty"`
		Check   *check    `json:"check,omitempty"`
		Rate    *rate     `json:"rate,omitempty"`
		BodyMax int64     `json:"body_max,omitempty"`
	}
)

// pushTable sends the routes over the admin socket. dress, unless it is nil, changes each before.
func pushTable(ctx context.Context, s Setup, dress func(*route)) error {
	born := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	routes := make([]route, s.Routes)
	for i := range routes {
		port, name := s.target(i+1), fmt.Sprintf("app%d", i+1)
		routes[i] = route{
			Path: fmt.Sprintf("/p%d", i+1), Service: name, Source: "docker", Mount: "strip", Claimed: born,
			Targets: []target{{
				ID: fmt.Sprintf("%d", port), Name: name, Address: fmt.Sprintf("127.0.0.1:%d", port), Scheme: "http", State: "ready", Created: born,
			}},
		}
		if dress != nil {
			dress(&routes[i])
		}
	}
	body, err := json.Marshal(map[string]any{"routes": routes})
	if err != nil {
		return fmt.Errorf("making the table: %w", err)
	}
	return ask(ctx, adminClient(s), http.MethodPut, "http://gateway/v1/table", string(body))
}

// adminClient connects to the admin socket.
func adminClient(s Setup) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", s.file("admin.sock"))
		},
	}}
}

// awaitOrders waits for all certificates: orders would cost what clients are to get. A gateway of before has none.
func awaitOrders(ctx context.Context, s Setup) error {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://gateway/v1/certificates", nil)
		if err != nil {
			return err
		}
		resp, err := adminClient(s).Do(req)
		if err != nil {
			return fmt.Errorf("asking for certificates: %w", err)
		}
		var list []named
		err = json.NewDecoder(resp.Body).Decode(&list)
		_ = resp.Body.Close()
		pending := func(c named) bool { return c.State != "valid" }
		if resp.StatusCode != http.StatusOK || err == nil && !slices.ContainsFunc(list, pending) {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d certificates: %w", sites, ctx.Err())
		}
	}
}
