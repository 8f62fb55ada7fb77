package docker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// The conditions callers decide by. The error that wraps one of them says what the engine said.
var (
	// ErrNotFound: no such container, network, image or volume.
	ErrNotFound = errors.New("not found")
	// ErrInUse: a network with containers on it, an image or a volume that a container uses.
	ErrInUse = errors.New("in use")
	// ErrNameTaken: another container or network has the name.
	ErrNameTaken = errors.New("name taken")
	// ErrOverlap: a subnet shares addresses with another network's.
	ErrOverlap = errors.New("subnet overlaps")
	// ErrPortTaken: a port to publish is in use on the engine's host.
	ErrPortTaken = errors.New("port taken")
	// ErrOpenFiles: the engine may not let a container open so many files.
	ErrOpenFiles = errors.New("too many open files asked for")
	// ErrUnreachable: the engine cannot be talked to, or did not answer in time. The next four are cases of it.
	ErrUnreachable = errors.New("engine unreachable")
	// ErrForbidden: this user may not use the engine's socket.
	ErrForbidden = errors.New("no permission on the engine's socket")
	// ErrNotRunning: there is no engine's socket on this machine, or nobody listens on it.
	ErrNotRunning = errors.New("engine not running")
	// ErrTLS: one side speaks TLS and the other does not, or a certificate is not accepted.
	ErrTLS = errors.New("no TLS connection to the engine")
	// ErrSSH: ssh to the engine's machine failed, or the docker command there.
	ErrSSH = errors.New("no connection to the engine through ssh")
)

// failure is an error in the engine's words, or about not reaching it. Its causes have the sentinel, if there is one.
type failure struct {
	text   string
	causes []error
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return f.causes }

func failed(text string, causes ...error) error { return &failure{text, causes} }

// refusal is an answer of the engine with an error status, from a call that does not go through the SDK.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// wordings are the engine's, from 20.10 to 29, for what it tells by no status of its own. Every part of a wording has to
// be there, in the engine's case: "Address already in use" with a capital is about a container's own address.
var wordings = []struct {
	kind  error
	parts []string
}{
	{ErrPortTaken, []string{"port is already allocated"}},
	{ErrPortTaken, []string{"bind", "address already in use"}},
	{ErrPortTaken, []string{"orts are not available"}},
	{ErrPortTaken, []string{"bind", "Only one usage of each socket address"}},
	{ErrOpenFiles, []string{"rlimit", "peration not permitted"}},
	{ErrOverlap, []string{"Pool overlaps with other one"}},
	{ErrOverlap, []string{"networks have overlapping"}},
	{ErrNameTaken, []string{"The container name", "is already in use"}},
	{ErrNameTaken, []string{"network with name", "already exists"}},
	{ErrTLS, []string{"Client sent an HTTP request to an HTTPS server"}},
	{ErrInUse, []string{"has active endpoints"}},
	{ErrInUse, []string{"is using its referenced image"}},
	{ErrInUse, []string{"image is being used by"}},
	{ErrInUse, []string{"volume is in use"}},
}

// classify gives err the sentinel that it is a case of, if any. Cancellation by the caller stays what it is.
func classify(host string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, new(*failure)) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return failed(fmt.Sprintf("the Docker engine at %s did not answer in time", host), ErrUnreachable, err)
	}
	if broken(err) {
		return unreachable(host, err)
	}
	text := brief(err)
	for _, w := range wordings {
		if containsAll(text, w.parts) {
			return failed(text, w.kind, err)
		}
	}
	if notFound(err) {
		return failed(text, ErrNotFound, err)
	}
	return failed(text, err)
}

// unreachable says why the engine cannot be talked to.
func unreachable(host string, err error) error {
	text := fmt.Sprintf("cannot talk to the Docker engine at %s: %s", host, brief(err))
	socket, local := strings.CutPrefix(host, "unix://")
	switch {
	case local && errors.Is(err, fs.ErrPermission):
		return failed("no permission on the Docker socket "+socket, ErrForbidden, ErrUnreachable, err)
	case local && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)):
		return failed(text, ErrNotRunning, ErrUnreachable, err)
	case aboutTLS(err):
		return failed(text, ErrTLS, ErrUnreachable, err)
	case strings.HasPrefix(host, "ssh://"):
		return failed(text, ErrSSH, ErrUnreachable, err)
	}
	return failed(text, ErrUnreachable, err)
}

// aboutTLS reports whether a connection failed for what TLS is about.
func aboutTLS(err error) bool {
	if errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(tls.RecordHeaderError)) || errors.As(err, new(tls.AlertError)) {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "server gave HTTP response to HTTPS client") || strings.Contains(text, `malformed HTTP response "\x15\x03`)
}

// broken reports whether err is about the way to the engine and not an answer of it.
func broken(err error) bool {
	if answered(err) {
		return false
	}
	return client.IsErrConnectionFailed(err) || errors.As(err, new(*url.Error)) || errors.As(err, new(net.Error)) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// answered reports whether err is an answer of the engine with an error status.
func answered(err error) bool {
	return errors.As(err, new(*refusal)) || strings.HasPrefix(err.Error(), daemonPrefix)
}

func notFound(err error) bool {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.status == http.StatusNotFound
	}
	return errdefs.IsNotFound(err)
}

// outdated reports whether the engine refused the call for its API version alone: it is another one than we negotiated with.
func outdated(err error) bool {
	if err == nil || !answered(err) {
		return false
	}
	return containsAll(err.Error(), []string{"client version", "is too new"}) || containsAll(err.Error(), []string{"client version", "is too old"})
}

// daemonPrefix is what the SDK puts before the engine's words.
const daemonPrefix = "Error response from daemon: "

// brief is the text of err without what the SDK and net/http put around it.
func brief(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Error()
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return strings.TrimPrefix(err.Error(), daemonPrefix)
}

func containsAll(s string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return true
}
