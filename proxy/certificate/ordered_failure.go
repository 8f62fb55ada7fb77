package certificate

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

// failure is why an order did not end well, and how long the next one waits.
type failure struct {
	kind kind
	// cause and fix are State.Error and State.Fix.
	cause, fix string
	// until is when the authority takes orders again; only of limited.
	until time.Time
}

// kind tells failures apart by what they cost.
type kind int

const (
	// free failures come before an order: they cost no quota, and are tried again often.
	free kind = iota
	// closed means that the proxy does not listen yet; it is no failure.
	closed
	// rejected means that the authority could not validate the name.
	rejected
	// limited means that the authority takes no more orders.
	limited
	// unreachable means that the authority did not answer, or with an error of its own.
	unreachable
)

// Error implements error.
func (f *failure) Error() string { return f.cause }

// minute is how times are shown.
const minute = "2006-01-02 15:04 UTC"

func cannotStore(folder string, err error) *failure {
	f := &failure{kind: free, cause: "cannot store: " + reason(err)}
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || strings.Contains(err.Error(), syscall.ENOSPC.Error()):
		f.fix = "free space for " + folder
	default:
		f.fix = "let the gateway write to " + folder
	}
	return f
}

// reason is an error without the paths and calls around it.
func reason(err error) string {
	if number, is := errors.AsType[syscall.Errno](err); is {
		return number.Error()
	}
	for _, n := range []syscall.Errno{syscall.ENOSPC, syscall.EACCES, syscall.EROFS, syscall.EPERM, syscall.EDQUOT} {
		if strings.Contains(err.Error(), n.Error()) {
			return n.Error()
		}
	}
	return err.Error()
}

// about is a duration in its largest unit.
func about(d time.Duration) string {
	switch {
	case d >= 2*365*day:
		return fmt.Sprintf("%d years", d/(365*day))
	case d >= 2*day:
		return fmt.Sprintf("%d days", d/day)
	case d >= time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d min", d/time.Minute)
}

// classify makes a failure of the error of an order at an authority.
func classify(err error, name, folder string, now time.Time) *failure {
	if known, is := errors.AsType[*failure](err); is {
		return known
	}
	if strings.Contains(err.Error(), "failed storage check") {
		// certmagic wraps the cause as text.
		return cannotStore(folder, err)
	}
	if problem, is := errors.AsType[acme.Problem](err); is {
		return ofProblem(problem, name, now)
	}
	if invalid, is := errors.AsType[x509.CertificateInvalidError](err); is && invalid.Reason == x509.Expired {
		return &failure{
			kind: unreachable, cause: "the certificate of the certificate authority itself is not valid at this time: " + invalid.Detail,
			fix: "compare the clock of the host with the real time",
		}
	}
	if text, is := ofDNS(err); is {
		return &failure{kind: rejected, cause: "the DNS record of the challenge is not there: " + text, fix: "check the zone, and that the token of --dns-token-file may change it; then run: " + checkCommand + name}
	}
	return &failure{kind: unreachable, cause: innermost(err).Error()}
}

// ofDNS is what a provider of DNS zones, or the wait for a record, says.
func ofDNS(err error) (text string, is bool) {
	if record, is := errors.AsType[*recordError](err); is {
		return record.text, true
	}
	for _, words := range []string{"could not determine zone", "checking DNS propagation", "timed out waiting for record"} {
		if at := strings.Index(err.Error(), words); at >= 0 {
			text, _, _ = strings.Cut(err.Error()[at:], " (order=")
			return text, true
		}
	}
	return "", false
}

// innermost is the error without what the layers above it say.
func innermost(err error) error {
	if request, is := errors.AsType[*url.Error](err); is {
		return request.Err
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// ofProblem makes a failure of what an authority said.
func ofProblem(p acme.Problem, name string, now time.Time) *failure {
	said := p.Detail
	if said == "" {
		said = p.Type
	}
	for _, sub := range p.Subproblems {
		said += "; " + sub.Detail
	}
	switch {
	case p.Status == http.StatusTooManyRequests || p.Type == acme.ProblemTypeRateLimited:
		until := retryAfter(p.Detail, now)
		return &failure{kind: limited, until: until, cause: "limited until " + until.UTC().Format(minute) + ": " + said, fix: "wait; nothing else helps"}
	case p.Status >= http.StatusInternalServerError:
		return &failure{kind: unreachable, cause: said}
	}
	return &failure{kind: rejected, cause: said, fix: remedy(p.Type, name)}
}

// retryAt is what Let's Encrypt says in words; certmagic does not hand the header on.
var retryAt = regexp.MustCompile(`retry after (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC`)

// retryAfter is when the authority takes orders again: what it says, else in an hour.
func retryAfter(detail string, now time.Time) time.Time {
	if m := retryAt.FindStringSubmatch(detail); m != nil {
		if at, err := time.Parse(time.DateTime, m[1]); err == nil && at.After(now) && at.Before(now.Add(longest)) {
			return at
		}
	}
	return now.Add(time.Hour)
}

// These are followed by a name.
const (
	checkCommand = "gateway certificate check "
	renewCommand = "gateway certificate renew "
)

// remedy says what to change for a problem of RFC 8555 section 6.7.
func remedy(problem, name string) string {
	switch problem {
	case acme.ProblemTypeDNS:
		return "add an A or AAAA record for " + name + " that leads here, and run: " + checkCommand + name
	case acme.ProblemTypeConnection, acme.ProblemTypeTLS:
		return "forward ports 80 and 443 to this machine and open them in its firewall; then run: " + checkCommand + name
	case acme.ProblemTypeUnauthorized, acme.ProblemTypeIncorrectResponse:
		return "another server answers for " + name + ": let its A and AAAA records lead here; then run: " + checkCommand + name
	case acme.ProblemTypeCAA:
		return "allow the certificate authority in the CAA record of " + name + ", or remove the record"
	case acme.ProblemTypeExternalAccountRequired:
		return "add --acme-eab-kid and --acme-eab-key-file; the authority's website has both"
	case acme.ProblemTypeRejectedIdentifier, acme.ProblemTypeUnsupportedIdentifier:
		return "the authority issues nothing for " + name + "; use another one by --acme-ca"
	case acme.ProblemTypeInvalidContact, acme.ProblemTypeUnsupportedContact:
		return "correct the address of --email"
	}
	return "run: " + checkCommand + name
}

// fail notes a failure: what it says, and when the next order is tried.
func (r *record) fail(f *failure, now time.Time, second bool) {
	r.Interrupted, r.Unasked = 0, f.kind == closed || f.kind == free
	if f.kind == closed {
		r.Next = now.Add(2 * time.Second)
		return
	}
	r.Failures++
	r.Last = now
	r.Error, r.Fix = f.cause, f.fix
	switch f.kind {
	case free:
		r.Next = now.Add(min(backoff(r.Failures), 10*time.Minute))
		return
	case rejected:
		r.Next, r.Since, r.Limited = now.Add(backoff(r.Failures)), time.Time{}, time.Time{}
		r.Recent = append(r.Recent, now)
		return
	case limited:
		r.Next, r.Limited = f.until, f.until
	case unreachable:
		r.Next = now.Add(min(backoff(r.Failures), 100*time.Minute))
	}
	if r.Since.IsZero() {
		r.Since = now
	}
	if f.kind == unreachable {
		r.Error = "unreachable since " + r.Since.UTC().Format(minute) + ": " + f.cause
		r.Fix = "wait, or have a second authority"
		if second {
			r.Fix = "wait; the second authority is asked an hour after the first one failed"
		}
	}
	if turn := r.Since.Add(fallbackAfter); second && turn.After(now) && turn.Before(r.Next) {
		r.Next = turn
	}
}
