package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// maxCheck is the most bytes that a check may have.
const maxCheck = 16 << 10

// Check is one GET request that the proxy sends by itself, to an address that need not be in the table.
type Check struct {
	// Address is IP:port.
	Address string `json:"address"`
	// Scheme is http, https or h2c.
	Scheme string `json:"scheme"`
	// Host is what the Host header says, empty for the address. Path may have a query.
	Host string `json:"host,omitempty"`
	Path string `json:"path"`
	// Timeout is in milliseconds; 0 is the default of health checks.
	Timeout int64 `json:"timeout_ms,omitempty"`
}

// Checked is what came of a check.
type Checked struct {
	// Status is that of the answer, 0 when there was none; Failure then says why.
	Status  int    `json:"status,omitempty"`
	Failure string `json:"failure,omitempty"`
}

// Checker makes checks. The error is ErrRefused for one that breaks a rule.
type Checker interface {
	Check(ctx context.Context, c Check) (Checked, error)
}

// Check makes the proxy check an address. The errors are those of Checker, and ErrNoRoute for a proxy of a version that
// makes no checks.
func (c *Client) Check(ctx context.Context, check Check) (Checked, error) {
	body, err := json.Marshal(check)
	if err != nil {
		return Checked{}, fmt.Errorf("writing the check: %w", err)
	}
	var found Checked
	if err := c.call(ctx, http.MethodPut, "/v1/check", body, &found); err != nil {
		return Checked{}, fmt.Errorf("checking %s: %w", check.Address, err)
	}
	return found, nil
}

func putCheck(g Checker, r *http.Request) (any, error) {
	body, err := read(r.Body, maxCheck)
	if err != nil {
		return nil, err
	}
	var c Check
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, fmt.Errorf("%w: this is no check: %w", ErrRefused, err)
	}
	if _, err := netip.ParseAddrPort(c.Address); err != nil {
		return nil, fmt.Errorf("%w: the address %q is not IP:port", ErrRefused, c.Address)
	}
	if !strings.HasPrefix(c.Path, "/") {
		return nil, fmt.Errorf("%w: the path %q does not start with /", ErrRefused, c.Path)
	}
	if c.Timeout < 0 || c.Timeout > time.Minute.Milliseconds() {
		return nil, fmt.Errorf("%w: a check cannot take %d ms; it is 0 to %d", ErrRefused, c.Timeout, time.Minute.Milliseconds())
	}
	return g.Check(r.Context(), c)
}
