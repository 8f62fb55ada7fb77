package engine

import (
	"sync/atomic"
	"time"

	"gateway/proxy/http1"
)

// known is what earlier responses of a target showed. It is safe for concurrent use.
type known struct {
	// version is one more than the minor version of HTTP/1 of the last response, 0 before the first.
	version atomic.Int32
	// proven reports that nothing followed a response. unusableUntil is until when the connections of a target that
	// sends bytes after its responses are not reused, in Unix nanoseconds.
	proven        atomic.Bool
	unusableUntil atomic.Int64
}

// reuse says whether connections to a target can be reused.
type reuse uint8

const (
	// reusable: they can, after a check for unsolicited bytes.
	reusable reuse = iota
	// unproven: first check that nothing follows a response.
	unproven
	// unusable: they cannot.
	unusable
)

const (
	// unusableFor is how long a target stays unusable: it may be repaired.
	unusableFor = 10 * time.Minute
	// maxObserved is the most connections that are observed at once.
	maxObserved = 16
)

func (u *Upstream) reuse() reuse {
	k := &u.known
	if until := k.unusableUntil.Load(); until != 0 {
		if time.Now().UnixNano() < until {
			return unusable
		}
		k.unusableUntil.CompareAndSwap(until, 0)
	}
	if k.proven.Load() || u.engine.config.Quiet <= 0 {
		return reusable
	}
	return unproven
}

// noteVersion stores the version of a response.
func (k *known) noteVersion(minor int) {
	if v := int32(minor) + 1; k.version.Load() != v { //nolint:gosec // It is 0 or 1.
		k.version.Store(v)
	}
}

// http10 reports that the target speaks HTTP/1.0, as far as is known.
func (k *known) http10() bool { return k.version.Load() == 1 }

// markUnusable notes that bytes arrived which belong to no response (RFC 9112 section 9.2). It closes the unused
// connections, on which more may arrive.
func (u *Upstream) markUnusable() {
	u.known.unusableUntil.Store(time.Now().Add(unusableFor).UnixNano())
	u.known.proven.Store(false)
	u.mu.Lock()
	unused := append(u.idle, u.observed...)
	u.idle, u.observed = nil, nil
	u.mu.Unlock()
	for _, l := range unused {
		l.close()
	}
}

// promoteObserved classifies the connections that were observed for long enough. The caller holds the lock.
func (u *Upstream) promoteObserved() {
	if len(u.observed) == 0 {
		return
	}
	now := time.Now()
	for len(u.observed) > 0 {
		l := u.observed[0]
		if !u.known.proven.Load() {
			if now.Sub(l.since) < u.engine.config.Quiet {
				return
			}
			u.classify(l)
		}
		u.observed[0] = nil
		u.observed = u.observed[1:]
		if !u.known.proven.Load() || l.sock.Interrupted() {
			l.close()
			continue
		}
		l.sock.Within(u.engine.config.Keep)
		u.idle = append(u.idle, l)
	}
}

// classify checks whether something followed the response on an observed connection. If it was closed, nothing is
// known.
func (u *Upstream) classify(l *link) {
	switch l.idleInput() {
	case noInput:
		u.known.proven.Store(true)
	case inputUnsolicited:
		u.known.unusableUntil.Store(time.Now().Add(unusableFor).UnixNano())
	case inputClosed:
	}
}

// idleInput is what arrived over an unused connection.
type idleInput uint8

const (
	noInput idleInput = iota
	// inputClosed: the end, perhaps after a 408, with which some servers close idle connections (RFC 9110 section
	// 15.5.9).
	inputClosed
	// inputUnsolicited: bytes that belong to no response.
	inputUnsolicited
)

// idleInput checks an unused connection without consuming anything. It cannot look into TLS, where input counts as the
// end.
func (l *link) idleInput() idleInput {
	if l.sock.Usable() {
		return noInput
	}
	n := 0
	if l.plain() {
		n = l.sock.Peek(l.peeked[:])
	}
	if n == 0 || isRequestTimeout(l.peeked[:n]) {
		return inputClosed
	}
	return inputUnsolicited
}

// isRequestTimeout reports whether a response begins like one with status 408.
func isRequestTimeout(b []byte) bool {
	const sample = "HTTP/1.1 408"
	if len(b) < len(sample) {
		return string(b) == sample[:len(b)]
	}
	return string(b[:7]) == sample[:7] && string(b[8:len(sample)]) == sample[8:]
}

// looksLikeHTTP1 reports whether bytes can be the start of a response of HTTP/1.
func looksLikeHTTP1(b []byte) bool {
	const sample = "HTTP/1."
	n := min(len(b), len(sample))
	return string(b[:n]) == sample[:n]
}

// checkUnsolicited checks the first bytes that arrived over a reused connection. stale reports that they were sent
// before the request and are no response to it, again that the request can be repeated over another connection.
func (f *forwarding) checkUnsolicited(first []byte) (stale, again bool) {
	switch {
	case !looksLikeHTTP1(first):
		f.to.markUnusable()
		return true, f.x.Repeatable()
	case isRequestTimeout(first) && len(first) > len("HTTP/1.1 408"):
		// The target closed the idle connection before it saw the request (RFC 9110 section 15.5.9).
		n, err := http1.ParseResponse(&f.x.response, first, f.x.Request.Method, f.responseLimits())
		stale = err == nil && n > 0 && f.x.response.Close
		return stale, stale
	}
	return false, false
}
