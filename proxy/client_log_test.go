package proxy

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"gateway/proxy/accesslog"
)

// logLine is one of the access log, as it is read by others.
type logLine map[string]any

// keepLog opens an access log. The function ends it, when that many requests have ended, and returns its lines.
func keepLog(t *testing.T) (*accesslog.Log, func(p *running, requests uint64) []logLine) {
	t.Helper()
	text := &logged{}
	log, err := accesslog.Open(accesslog.Config{Writer: text, Query: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	t.Cleanup(cancel)
	return log, func(p *running, requests uint64) (all []logLine) {
		t.Helper()
		eventually(t, "all requests have ended", func() bool {
			return p.Status().Proxy.Requests == requests && p.Status().Proxy.Inflight == 0
		})
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for row := range strings.Lines(text.String()) {
			var l logLine
			if err := json.Unmarshal([]byte(row), &l); err != nil {
				t.Fatalf("%q: %v", row, err)
			}
			all = append(all, l)
		}
		if log.Dropped() > 0 {
			t.Errorf("%d lines were lost", log.Dropped())
		}
		return all
	}
}

// wants fails unless the line has these members, of which nil is none.
func (l logLine) wants(t *testing.T, members logLine) {
	t.Helper()
	for name, want := range members {
		if n, isInt := want.(int); isInt {
			want = float64(n)
		}
		if got := l[name]; got != want {
			t.Errorf("%s %s: %s is %v, want %v", l["method"], l["path"], name, got, want)
		}
	}
}
