package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"gateway/proxy/route"
)

// maxResponse is how many bytes of a response's head, and of its body, are read.
const maxResponse = 64 << 10

// agent is the User-Agent of checks, by which apps can tell them from clients.
const agent = "gateway-health"

// network sends each check over a new connection: one that is open says nothing of whether the target accepts more.
type network struct {
	plain, secure single
	h2c           *http.Transport
}

func newNetwork() *network {
	speaks := new(http.Protocols)
	speaks.SetUnencryptedHTTP2(true)
	return &network{
		secure: single{tls: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}}, //nolint:gosec // As for clients' requests: apps sign their own.
		h2c: &http.Transport{
			DialContext:            new(net.Dialer).DialContext,
			Protocols:              speaks,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxResponse,
		},
	}
}

func (n *network) transport(scheme route.Scheme) http.RoundTripper {
	switch scheme {
	case route.H2C:
		return n.h2c
	case route.HTTPS:
		return &n.secure
	case route.HTTP:
	}
	return &n.plain
}

// Ask makes one check of any address and returns the status of the response. It is 0 when there is no response; why then
// says what went wrong. A body that breaks off is no response.
func (c *Checker) Ask(ctx context.Context, key Key) (status int, why string) {
	return newLoop(Target{Key: key}).get(ctx, c.config.Transport(key.Scheme))
}

// ask makes one check and returns why it failed, empty when it passed. Redirects pass and are not followed.
func (l *loop) ask(ctx context.Context, transport http.RoundTripper) string {
	status, why := l.get(ctx, transport)
	if why == "" && !passes(status) {
		path, _, _ := strings.Cut(l.check.Path, "?") // the query may be a secret
		return fmt.Sprintf("GET %s answered %d", shown(path), status)
	}
	return why
}

func passes(status int) bool { return status >= 200 && status <= 399 }

// get makes one request and returns the status of the response, or why there is none.
func (l *loop) get(ctx context.Context, transport http.RoundTripper) (status int, failure string) {
	ctx, cancel := context.WithTimeout(ctx, l.check.Timeout)
	defer cancel()
	request, err := l.request(ctx)
	if err != nil {
		return 0, "the check cannot be sent: " + words(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		if ctx.Err() != nil {
			return 0, fmt.Sprintf("no response within %v", l.check.Timeout)
		}
		return 0, why(err)
	}
	defer response.Body.Close()
	if !passes(response.StatusCode) {
		return response.StatusCode, ""
	}
	if _, err := io.CopyN(io.Discard, response.Body, maxResponse); err != nil && !errors.Is(err, io.EOF) {
		if ctx.Err() != nil {
			return 0, fmt.Sprintf("its response did not end within %v", l.check.Timeout)
		}
		return 0, "its response broke off"
	}
	return response.StatusCode, ""
}

func (l *loop) request(ctx context.Context) (*http.Request, error) {
	u, err := url.ParseRequestURI(l.check.Path)
	if err != nil {
		return nil, err
	}
	u.Scheme, u.Host = "http", l.target.Address
	if l.target.Scheme == route.HTTPS {
		u.Scheme = "https"
	}
	request := &http.Request{
		Method: http.MethodGet, URL: u, Host: l.target.Host, Header: http.Header{"User-Agent": {agent}},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Close: true,
	}
	return request.WithContext(ctx), nil
}
