package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

var (
	// ErrNoHTTPS says that a proxy has no certificates at all.
	ErrNoHTTPS = errors.New("the gateway serves no HTTPS; run: gateway up --domain example.org --email YOU")
	// ErrNoCertificate says that a proxy has no certificate of a name, and orders none.
	ErrNoCertificate = errors.New("no certificate of that name")
	// ErrNotOrdered says that a certificate comes from files: another tool renews it.
	ErrNotOrdered = errors.New("the certificate comes from files")
	// ErrLimited says that it is too early for another order.
	ErrLimited = errors.New("too early for another order")
)

// The states of certificates, as State says.
const (
	CertificateValid    = "valid"
	CertificateOrdering = "ordering"
	CertificateWaiting  = "waiting"
	CertificateLimited  = "limited"
	CertificateExpired  = "expired"
	CertificateRefused  = "refused"
)

// Certificate is that of one name, or a name that waits for one.
type Certificate struct {
	// Name is a host name, an IP address, or a wildcard such as "*.example.org".
	Name string `json:"name"`
	// State is valid, ordering, waiting (the last order failed), limited (an authority said to wait), expired (it is shown
	// all the same) or refused (a name that the gateway orders no certificate for).
	State string `json:"state"`
	// Issuer names who signed it, empty without a certificate. Source is acme, internal (the gateway's own authority) or
	// file, and File the path of one from files.
	Issuer string `json:"issuer,omitempty"`
	Source string `json:"source,omitempty"`
	File   string `json:"file,omitempty"`
	// Challenge is that of the last order: http-01, tls-alpn-01 or dns-01.
	Challenge string `json:"challenge,omitempty"`
	// NotBefore and Expires are the ends of its validity, Renews is when it is to be renewed, and Next when the next order
	// is tried.
	NotBefore time.Time `json:"not_before,omitzero"`
	Expires   time.Time `json:"expires,omitzero"`
	Renews    time.Time `json:"renews,omitzero"`
	Next      time.Time `json:"next,omitzero"`
	// Error says why the last order failed, and Fix what to change. Failures counts those since the last success.
	Error    string `json:"error,omitempty"`
	Fix      string `json:"fix,omitempty"`
	Failures int    `json:"failures,omitempty"`
	// Replaced says why the certificate before was replaced early, such as "revoked".
	Replaced string `json:"replaced,omitempty"`
	// Warning is something that needs attention while the certificate is still good.
	Warning string `json:"warning,omitempty"`
}

// Finding is one result of a check of a name.
type Finding struct {
	// Subject is what was checked, such as "dns" or "port 80".
	Subject string `json:"subject"`
	// Verdict is good, unsure (only the authority can tell) or bad (no order is made, since it would fail).
	Verdict string `json:"verdict"`
	// Message says what was found, and Fix what to change.
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
}

// The verdicts of findings.
const (
	FindingGood   = "good"
	FindingUnsure = "unsure"
	FindingBad    = "bad"
)

// selfExplaining are the beginnings of errors that say by themselves that an order waits.
var selfExplaining = []string{"unreachable since ", "cannot store", "clock "}

// Standing says for people how a certificate stands. Times are in a location.
func (c *Certificate) Standing(in *time.Location) string {
	switch c.State {
	case CertificateWaiting:
		for _, start := range selfExplaining {
			if strings.HasPrefix(c.Error, start) {
				return c.Error
			}
		}
		return joined(c.State, ": ", c.Error)
	case CertificateLimited:
		if strings.HasPrefix(c.Error, "limited until ") {
			return c.Error
		}
		return joined("limited until "+stamp(c.Next, in), ": ", c.Error)
	case CertificateExpired, CertificateRefused:
		return joined(c.State, ": ", c.Error)
	case CertificateValid:
		if c.Replaced != "" {
			return "replaced: " + c.Replaced
		}
	}
	return c.State
}

// Problem says for people what needs attention, with the fix; empty if nothing does.
func (c *Certificate) Problem(now time.Time) string {
	standing := c.Standing(now.Location())
	healthy := c.State == CertificateValid || c.State == CertificateOrdering
	switch {
	case !healthy:
		if c.State != CertificateExpired && c.Overdue(now) {
			standing += "; it expires on " + stamp(c.Expires, now.Location())
		}
	case c.Warning != "":
		standing = c.Warning
	case c.Overdue(now):
		standing = "it expires on " + stamp(c.Expires, now.Location()) + joined("", ": ", c.Error)
	default:
		return ""
	}
	fix := c.Fix
	if fix == "" && c.State == CertificateExpired && c.Source != "file" {
		fix = "gateway certificate renew " + c.Name
	}
	return c.Name + ": " + joined(standing, "; fix: ", fix)
}

// CertificateFor is the certificate of a host, else that of the wildcard above it; nil for none.
func CertificateFor(host string, all []Certificate) *Certificate {
	_, above, _ := strings.Cut(host, ".")
	for _, name := range []string{host, "*." + above} {
		for i := range all {
			if all[i].Name == name {
				return &all[i]
			}
		}
	}
	return nil
}

// Overdue reports whether no more than a sixth of the lifetime is left: renewals have failed for a long time.
func (c *Certificate) Overdue(now time.Time) bool {
	return !c.Expires.IsZero() && c.Expires.Sub(now) <= c.Expires.Sub(c.NotBefore)/6
}

// stamp is a time for people.
func stamp(t time.Time, in *time.Location) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.In(in).Format("2006-01-02 15:04")
}

// joined adds a separator and a text, unless the text is empty.
func joined(text, separator, more string) string {
	if more == "" {
		return text
	}
	return text + separator + more
}

// Certifier has the certificates of a proxy. Without any, each error is ErrNoHTTPS.
type Certifier interface {
	// Certificates are sorted by name.
	Certificates() ([]Certificate, error)
	// RenewCertificate orders a new certificate of a name, or of each name if it is empty, and returns before the order
	// ends. Without force it does nothing for one that is not due. The error is ErrNoCertificate, ErrNotOrdered or
	// ErrLimited.
	RenewCertificate(name string, force bool) error
	// CheckCertificate finds out whether an authority could validate a name, and orders nothing. It may take minutes.
	CheckCertificate(ctx context.Context, name string) ([]Finding, error)
}

// NoCertificates reports that an error of Client.Certificates means that there are none: the proxy serves no HTTPS, or its
// version has no certificates in the admin API.
func NoCertificates(err error) bool { return errors.Is(err, ErrNoHTTPS) || errors.Is(err, ErrNoRoute) }

// Certificates asks for the certificates. The errors are those of Certifier, and ErrNoRoute for a proxy of a version
// without them.
func (c *Client) Certificates(ctx context.Context) ([]Certificate, error) {
	var all []Certificate
	if err := c.call(ctx, http.MethodGet, "/v1/certificates", nil, &all); err != nil {
		return nil, fmt.Errorf("asking the proxy for its certificates: %w", err)
	}
	return all, nil
}

// RenewCertificate orders a new certificate, as Certifier says.
func (c *Client) RenewCertificate(ctx context.Context, name string, force bool) error {
	path := "/v1/certificate/renew?" + url.Values{"name": {name}, "force": {strconv.FormatBool(force)}}.Encode()
	if err := c.call(ctx, http.MethodPut, path, nil, &struct{}{}); err != nil {
		return fmt.Errorf("renewing the certificate of %s: %w", cmp.Or(name, "each name"), err)
	}
	return nil
}

// CheckCertificate checks a name, as Certifier says.
func (c *Client) CheckCertificate(ctx context.Context, name string) ([]Finding, error) {
	var found []Finding
	path := "/v1/certificate/check?" + url.Values{"name": {name}}.Encode()
	if err := c.call(ctx, http.MethodPut, path, nil, &found); err != nil {
		return nil, fmt.Errorf("checking the name %s: %w", name, err)
	}
	return found, nil
}

func getCertificates(g Certifier) (any, error) {
	all, err := g.Certificates()
	if err != nil {
		return nil, err
	}
	return append([]Certificate{}, all...), nil
}

func putRenewal(g Certifier, r *http.Request) (any, error) {
	force := false
	if given := r.URL.Query().Get("force"); given != "" {
		var err error
		if force, err = strconv.ParseBool(given); err != nil {
			return nil, fmt.Errorf("%w: force is true or false, not %q", ErrRefused, given)
		}
	}
	return struct{}{}, g.RenewCertificate(r.URL.Query().Get("name"), force)
}

func putNameCheck(g Certifier, r *http.Request) (any, error) {
	name := r.URL.Query().Get("name")
	if name == "" {
		return nil, fmt.Errorf("%w: say which name, as in %s?name=example.org", ErrRefused, r.URL.Path)
	}
	found, err := g.CheckCertificate(r.Context(), name)
	if err != nil {
		return nil, err
	}
	return append([]Finding{}, found...), nil
}
