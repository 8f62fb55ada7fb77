package certificate

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// problem answers a request of the authority's with an error.
func problem(path string, status int, text string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path {
			return false
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
		return true
	}
}

func failed(s State) bool { return s.Failures > 0 && s.Phase != Ordering }

func TestPebble_WrongAddress(t *testing.T) {
	l := newLab(t, nil)
	l.zone.move("away.example.com", "127.0.0.9")
	o, _ := l.run(l.config("away.example.com"))
	s := l.until(o, "away.example.com", failed)
	if s.Phase != Waiting || !strings.Contains(s.Error, "127.0.0.9") || !strings.Contains(s.Fix, "gateway certificate check away.example.com") {
		t.Errorf("state %+v", s)
	}
	if wait := time.Until(s.Next); wait < 30*time.Second || wait > time.Minute {
		t.Errorf("the next order is in %v, want a minute", wait)
	}
	if err := o.Renew("away.example.com", false); !errors.Is(err, ErrLimited) {
		t.Errorf("renewed without force: %v", err)
	}
	// Somebody corrects the record, and does not want to wait.
	l.zone.move("away.example.com", "127.0.0.1")
	if err := o.Renew("away.example.com", true); err != nil {
		t.Fatal(err)
	}
	if s := l.valid(o, "away.example.com"); s.Error != "" || s.Failures != 0 {
		t.Errorf("state %+v", s)
	}
}

func TestPebble_NoAddress(t *testing.T) {
	l := newLab(t, nil)
	l.zone.move("none.example.com", "")
	o, _ := l.run(l.config("none.example.com"))
	s := l.until(o, "none.example.com", failed)
	if s.Phase != Waiting || s.Error == "" || s.Fix == "" {
		t.Errorf("state %+v", s)
	}
}

// One order is one failed validation: authorities allow five an hour.
func TestPebble_FailureCostsOneValidation(t *testing.T) {
	l := newLab(t, nil)
	l.zone.move("cheap.example.com", "127.0.0.9")
	o, _ := l.run(l.config("cheap.example.com"))
	l.until(o, "cheap.example.com", failed)
	if n := len(l.ordered()); n != 1 {
		t.Errorf("%d orders in one attempt", n)
	}
	for n := 2; n <= hourly; n++ {
		if err := o.Renew("cheap.example.com", true); err != nil {
			t.Fatal(err)
		}
		l.until(o, "cheap.example.com", func(s State) bool { return s.Failures == n && failed(s) })
	}
	if err := o.Renew("cheap.example.com", true); !errors.Is(err, ErrLimited) {
		t.Errorf("a fifth failed validation in an hour by force: %v", err)
	}
}

func TestPebble_RateLimited(t *testing.T) {
	l := newLab(t, nil)
	at := time.Now().Add(2 * time.Hour).Truncate(time.Second).UTC()
	l.set(problem("/order-plz", http.StatusTooManyRequests, `{"type":"urn:ietf:params:acme:error:rateLimited","status":429,
		"detail":"too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after `+at.Format(time.DateTime)+` UTC"}`), nil)
	o, stop := l.run(l.config("limited.example.com"))
	s := l.until(o, "limited.example.com", failed)
	if s.Phase != Limited || !s.Next.Equal(at) || !strings.HasPrefix(s.Error, "limited until "+at.Format(minute)+": too many certificates") {
		t.Errorf("state %+v", s)
	}
	if err := o.Renew("limited.example.com", true); !errors.Is(err, ErrLimited) || len(l.ordered()) != 1 {
		t.Errorf("by force: %v", err)
	}
	stop()
	again, _ := l.run(o.config)
	if s := stateIn(again, "limited.example.com"); s.Phase != Limited || !s.Next.Equal(at) || len(l.ordered()) != 1 {
		t.Errorf("after a restart: %+v", s)
	}
}

func TestPebble_AuthorityDown(t *testing.T) {
	l := newLab(t, nil)
	second := l.another(nil)
	c := l.config("down.example.com")
	c.Roots.AddCert(second.front.Certificate())
	c.Fallback = second.front.URL + "/dir"
	l.set(problem("/order-plz", http.StatusServiceUnavailable, `{"type":"urn:ietf:params:acme:error:serverInternal","status":503,"detail":"down for maintenance"}`), nil)
	o, _ := l.run(c)
	s := l.until(o, "down.example.com", failed)
	if s.Phase != Waiting || !strings.HasPrefix(s.Error, "unreachable since ") || !strings.HasSuffix(s.Error, ": down for maintenance") {
		t.Errorf("state %+v", s)
	}
	if n := len(second.ordered()); n != 0 {
		t.Errorf("the second authority was asked at once")
	}
	o.mu.Lock()
	o.entries["down.example.com"].record.Since = time.Now().Add(-61 * time.Minute)
	o.mu.Unlock()
	if err := o.Renew("down.example.com", true); err != nil {
		t.Fatal(err)
	}
	before := len(l.ordered())
	l.valid(o, "down.example.com")
	if n := len(second.ordered()); n != 1 || len(l.ordered()) != before {
		t.Errorf("%d orders at the second authority, and %d more at the first", n, len(l.ordered())-before)
	}
}

func TestPebble_NobodyThere(t *testing.T) {
	l := newLab(t, nil)
	c := l.config("gone.example.com")
	c.Directory = "https://127.0.0.1:1/dir"
	o, _ := l.run(c)
	s := l.until(o, "gone.example.com", failed)
	if s.Phase != Waiting || !strings.HasSuffix(s.Error, ": dial tcp 127.0.0.1:1: connect: connection refused") || s.Fix != "wait, or have a second authority" {
		t.Errorf("state %+v", s)
	}
}

func TestPebble_ClockAYearOff(t *testing.T) {
	l := newLab(t, nil)
	l.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead && r.URL.Path == "/dir" {
			w.Header().Set("Date", time.Now().AddDate(-1, 0, 0).Add(-12*time.Hour).UTC().Format(http.TimeFormat))
		}
		return r.Method == http.MethodHead && r.URL.Path == "/dir"
	}, nil)
	o := l.open(l.config("clock.example.com"))
	l.check(o)
	l.serve(o)
	s := l.until(o, "clock.example.com", failed)
	if s.Phase != Waiting || !strings.HasPrefix(s.Error, "clock 365 days off") || len(l.ordered()) != 0 {
		t.Errorf("%d orders, state %+v", len(l.ordered()), s)
	}
}

func TestPebble_WaitsForTheListeners(t *testing.T) {
	l := newLab(t, nil)
	c := l.config("early.example.com")
	// Nothing listens there.
	free := freePorts(t, 1)
	c.HTTPPort, c.TLSPort = free[0], 0
	o, _ := l.run(c)
	l.until(o, "early.example.com", func(s State) bool { return !s.Next.IsZero() })
	if s := stateIn(o, "early.example.com"); s.Failures != 0 || len(l.ordered()) != 0 {
		t.Errorf("%d orders before the proxy listens: %+v", len(l.ordered()), s)
	}
}

// What the check finds wrong is never ordered, and what it finds good is.
func TestPebble_ChecksBeforeAnOrder(t *testing.T) {
	l := newLab(t, nil)
	o := l.open(l.config("checked.example.com"))
	l.check(o)
	l.zone.move("checked.example.com", "")
	l.serve(o)
	s := l.until(o, "checked.example.com", failed)
	if s.Phase != Waiting || s.Error == "" || s.Fix == "" || len(l.ordered()) != 0 {
		t.Errorf("%d orders, state %+v", len(l.ordered()), s)
	}
	l.zone.move("checked.example.com", "127.0.0.1")
	for _, f := range o.Check(t.Context(), "checked.example.com") {
		if f.Verdict == Bad {
			t.Errorf("%+v", f)
		}
	}
	if err := o.Renew("checked.example.com", true); err != nil {
		t.Fatal(err)
	}
	l.valid(o, "checked.example.com")
}

func TestPebble_ChecksTheZoneBeforeAnOrder(t *testing.T) {
	l := newLab(t, nil)
	c := l.proveByDNS(l.config("*.zone.example.com"))
	o := l.open(c)
	l.check(o)
	l.serve(o)
	l.valid(o, "*.zone.example.com")
	if wrote := l.zone.writes(); wrote != 2 {
		t.Errorf("%d records were written, want that of the check and that of the challenge", wrote)
	}
	c.DNS.Credentials = strings.Replace(c.DNS.Credentials, tsigKey, "d3Jvbmd3cm9uZw==", 1)
	c.Folder += "-wrong"
	c.Domains = []string{"*.other.example.com"}
	wrong := l.open(c)
	l.check(wrong)
	before := len(l.ordered())
	found := wrong.Check(t.Context(), "*.other.example.com")
	bad := slices.IndexFunc(found, func(f Finding) bool { return f.Verdict == Bad })
	if bad < 0 || strings.Contains(found[bad].Message, "d3Jvbmd3cm9uZw==") || len(l.ordered()) != before {
		t.Errorf("with a wrong key: %+v", found)
	}
	wrong.cache.Stop()
}

func TestPebble_AuthorityLostItsAccounts(t *testing.T) {
	l := newLab(t, nil)
	o, _ := l.run(l.config("lost.example.com"))
	l.valid(o, "lost.example.com")
	leaf := l.leaf("lost.example.com")
	// It is set up again at the same address.
	again := l.another(nil)
	l.set(func(w http.ResponseWriter, r *http.Request) bool {
		again.front.Config.Handler.ServeHTTP(w, r)
		return true
	}, nil)
	if err := o.Renew("lost.example.com", true); err != nil {
		t.Fatal(err)
	}
	s := l.until(o, "lost.example.com", func(s State) bool {
		return s.Failures > 0 || s.Phase == Valid && l.leaf("lost.example.com").SerialNumber.Cmp(leaf.SerialNumber) != 0
	})
	if s.Failures > 0 {
		t.Errorf("state %+v", s)
	}
}
