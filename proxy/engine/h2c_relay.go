package engine

import (
	"fmt"
	"io"
	"net/http"

	"gateway/proxy/header"
)

// relay relays the response.
func (c *h2cForwarding) relay(response *http.Response) error {
	status := response.StatusCode
	if status < http.StatusOK || status > 999 {
		return fmt.Errorf("%w: its status is %d", ErrResponse, status)
	}
	a := &c.x.response
	a.Header = listed(a.Header[:0], response.Header)
	for _, name := range sorted(nil, response.Trailer) {
		a.Header.Append(header.Trailer, "Trailer", name)
	}
	if c.x.declined(status, c.hooks) {
		return errDeclined(status)
	}
	c.x.length = max(response.ContentLength, -1)
	c.hooks.Incoming(status, &a.Header)
	if c.x.Request.Method == http.MethodHead || !bodied(status) {
		length := declared(response)
		if len(c.x.wraps) > 0 {
			// This is not the length that a GET would have (RFC 9110 section 8.6).
			c.x.wraps, length = c.x.wraps[:0], -1
		}
		if err := c.x.begin(status, a.Header, length); err != nil {
			return err
		}
		return c.x.end(nil)
	}
	length := response.ContentLength
	if len(c.x.wraps) > 0 {
		length = -1
	}
	if err := c.x.begin(status, a.Header, length); err != nil {
		return err
	}
	return c.pass(response)
}

// declared returns the Content-Length of a response without a body, -1 without one.
func declared(response *http.Response) int64 {
	if _, set := response.Header["Content-Length"]; !set {
		return -1
	}
	return response.ContentLength
}

// pass relays the body as it arrives.
func (c *h2cForwarding) pass(response *http.Response) error {
	buf := c.x.engine.borrow()
	defer c.x.engine.giveBack(buf)
	sink := c.x.sink()
	for left := response.ContentLength; ; {
		if left != 0 {
			if err := sink.Flush(); err != nil {
				return undeliverable(c.x, err)
			}
		}
		n, err := c.read(response.Body, buf[:])
		left -= int64(n)
		if n > 0 {
			if _, err := sink.Write(buf[:n]); err != nil {
				return undeliverable(c.x, err)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return failResponse(c.x, err)
		}
	}
	if err := sink.Close(); err != nil {
		return failResponse(c.x, err)
	}
	return c.x.end(trailersIn(response.Trailer))
}

// read waits for more of the body.
func (c *h2cForwarding) read(body io.Reader, p []byte) (int, error) {
	c.pauseTimeout.begin(c.x.engine.config.Pause)
	defer c.pauseTimeout.pause()
	return body.Read(p)
}
