package proxy

import (
	"net/http"
	"strings"
	"testing"

	"gateway/proxy/live"
	"gateway/proxy/route"
)

func TestProxy_RespondsToAndLogsItsOwnMistakes(t *testing.T) {
	p := start(t, Config{}, mount(t, "/a", route.Strip, app(t, "a", nil)))
	p.current.Store(&live.State{Table: p.current.Load().Table})
	if got := p.do(t, "GET", "/a/", "Accept: application/json"); got.StatusCode != http.StatusInternalServerError || !strings.Contains(got.body, "internal_error") {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
	if log := p.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "stack=") {
		t.Errorf("the mistake is not in the log:\n%s", log)
	}
	eventually(t, "the request is no longer under way", func() bool { return p.Status().Proxy.Inflight == 0 })
}
