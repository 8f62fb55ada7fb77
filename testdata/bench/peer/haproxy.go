package peer

import (
	"fmt"
	"strings"
)

func haproxy() Peer {
	return Peer{
		Name: "haproxy", kind: "haproxy", bounds: boundRate | boundConns,
		configure: func(s Setup) ([]string, error) {
			var routes strings.Builder
			for i := range s.Routes {
				fmt.Fprintf(&routes, "/p%d/ app%d\n", i+1, s.target(i+1))
			}
			if err := s.write("routes.map", routes.String()); err != nil {
				return nil, err
			}
			return []string{"haproxy", "-db", "-f", s.file("haproxy.cfg")}, s.write("haproxy.cfg", haproxyConf(s))
		},
		Version: func(Setup) string { return output("haproxy", "-v") },
	}
}

func haproxyConf(s Setup) string {
	secure := ""
	if s.TLS > 0 {
		secure = fmt.Sprintf("\tbind 127.0.0.1:%d ssl crt %s alpn h2,http/1.1 ssl-min-ver TLSv1.3 backlog 4096\n", s.TLS, s.Pair)
	}
	return fmt.Sprintf(`global
	nbthread 1
	maxconn 12000
	no strict-limits
defaults
	mode http
	timeout connect 5s
	timeout client 300s
	timeout server 60s
	timeout http-keep-alive 300s
	option http-keep-alive
	http-reuse always
frontend front
	bind 127.0.0.1:%d backlog 4096
%s%s	http-request set-var(txn.app) path,map_beg(%s)
	http-request deny deny_status 404 unless { var(txn.app) -m found }
	http-request set-path /%%[path,field(3,/,0)]
	http-request set-header X-Forwarded-For %%[src]
	http-request set-header X-Forwarded-Proto https if { ssl_fc }
	http-request set-header X-Forwarded-Proto http unless { ssl_fc }
	http-request set-header X-Forwarded-Host %%[req.hdr(host)]
	http-request set-header X-Real-IP %%[src]
	unique-id-format %%{+X}o\ %%ci:%%cp_%%fi:%%fp_%%Ts_%%rt:%%pid
	unique-id-header X-Request-ID
	use_backend %%[var(txn.app)]
backend app%d
	server app 127.0.0.1:%d pool-max-conn 4096
`, s.HTTP, secure, haproxyBounds(s), s.file("routes.map"), s.Backend, s.Backend)
}

// haproxyBounds counts the requests of the last second, refused ones too, as HAProxy's manual has it.
func haproxyBounds(s Setup) string {
	switch {
	case s.ClientRate > 0:
		return fmt.Sprintf(`	stick-table type ip size 100k expire 30s store http_req_rate(1s)
	http-request track-sc0 src
	http-request deny deny_status 429 if { sc_http_req_rate(0) gt %d }
`, s.ClientRate)
	case s.ClientConns > 0:
		return fmt.Sprintf(`	stick-table type ip size 100k expire 30s store conn_cur
	tcp-request connection track-sc0 src
	http-request deny deny_status 429 if { sc_conn_cur(0) gt %d }
`, s.ClientConns)
	}
	return ""
}
