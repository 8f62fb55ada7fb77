package peer

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
)

func reverseproxy() Peer {
	return Peer{
		Name: "reverseproxy", kind: "reverseproxy",
		configure: func(s Setup) ([]string, error) {
			command := []string{
				filepath.Join(s.Bin, "reverseproxy"), "--listen", fmt.Sprintf("127.0.0.1:%d", s.HTTP),
				"--backend", fmt.Sprintf("127.0.0.1:%d", s.Backend), "--routes", strconv.Itoa(s.Routes),
			}
			if s.TLS > 0 {
				command = append(command, "--tls", fmt.Sprintf("127.0.0.1:%d", s.TLS), "--cert", s.Cert, "--key", s.Key)
			}
			return command, nil
		},
		Version: func(Setup) string { return "net/http/httputil of " + runtime.Version() },
	}
}
