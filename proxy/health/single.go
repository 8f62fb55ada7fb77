package health

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"time"
)

// single sends each request over a new connection, which ends with the body of the response. An http.Transport does that
// too, with three goroutines and at twice the cost.
type single struct {
	dialer net.Dialer
	// tls is nil for requests without TLS.
	tls *tls.Config
}

var errLongHead = errors.New("the head of its response is too large")

// RoundTrip implements http.RoundTripper.
func (s *single) RoundTrip(r *http.Request) (*http.Response, error) {
	conn, err := s.dialer.DialContext(r.Context(), "tcp", r.URL.Host)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	// The deadline makes reads and writes under way fail.
	stop := context.AfterFunc(r.Context(), func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	response, err := s.exchange(conn, r)
	if err != nil {
		stop()
		_ = conn.Close()
		return nil, err
	}
	response.Body = &lastBody{response.Body, conn, stop}
	return response, nil
}

// exchange sends the request and reads the head of its response.
func (s *single) exchange(conn net.Conn, r *http.Request) (*http.Response, error) {
	if s.tls != nil {
		config := s.tls.Clone()
		config.ServerName = r.URL.Hostname()
		conn = tls.Client(conn, config)
	}
	if err := r.Write(conn); err != nil {
		return nil, fmt.Errorf("sending: %w", err)
	}
	limited := &io.LimitedReader{R: conn, N: maxResponse}
	reader := bufio.NewReader(limited)
	for {
		response, err := http.ReadResponse(reader, r)
		if err != nil {
			if limited.N <= 0 {
				return nil, errLongHead
			}
			return nil, fmt.Errorf("reading: %w", err)
		}
		// Informational responses come before the final one (RFC 9110 section 15.2).
		if response.StatusCode >= http.StatusOK || response.StatusCode == http.StatusSwitchingProtocols {
			limited.N = math.MaxInt64
			return response, nil
		}
	}
}

// lastBody is the body of the only response on a connection.
type lastBody struct {
	io.ReadCloser
	conn net.Conn
	stop func() bool
}

// Close implements io.Closer.
func (b *lastBody) Close() error {
	b.stop()
	// Closing the connection drops the rest of the body.
	return b.conn.Close()
}
