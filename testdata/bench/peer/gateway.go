package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"
)

func gateway() Peer {
	return Peer{
		Name: "gateway",
		configure: func(s Setup) ([]string, error) {
			command := []string{
				s.Gateway, "serve", "--listen", fmt.Sprintf("127.0.0.1:%d", s.HTTP), "--ping", "", "--log", "warn",
				"--state", s.file("state"), "--socket", s.file("admin.sock"),
			}
			if s.TLS > 0 {
				command = append(command, "--tls-listen", fmt.Sprintf("127.0.0.1:%d", s.TLS), "--tls-cert", s.Cert, "--tls-key", s.Key)
			}
			return command, nil
		},
		load:    pushTable,
		change:  func(ctx context.Context, s Setup, _ int) error { return pushTable(ctx, s) },
		Version: func(s Setup) string { return output(s.Gateway, "--version") },
	}
}

// target and route are the admin API's, as far as they are needed here.
type (
	target struct {
		ID      string    `json:"id"`
		Name    string    `json:"name"`
		Address string    `json:"address"`
		Scheme  string    `json:"scheme"`
		State   string    `json:"state"`
		Created time.Time `json:"created"`
	}
	route struct {
		Path    string    `json:"path"`
		Service string    `json:"service"`
		Source  string    `json:"source"`
		Mount   string    `json:"mount"`
		Claimed time.Time `json:"claimed"`
		Targets []target  `json:"targets"`
	}
)

// pushTable puts the routes into force over the admin socket.
func pushTable(ctx context.Context, s Setup) error {
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
	}
	body, err := json.Marshal(map[string]any{"routes": routes})
	if err != nil {
		return fmt.Errorf("making the table: %w", err)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", s.file("admin.sock"))
		},
	}}
	return ask(ctx, client, http.MethodPut, "http://gateway/v1/table", string(body))
}
