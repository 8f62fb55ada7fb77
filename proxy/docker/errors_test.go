package docker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestClassify_KnowsTheEnginesWords(t *testing.T) {
	for text, want := range map[string]error{
		// 20.10
		"driver failed programming external connectivity on endpoint x (62): Bind for 0.0.0.0:80 failed: port is already allocated":                               ErrPortTaken,
		"driver failed programming external connectivity on endpoint x (68): Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use": ErrPortTaken,
		"Pool overlaps with other one on this address space":                                                                                                  ErrOverlap,
		"cannot create network 1 (br-1): conflicts with network 2 (br-2): networks have overlapping IPv4":                                                     ErrOverlap,
		`Conflict. The container name "/x" is already in use by container "5c". You have to remove (or rename) that container to be able to reuse that name.`: ErrNameTaken,
		"network with name x already exists":                                                                                 ErrNameTaken,
		"error while removing network: network x id 71 has active endpoints":                                                 ErrInUse,
		`conflict: unable to remove repository reference "x:1" (must force) - container 5c is using its referenced image d5`: ErrInUse,
		"conflict: unable to delete d5 (cannot be forced) - image is being used by running container 5c":                     ErrInUse,
		"remove x: volume is in use - [7f]":                                                                                  ErrInUse,
		// 28 and 29
		"failed to set up container networking: driver failed programming external connectivity on endpoint x (62): failed to bind host port 0.0.0.0:80/tcp: address already in use": ErrPortTaken,
		"invalid pool request: Pool overlaps with other one on this address space":                                                                                                   ErrOverlap,
		`error while removing network: network x has active endpoints (name:"y" id:"5c")`:                                                                                            ErrInUse,
		// runc and crun, under an engine without root
		"OCI runtime create failed: runc create failed: unable to start container process: error during container init: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted": ErrOpenFiles,
		"crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted: OCI permission denied": ErrOpenFiles,
		// Docker Desktop
		"Ports are not available: exposing port TCP 0.0.0.0:80 -> 0.0.0.0:0: listen tcp 0.0.0.0:80: bind: address already in use": ErrPortTaken,
		// a container's own address
		"Address already in use": nil,
		"No such container: x":   ErrNotFound,
	} {
		status := http.StatusInternalServerError
		if want == ErrNotFound {
			status = http.StatusNotFound
		}
		err := classify("unix:///x", &refusal{status, text})
		for _, sentinel := range []error{ErrNotFound, ErrInUse, ErrNameTaken, ErrOverlap, ErrPortTaken, ErrOpenFiles, ErrUnreachable} {
			if errors.Is(err, sentinel) != (sentinel == want) {
				t.Errorf("%q is %v: %v", text, sentinel, errors.Is(err, sentinel))
			}
		}
		if err.Error() != text {
			t.Errorf("the engine's words %q became %q", text, err)
		}
	}
}

func TestClassify_SaysWhyTheEngineIsOutOfReach(t *testing.T) {
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", err)}
	}
	for name, c := range map[string]struct {
		host string
		err  error
		want error
		text string
	}{
		"no rights":      {"unix:///run/docker.sock", dial(syscall.EACCES), ErrForbidden, "no permission on the Docker socket /run/docker.sock"},
		"no socket":      {"unix:///run/docker.sock", dial(syscall.ENOENT), ErrNotRunning, "/run/docker.sock: dial unix"},
		"nobody listens": {"unix:///run/docker.sock", dial(syscall.ECONNREFUSED), ErrNotRunning, "refused"},
		"another host":   {"tcp://box:2375", dial(syscall.ECONNREFUSED), nil, "tcp://box:2375"},
		"certificate":    {"tcp://box:2376", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, ErrTLS, "unknown authority"},
		"plain server":   {"tcp://box:2376", &url.Error{Op: "Get", URL: "/", Err: errors.New("http: server gave HTTP response to HTTPS client")}, ErrTLS, "HTTPS"},
		"TLS server":     {"tcp://box:2376", &url.Error{Op: "Get", URL: "/", Err: fmt.Errorf("malformed HTTP response %q", "\x15\x03\x01")}, ErrTLS, "malformed"},
		"through ssh":    {"ssh://box", &net.OpError{Op: "read", Net: "ssh", Err: errors.New("ssh: exit status 255: no route")}, ErrSSH, "no route"},
	} {
		got := classify(c.host, &url.Error{Op: "Get", URL: "http://api.moby.localhost/x", Err: c.err})
		if !errors.Is(got, ErrUnreachable) || !strings.Contains(got.Error(), c.text) {
			t.Errorf("%s: %v, want %q", name, got, c.text)
		}
		for _, sentinel := range []error{ErrForbidden, ErrNotRunning, ErrTLS, ErrSSH} {
			if errors.Is(got, sentinel) != (sentinel == c.want) {
				t.Errorf("%s is %v: %v", name, sentinel, errors.Is(got, sentinel))
			}
		}
	}
	if got := classify("tcp://box:2376", &refusal{400, "Client sent an HTTP request to an HTTPS server."}); !errors.Is(got, ErrTLS) {
		t.Errorf("a TLS port that was asked without: %v", got)
	}
}

func TestClassify_TellsTheWayFromTheAnswer(t *testing.T) {
	lost := &url.Error{Op: "Get", URL: "http://api.moby.localhost/x", Err: io.EOF}
	for _, err := range []error{lost, io.ErrUnexpectedEOF, fmt.Errorf("reading: %w", io.EOF), &url.Error{Op: "Get", URL: "/", Err: context.DeadlineExceeded}} {
		got := classify("unix:///x", err)
		if !errors.Is(got, ErrUnreachable) || !errors.Is(got, errors.Unwrap(err)) && !errors.Is(got, err) || strings.Contains(got.Error(), "moby") {
			t.Errorf("%v became %v", err, got)
		}
	}
	if got := classify("unix:///x", &url.Error{Op: "Get", URL: "/", Err: context.Canceled}); !errors.Is(got, context.Canceled) || errors.Is(got, ErrUnreachable) {
		t.Errorf("cancelling became %v", got)
	}
	if got := classify("unix:///x", &refusal{500, "EOF"}); errors.Is(got, ErrUnreachable) {
		t.Errorf("an answer became %v", got)
	}
	if classify("unix:///x", nil) != nil {
		t.Error("nil is an error")
	}
}
