package preflight

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// maxRedirects is how many redirects an authority follows.
const maxRedirects = 10

// outcome is what a probe of an address came to.
type outcome int

const (
	// ours is the gateway, foreign another server, and dead nobody. unreachable is an address that this machine has no
	// route to, as one of IPv6 in a network without it.
	ours outcome = iota
	foreign
	timedOut
	refused
	unreachable
	broken
)

// probed is the result of a probe of an address, with what answered or went wrong.
type probed struct {
	ip      netip.Addr
	outcome outcome
	what    string
}

// probe asks for a token and for a certificate at each address, as an authority does.
func (r *run) probe(ctx context.Context, addresses []netip.Addr) []Finding {
	plain, secure := r.probeHTTP(ctx, addresses), r.probeTLS(ctx, addresses)
	found := make([]Finding, 0, len(plain)+len(secure))
	for _, p := range plain {
		found = append(found, r.judge(r.HTTPPort, p, plain, secure))
	}
	for _, p := range secure {
		found = append(found, r.judge(r.HTTPSPort, p, secure, plain))
	}
	return found
}

// probeHTTP asks for a token at each address.
func (r *run) probeHTTP(ctx context.Context, addresses []netip.Addr) []probed {
	if r.Expect == nil || len(addresses) == 0 {
		return nil
	}
	token, answer := rand.Text(), rand.Text()+"."+rand.Text()
	forget := r.Expect(r.Name, token, answer)
	defer forget()
	results := make([]probed, len(addresses))
	for i, ip := range addresses {
		results[i] = r.probeOne(ctx, ip, token, answer)
	}
	return results
}

// judge says what a result means for an order, given those of all addresses at the same port, and at the other one. Where
// that is open, one challenge of two works.
func (r *run) judge(port int, p probed, all, other []probed) Finding {
	f := r.judgePort(port, p, all)
	f.Subject = fmt.Sprintf("port %d", port)
	works := slices.ContainsFunc(other, func(q probed) bool { return q.ip == p.ip && q.outcome == ours })
	if f.Verdict == Bad && works {
		f.Verdict = Unsure
	}
	return f
}

// judgePort is judge for one port alone.
func (r *run) judgePort(port int, p probed, all []probed) Finding {
	reached := slices.ContainsFunc(all, func(q probed) bool { return q.outcome == ours })
	forward := fmt.Sprintf("forward TCP port %d of the router to this machine, and let its firewall pass it, as by: sudo ufw allow %d/tcp", port, port)
	switch {
	case p.outcome == ours:
		return Finding{Verdict: Good, Message: fmt.Sprintf("the gateway answers at %s%s", p.ip, p.what)}
	case p.outcome == foreign:
		return Finding{
			Verdict: Bad, Message: fmt.Sprintf("another server answers at %s: %s", p.ip, p.what),
			Fix: fmt.Sprintf("stop that server, or %s; or %s; if it is a router that answers its own network itself: gateway up --dns PROVIDER", forward, r.record("set the", nil)),
		}
	case p.outcome == unreachable:
		return Finding{
			Verdict: Unsure, Message: fmt.Sprintf("%s cannot be probed from here: %s", p.ip, p.what),
			Fix: fmt.Sprintf("check from another network: nc -vz %s %d", p.ip, port),
		}
	case p.ip.Is6() && reached:
		return Finding{
			Verdict: Bad, Message: fmt.Sprintf("%s does not answer (%s), while the IPv4 address does; authorities try IPv6 first", p.ip, p.what),
			Fix: fmt.Sprintf("remove the record %s. AAAA %s, or let port %d pass to this machine over IPv6", r.Name, p.ip, port),
		}
	case reached:
		return Finding{
			Verdict: Unsure, Message: fmt.Sprintf("%s does not answer (%s), while other addresses do", p.ip, p.what),
			Fix: "remove its record, or " + forward,
		}
	case p.outcome == timedOut:
		return Finding{
			Verdict: Unsure, Message: fmt.Sprintf("%s does not answer from here (%s); a router that does not lead its own network to its public address looks the same", p.ip, p.what),
			Fix: forward,
		}
	}
	return Finding{Verdict: Unsure, Message: fmt.Sprintf("%s does not answer (%s)", p.ip, p.what), Fix: forward}
}

// probeOne asks for a token at one address, and follows redirects as an authority does.
func (r *run) probeOne(ctx context.Context, ip netip.Addr, token, answer string) probed {
	at := &url.URL{Scheme: "http", Host: urlHost(r.Name), Path: "/.well-known/acme-challenge/" + token}
	to, way := joined(ip, r.HTTPPort), ""
	for range maxRedirects {
		response, err := r.get(ctx, at, to)
		if err != nil {
			return failed(ip, err, way)
		}
		body, err := readBody(response)
		if err != nil {
			return failed(ip, err, way)
		}
		location := response.Header.Get("Location")
		if response.StatusCode/100 != 3 || location == "" {
			if response.StatusCode == http.StatusOK && strings.TrimSpace(body) == answer {
				return probed{ip, ours, way}
			}
			return probed{ip, foreign, described(response) + way}
		}
		next, err := at.Parse(location)
		if err != nil {
			return probed{ip, foreign, described(response) + ", with a Location that is no URL" + way}
		}
		way = fmt.Sprintf(" after a redirect to %s://%s by %s", next.Scheme, next.Host, serverOf(response))
		if to, err = r.redirected(ctx, next, ip); err != nil {
			return probed{ip, foreign, fmt.Sprintf("%s, but %v", described(response)+way, err)}
		}
		at = next
	}
	return probed{ip, foreign, fmt.Sprintf("%d redirects, one after the other%s", maxRedirects, way)}
}

// redirected is the address that a redirect leads to: the same one for the same host.
func (r *run) redirected(ctx context.Context, u *url.URL, ip netip.Addr) (string, error) {
	port, known := map[string]int{"http": r.HTTPPort, "https": r.HTTPSPort}[u.Scheme]
	if !known {
		return "", fmt.Errorf("authorities follow no redirect to %s", u.Scheme)
	}
	if given := u.Port(); given != "" && given != strconv.Itoa(port) {
		return "", fmt.Errorf("authorities follow no redirect to port %s", given)
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if host == r.Name {
		return joined(ip, port), nil
	}
	for _, kind := range []uint16{dns.TypeAAAA, dns.TypeA} {
		found, err := r.lookup(ctx, host, kind)
		if err != nil {
			return "", err
		}
		if ips := addressesOf(found.records); len(ips) > 0 {
			return joined(ips[0], port), nil
		}
	}
	return "", fmt.Errorf("%s has no address", host)
}

// get makes one request, of the server at an address.
func (r *run) get(ctx context.Context, at *url.URL, to string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.Timeout, 5*time.Second))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		cancel()
		return nil, err
	}
	request.Header.Set("User-Agent", "gateway-preflight")
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, network, _ string) (net.Conn, error) { return r.Dial(ctx, network, to) },
		// Authorities do not verify the certificates of redirects either.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // As the comment says.
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		cancel()
		return nil, err
	}
	response.Body = limitedBody{io.LimitReader(response.Body, 1<<10), response.Body, cancel}
	return response, nil
}

// limitedBody is the start of a body; with its end the context of the request ends.
type limitedBody struct {
	io.Reader
	io.Closer
	cancel context.CancelFunc
}

func (b limitedBody) Close() error {
	b.cancel()
	return b.Closer.Close()
}

func readBody(response *http.Response) (string, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// failed is the result of a probe without an answer.
func failed(ip netip.Addr, err error, way string) probed {
	timeout, is := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), is && timeout.Timeout():
		return probed{ip, timedOut, "no answer in time" + way}
	case errors.Is(err, syscall.ECONNREFUSED):
		return probed{ip, refused, "the connection is refused" + way}
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return probed{ip, unreachable, "this machine has no route to it" + way}
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF):
		return probed{ip, broken, "the connection is closed" + way}
	case way != "":
		return probed{ip, foreign, err.Error() + way}
	}
	return probed{ip, foreign, "it speaks no HTTP: " + err.Error()}
}

// described says what answered, by its Server field.
func described(response *http.Response) string {
	return fmt.Sprintf("%s answers %s", serverOf(response), response.Status)
}

func serverOf(response *http.Response) string {
	name := response.Header.Get("Server")
	if name == "" {
		return "a server without a name"
	}
	return fmt.Sprintf("%.60q", name)
}

func joined(ip netip.Addr, port int) string { return netip.AddrPortFrom(ip, uint16(port)).String() }

// urlHost is a name in a URL.
func urlHost(name string) string {
	if ip, err := netip.ParseAddr(name); err == nil && ip.Is6() {
		return "[" + name + "]"
	}
	return name
}
