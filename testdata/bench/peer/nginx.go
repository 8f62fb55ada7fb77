package peer

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
)

func nginx() Peer {
	return Peer{
		Name: "nginx", kind: "nginx", bounds: boundRate,
		configure: func(s Setup) ([]string, error) {
			return nginxCommand(s), s.write("nginx.conf", nginxConf(s))
		},
		change: func(_ context.Context, s Setup, pid int) error {
			if err := s.write("nginx.conf", nginxConf(s)); err != nil {
				return err
			}
			return syscall.Kill(pid, syscall.SIGHUP)
		},
		Version: func(Setup) string { return output("nginx", "-v") },
	}
}

func nginxCommand(s Setup) []string {
	return []string{"nginx", "-p", s.Dir, "-c", s.file("nginx.conf"), "-e", "stderr"}
}

// nginxLog is an access log of what the gateway's has, written in blocks as large as there and as often.
const nginxLog = `	log_format facts escape=json '{"time":"$time_iso8601","client":"$remote_addr","method":"$request_method","host":"$http_host",'
		'"path":"$request_uri","protocol":"$server_protocol","status":$status,"bytes_in":$request_length,"bytes_out":$body_bytes_sent,'
		'"route":"$proxy_host","target":"$upstream_addr","duration":$request_time,"upstream":"$upstream_response_time",'
		'"request_id":"$request_id","referer":"$http_referer","user_agent":"$http_user_agent"}';
	access_log access.log facts buffer=64k flush=1s;
`

// nginxHead is what people write for one worker, with limits on requests per connection out of the way. Buffering is as
// nginx has it by default.
const nginxHead = `daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid nginx.pid;
events { worker_connections 30000; }
http {
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	client_max_body_size 0;
	keepalive_timeout 300s;
	keepalive_requests 1000000000;
	proxy_http_version 1.1;
	proxy_set_header Connection "";
	proxy_set_header Host $http_host;
	proxy_set_header X-Forwarded-For $remote_addr;
	proxy_set_header X-Forwarded-Proto $scheme;
	proxy_set_header X-Forwarded-Host $http_host;
	proxy_set_header X-Real-IP $remote_addr;
	proxy_set_header X-Request-ID $request_id;
`

func nginxConf(s Setup) string {
	var b strings.Builder
	if os.Geteuid() == 0 {
		b.WriteString("user root;\n") // whose folders these are
	}
	b.WriteString(nginxHead)
	if s.log {
		b.WriteString(nginxLog)
	} else {
		b.WriteString("\taccess_log off;\n")
	}
	if s.ClientRate > 0 {
		fmt.Fprintf(&b, "\tlimit_req_zone $binary_remote_addr zone=clients:10m rate=%dr/s;\n", s.ClientRate)
		fmt.Fprintf(&b, "\tlimit_req zone=clients burst=%d nodelay;\n\tlimit_req_status 429;\n\tlimit_req_log_level info;\n", s.ClientRate)
	}
	ports := []int{s.Backend}
	if s.Hot > 0 && s.HotPort != s.Backend {
		ports = append(ports, s.HotPort)
	}
	for _, port := range ports {
		fmt.Fprintf(&b, "\tupstream app%d { server 127.0.0.1:%d; keepalive 1024; keepalive_requests 1000000000; }\n", port, port)
	}
	fmt.Fprintf(&b, "\tserver {\n\t\tlisten 127.0.0.1:%d backlog=4096;\n", s.HTTP)
	if s.TLS > 0 {
		fmt.Fprintf(&b, "\t\tlisten 127.0.0.1:%d ssl http2 backlog=4096;\n", s.TLS)
		fmt.Fprintf(&b, "\t\tssl_certificate %s;\n\t\tssl_certificate_key %s;\n", s.Cert, s.Key)
		b.WriteString("\t\tssl_protocols TLSv1.3;\n\t\tssl_session_tickets on;\n")
	}
	for i := range s.Routes {
		fmt.Fprintf(&b, "\t\tlocation /p%d/ { proxy_pass http://app%d/; }\n", i+1, s.target(i+1))
	}
	b.WriteString("\t}\n}\n")
	return b.String()
}
