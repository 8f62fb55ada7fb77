package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gateway/proxy/engine"
	"gateway/proxy/page"
	"gateway/proxy/route"
)

func TestVisit_AnswersEachFailureWithItsPage(t *testing.T) {
	for err, status := range map[error]int{
		engine.ErrRequest: 400,
		engine.ErrAnswer:  502,
		engine.ErrConnect: 502,
		engine.ErrTimeout: 504,
		fmt.Errorf("%w: %w", engine.ErrConnect, engine.ErrTimeout): 504,
	} {
		kind := failurePage(fmt.Errorf("carrying: %w", err))
		if got := (page.Page{Kind: kind}).Status(); got != status {
			t.Errorf("%v: %d, want %d", err, got, status)
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
