package forward

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// dialError is a connection that did not come to be.
type dialError struct{ error }

func (e dialError) Unwrap() error { return e.error }

// base is what all transports have in common: no proxy from the environment, nothing decoded, connections kept.
func base() *http.Transport {
	return &http.Transport{
		DialContext:            dial,
		DisableCompression:     true,
		MaxIdleConns:           4096,
		MaxIdleConnsPerHost:    128,
		IdleConnTimeout:        idleTimeout,
		ResponseHeaderTimeout:  HeadTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

func plainTransport() *http.Transport { return base() }

func tlsTransport() *http.Transport {
	t := base()
	t.DialTLSContext = dialTLS
	return t
}

func h2cTransport() *http.Transport {
	t := base()
	t.Protocols = new(http.Protocols)
	t.Protocols.SetUnencryptedHTTP2(true)
	return t
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: ConnectTimeout}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, dialError{err}
	}
	return conn, nil
}

// dialTLS does the handshake too, so that a failed one counts as a connection that did not come to be. HTTP/2 is not
// offered: WebSockets need HTTP/1.1, and a connection to a container next door has no latency to hide.
func dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	plain, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(address)
	conn := tls.Client(plain, &tls.Config{
		ServerName:         host,
		InsecureSkipVerify: true, //nolint:gosec // New says why.
	})
	ctx, cancel := context.WithTimeout(ctx, ConnectTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, dialError{fmt.Errorf("TLS handshake: %w", err)}
	}
	return conn, nil
}

// classify says what became of an exchange that failed.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	var timeout net.Error
	late := errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded)
	_, unreachable := errors.AsType[dialError](err)
	switch {
	case unreachable && late:
		return fmt.Errorf("%w: %w: %w", ErrConnect, ErrTimeout, err)
	case unreachable:
		return fmt.Errorf("%w: %w", ErrConnect, err)
	case late:
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return fmt.Errorf("%w: %w", ErrAnswer, err)
}
