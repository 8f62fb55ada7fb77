package proxy

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gateway/proxy/forward"
	"gateway/proxy/route"
	"gateway/proxy/traffic"
)

func TestVisit_AnswersEachFailureWithItsPage(t *testing.T) {
	s, _ := fresh(t, "")
	s.SetTable(tableOf(t, "/a"))
	current := s.current.Load()
	for err, status := range map[error]int{
		forward.ErrRequest: 400,
		forward.ErrAnswer:  502,
		forward.ErrConnect: 502,
		forward.ErrTimeout: 504,
		fmt.Errorf("%w: %w", forward.ErrConnect, forward.ErrTimeout): 504,
	} {
		w := httptest.NewRecorder()
		v := &visit{
			server: s, snapshot: current, request: httptest.NewRequest("GET", "/a/", nil), writer: traffic.Watch(w),
			serving: current.serving[&current.table.Routes()[0]],
		}
		v.fail(fmt.Errorf("carrying: %w", err))
		if w.Code != status {
			t.Errorf("%v: %d, want %d", err, w.Code, status)
		}
	}
}

func TestProxy_AnswersAndLogsItsOwnMistakes(t *testing.T) {
	p := start(t, Config{}, mount(t, "/a", route.Strip, app(t, "a", nil)))
	broken := *p.current.Load()
	broken.serving = nil
	p.current.Store(&broken)
	if got := p.visitor(t, "GET", "/a/", "Accept: application/json"); got.StatusCode != http.StatusInternalServerError || !strings.Contains(got.body, "internal_error") {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
	if log := p.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "stack=") {
		t.Errorf("the mistake is not in the log:\n%s", log)
	}
	eventually(t, "the request is no longer under way", func() bool { return p.Status().Proxy.Inflight == 0 })
}

func FuzzForged(f *testing.F) {
	for _, seed := range []string{"X-Forwarded-For", "x_real.ip", "Proxy", "Accept", "", "FORWARDED", "Proxy-Authorization"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		folded := strings.Map(func(r rune) rune {
			switch {
			case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
				return r
			case 'A' <= r && r <= 'Z':
				return r + 'a' - 'A'
			}
			return '-'
		}, name)
		want := strings.HasPrefix(folded, "x-forwarded")
		for _, ours := range []string{"forwarded", "x-real-ip", "x-request-id", "proxy"} {
			want = want || folded == ours
		}
		// Names of fields are ASCII; of others it only matters that nothing breaks.
		if got := forged(name); got != want && len(folded) == len(name) {
			t.Errorf("forged(%q) = %v, want %v", name, got, want)
		}
	})
}
