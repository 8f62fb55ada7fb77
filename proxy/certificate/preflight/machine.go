package preflight

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// minFree is how much an order needs on the disk, with room for a chain and what is known of it.
const minFree = 1 << 20

// checkDisk finds out whether the disk takes another certificate.
func (r *run) checkDisk() []Finding {
	if r.Folder == "" {
		return nil
	}
	folder := r.Folder
	for folder != filepath.Dir(folder) {
		if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		folder = filepath.Dir(folder)
	}
	free, known := r.Free(folder)
	switch {
	case !known:
		return nil
	case free < minFree:
		return []Finding{{
			"disk", Bad, fmt.Sprintf("cannot store a certificate: the disk of %s has %d KiB left", r.Folder, free>>10),
			"free space on that disk; an order needs 1 MiB",
		}}
	}
	return []Finding{{"disk", Good, fmt.Sprintf("the disk of %s has %d MiB left", r.Folder, free>>20), ""}}
}

const (
	// maxSkew is how wrong a clock may be for an order, and goodSkew how wrong without a word.
	maxSkew  = time.Hour
	goodSkew = 5 * time.Minute
)

// checkClock compares the clock with that of the authority.
func (r *run) checkClock(ctx context.Context) []Finding {
	if r.Directory == "" {
		return nil
	}
	host := hostOf(r.Directory)
	skew, err := r.skew(ctx)
	if err != nil {
		return []Finding{{
			"clock", Unsure, fmt.Sprintf("the authority cannot be asked for its time: %v", err),
			fmt.Sprintf("let the gateway connect to %s: check the firewall for outgoing connections, and the DNS server of this machine", host),
		}}
	}
	ahead := "ahead of"
	if skew < 0 {
		skew, ahead = -skew, "behind"
	}
	if skew <= goodSkew {
		return []Finding{{"clock", Good, fmt.Sprintf("the clock agrees with that of %s", host), ""}}
	}
	found := Finding{
		"clock", Unsure, fmt.Sprintf("clock %s off: it is %s that of %s", rough(skew), ahead, host),
		"start a time service on this machine, such as: sudo timedatectl set-ntp true",
	}
	if skew > maxSkew {
		found.Verdict = Bad
	}
	return []Finding{found}
}

// skew is how far the clock is ahead of that of the authority. Its certificate counts as valid whatever the clock says.
func (r *run) skew(ctx context.Context) (time.Duration, error) {
	client := r.Client
	for retries := 0; ; retries++ {
		start := r.Now()
		date, err := dateOf(ctx, client, r.Directory)
		invalid, is := errors.AsType[x509.CertificateInvalidError](err)
		if is && invalid.Reason == x509.Expired && invalid.Cert != nil && retries < 3 {
			if client = inTime(r.Client, invalid.Cert); client != nil {
				continue
			}
		}
		if err != nil {
			return 0, err
		}
		said, err := http.ParseTime(date)
		if err != nil {
			return 0, fmt.Errorf("reading the Date field of %s: %w", r.Directory, err)
		}
		took := r.Now().Sub(start)
		return start.Add(took / 2).Sub(said).Truncate(time.Second), nil
	}
}

// dateOf is the Date field of an answer.
func dateOf(ctx context.Context, client *http.Client, to string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, to, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	return response.Header.Get("Date"), response.Body.Close()
}

// inTime is a client like another one, with a clock at which a certificate is valid; nil if there is none.
func inTime(client *http.Client, c *x509.Certificate) *http.Client {
	transport, is := client.Transport.(*http.Transport)
	if client.Transport == nil {
		transport, is = http.DefaultTransport.(*http.Transport)
	}
	if !is {
		return nil
	}
	transport = transport.Clone()
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	middle := c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) / 2)
	transport.TLSClientConfig.Time = func() time.Time { return middle }
	transport.DisableKeepAlives = true
	other := *client
	other.Transport = transport
	return &other
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Hostname()
}

// rough is a duration in its largest unit.
func rough(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d.Round(time.Hour)/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
