package health

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"unicode"
)

// maxReason is how many bytes of a text that may come from the target are shown.
const maxReason = 200

// refusedWindows is ECONNREFUSED as Windows has it (WSAECONNREFUSED).
const refusedWindows = syscall.Errno(10061)

// why says for people why a check has no response.
func why(err error) string {
	var (
		unnamed *net.DNSError
		noTLS   tls.RecordHeaderError
	)
	text := err.Error()
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, refusedWindows):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return "no route to its address"
	case errors.Is(err, syscall.ENETUNREACH):
		return "no route to its network"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed without a response"
	case errors.As(err, &unnamed):
		return "its address is not known"
	case errors.As(err, &noTLS), strings.Contains(text, "HTTP response to HTTPS client"):
		return "it does not speak TLS"
	case strings.Contains(text, "malformed HTTP"):
		return "its response is not HTTP"
	case strings.Contains(text, "looked like an HTTP/1.1 header"), strings.Contains(text, "client conn could not be established"):
		return "it does not speak HTTP/2" // or closed the connection before that showed
	case errors.Is(err, errLongHead), strings.Contains(text, "response headers exceeded"):
		return errLongHead.Error()
	}
	return words(err)
}

// words is the text of an error without the addresses, which the reader sees beside it.
func words(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return shown(strings.TrimPrefix(err.Error(), "net/http: "))
}

// shown is a text cut to maxReason and without control characters.
func shown(s string) string {
	cut := ""
	if len(s) > maxReason {
		s, cut = s[:maxReason], "..."
	}
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s) + cut
}
