package peer

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// probe asks one question per connection. The certificate is our own, made for this run.
var probe = &http.Client{
	Timeout: 5 * time.Second,
	Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // to ourselves
	},
}

// Echo returns the body of a response with the status 200.
func Echo(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("asking: %w", err)
	}
	resp, err := probe.Do(req)
	if err != nil {
		return "", fmt.Errorf("asking: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", fmt.Errorf("asking: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("asking: %s", resp.Status)
	}
	return string(body), nil
}

// Check proves that the proxy does the work that is compared: it strips the prefix and forwards the address of the client
// and the request id.
func (r *Running) Check(ctx context.Context) error {
	head, err := Echo(ctx, fmt.Sprintf("http://127.0.0.1:%d/p%d/echo", r.Setup.HTTP, r.Setup.Routes))
	if err != nil {
		return fmt.Errorf("checking %s: %w", r.Peer.Name, err)
	}
	lower := strings.ToLower(head)
	host := fmt.Sprintf("127.0.0.1:%d", r.Setup.HTTP)
	for _, want := range []string{
		"get /echo http/1.1\r\n", "\r\nhost: " + host + "\r\n", "\r\nx-forwarded-for: 127.0.0.1\r\n", "\r\nx-forwarded-proto: http\r\n",
		"\r\nx-forwarded-host: " + host + "\r\n", "\r\nx-real-ip: 127.0.0.1\r\n", "\r\nx-request-id: ",
	} {
		if !strings.Contains(lower, want) {
			return fmt.Errorf("checking %s: the backend was not sent %q but %q", r.Peer.Name, want, head)
		}
	}
	return nil
}
