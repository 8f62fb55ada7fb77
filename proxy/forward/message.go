package forward

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

// address points out at the target, with the path of the exchange and the query of in, both byte for byte.
func address(out, in *url.URL, x *Exchange) {
	scheme := "http"
	if x.Scheme == "https" {
		scheme = "https"
	}
	*out = url.URL{Scheme: scheme, Host: x.Address, RawQuery: in.RawQuery, ForceQuery: in.ForceQuery}
	if !strings.HasPrefix(x.Path, "//") {
		out.Opaque = x.Path
		return
	}
	// An opaque URL that starts with two slashes would be sent with its scheme, so the path is given as one; what
	// net/url would not write as it is then has to be escaped.
	out.RawPath = escape(x.Path)
	out.Path, _ = url.PathUnescape(out.RawPath)
}

// escape escapes the bytes that RFC 3986 has no place for in a path.
func escape(path string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("/%-._~!$&'()*+,;=:@[]", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

// watchedBody remembers whether reading the visitor's body failed.
type watchedBody struct {
	io.ReadCloser
	failed atomic.Bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, http.ErrBodyReadAfterClose) {
		b.failed.Store(true)
	}
	return n, err
}

// watchBody returns the request with its body watched. A request without a body stays as it is.
func watchBody(r *http.Request) (*http.Request, *watchedBody) {
	body := &watchedBody{ReadCloser: r.Body}
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return r, body
	}
	watched := *r
	watched.Body = body
	return &watched, body
}

// headWriter lets informational answers be edited as others are, and notices a hijack.
type headWriter struct {
	http.ResponseWriter
	incoming func(int, http.Header)
	hijacked bool
}

// WriteHeader edits the heads that no hook of net/http shows.
func (w *headWriter) WriteHeader(status int) {
	if status < http.StatusOK {
		w.incoming(status, w.Header())
	}
	w.ResponseWriter.WriteHeader(status)
}

// Hijack implements http.Hijacker.
func (w *headWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	w.hijacked = err == nil
	return conn, rw, err
}

// Unwrap lets http.ResponseController find the rest.
func (w *headWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
