package peer

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"time"
)

func caddy() Peer {
	return Peer{
		Name: "caddy", kind: "caddy",
		configure: func(s Setup) ([]string, error) {
			config, err := caddyConfig(s)
			if err != nil {
				return nil, err
			}
			return []string{filepath.Join(s.Bin, "caddy"), "run", "--config", s.file("caddy.json")}, s.write("caddy.json", config)
		},
		change: func(ctx context.Context, s Setup, _ int) error {
			config, err := caddyConfig(s)
			if err != nil {
				return err
			}
			client := &http.Client{Timeout: 10 * time.Second}
			return ask(ctx, client, http.MethodPost, "http://"+caddyAdmin(s)+"/load", config)
		},
		Version: caddyVersion,
	}
}

// caddyVersion reads which module the program was built from: as a dependency, it does not know itself.
func caddyVersion(s Setup) string {
	info, err := buildinfo.ReadFile(filepath.Join(s.Bin, "caddy"))
	if err != nil {
		return err.Error()
	}
	version := info.Main.Version
	for _, module := range info.Deps {
		if module.Path == "github.com/caddyserver/caddy/v2" {
			version = module.Version
		}
	}
	return "Caddy " + version + " by " + info.GoVersion
}

func caddyAdmin(s Setup) string { return fmt.Sprintf("127.0.0.1:%d", s.HTTP+10) }

// object is one of JSON.
type object map[string]any

// caddyConfig is what handle_path and reverse_proxy stand for in a Caddyfile, in the form that the admin API takes fastest.
func caddyConfig(s Setup) (string, error) {
	routes := make([]object, s.Routes)
	for i := range routes {
		routes[i] = caddyRoute(i+1, s.target(i+1))
	}
	server := func(port int) object {
		return object{
			"listen": []string{fmt.Sprintf("127.0.0.1:%d", port)}, "routes": routes, "automatic_https": object{"disable": true},
			"protocols": []string{"h1", "h2"},
		}
	}
	servers, apps := object{"plain": server(s.HTTP)}, object{}
	if s.TLS > 0 {
		secure := server(s.TLS)
		secure["tls_connection_policies"] = []object{{"protocol_min": "tls1.3", "default_sni": "localhost"}}
		servers["secure"] = secure
		apps["tls"] = object{"certificates": object{"load_files": []object{{"certificate": s.Cert, "key": s.Key}}}}
	}
	apps["http"] = object{"servers": servers}
	text, err := json.Marshal(object{
		"admin":   object{"listen": caddyAdmin(s), "config": object{"persist": false}},
		"logging": object{"logs": object{"default": object{"level": "ERROR"}}},
		"apps":    apps,
	})
	if err != nil {
		return "", fmt.Errorf("configuring: %w", err)
	}
	return string(text), nil
}

func caddyRoute(number, port int) object {
	prefix := fmt.Sprintf("/p%d", number)
	return object{
		"match":    []object{{"path": []string{prefix + "/*"}}},
		"terminal": true,
		"handle": []object{
			{"handler": "rewrite", "strip_path_prefix": prefix},
			{
				"handler":   "reverse_proxy",
				"upstreams": []object{{"dial": fmt.Sprintf("127.0.0.1:%d", port)}},
				"headers": object{"request": object{"set": object{
					"X-Real-IP": []string{"{http.request.remote.host}"}, "X-Request-ID": []string{"{http.request.uuid}"},
				}}},
				"transport": object{"protocol": "http", "compression": false, "keep_alive": object{"max_idle_conns_per_host": 4096}},
			},
		},
	}
}
