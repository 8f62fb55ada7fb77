package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrNoAuthority says that a gateway has no certificate authority of its own.
var ErrNoAuthority = errors.New("this gateway has no certificate authority of its own")

// Authority is the gateway's own certificate authority, for names of home networks.
type Authority struct {
	// PEM is its root certificate, Name the subject's common name, and Fingerprint its SHA-256 digest in pairs of digits.
	PEM         string    `json:"pem"`
	Name        string    `json:"name"`
	Expires     time.Time `json:"expires"`
	Fingerprint string    `json:"fingerprint"`
	// Names are those that have certificates, or wait for one, sorted.
	Names []string `json:"names,omitempty"`
}

// Signer is what can be asked of the certificate authority.
type Signer interface {
	// Authority describes it. The error is ErrNoAuthority when there is none.
	Authority() (Authority, error)
}

// Authority asks for the root certificate. The error is ErrNoAuthority when there is none.
func (c *Client) Authority(ctx context.Context) (Authority, error) {
	var a Authority
	if err := c.call(ctx, http.MethodGet, "/v1/authority", nil, &a); err != nil {
		return Authority{}, fmt.Errorf("asking the proxy for its root certificate: %w", err)
	}
	return a, nil
}
