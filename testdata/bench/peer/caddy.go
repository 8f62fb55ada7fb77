package peer

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

func caddy() Peer {
	return Peer{
		Name: "caddy",
		configure: func(s Setup) ([]string, error) {
			command := []string{filepath.Join(s.Bin, "caddy"), "run", "--config", s.file("Caddyfile"), "--adapter", "caddyfile"}
			return command, s.write("Caddyfile", caddyfile(s))
		},
		change: func(ctx context.Context, s Setup, _ int) error {
			client := &http.Client{Timeout: 10 * time.Second}
			url := fmt.Sprintf("http://127.0.0.1:%d/load", caddyAdmin(s))
			return post(ctx, client, http.MethodPost, url, "text/caddyfile", caddyfile(s))
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

func caddyAdmin(s Setup) int { return s.HTTP + 10 }

func caddyfile(s Setup) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\n\tadmin 127.0.0.1:%d\n\tpersist_config off\n\tauto_https off\n\tdefault_sni localhost\n", caddyAdmin(s))
	b.WriteString("\tlog {\n\t\tlevel ERROR\n\t}\n}\n(routes) {\n")
	for i := range s.Routes {
		fmt.Fprintf(&b, "\thandle_path /p%d/* {\n\t\treverse_proxy 127.0.0.1:%d {\n\t\t\theader_up X-Real-IP {remote_host}\n"+
			"\t\t\theader_up X-Request-ID {http.request.uuid}\n\t\t\ttransport http {\n\t\t\t\tkeepalive_idle_conns_per_host 4096\n"+
			"\t\t\t\tcompression off\n\t\t\t}\n\t\t}\n\t}\n", i+1, s.target(i+1))
	}
	fmt.Fprintf(&b, "}\nhttp://:%d {\n\tbind 127.0.0.1\n\timport routes\n}\n", s.HTTP)
	if s.TLS > 0 {
		fmt.Fprintf(&b, "https://:%d {\n\tbind 127.0.0.1\n\ttls %s %s {\n\t\tprotocols tls1.3\n\t}\n\timport routes\n}\n", s.TLS, s.Cert, s.Key)
	}
	return b.String()
}
