package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestOnlyContainer_IsWaitedForWhileItRestarts(t *testing.T) {
	s := newService(t, "e2e-only")
	s.start("e2e-only-1", "--env", "DELAY=500ms", "--env", lingers)
	eventually(t, base+s.path()+"/", "the app", served)
	c := gather(t, s.path())
	c.awaitAnswersBy("e2e-only-1")

	c.phase("restarted")
	docker(t, "restart", "e2e-only-1")
	c.awaitAnswersBy("e2e-only-1")

	c.phase("replaced")
	s.stop("e2e-only-1")
	s.start("e2e-only-2", "--env", "DELAY=100ms")
	c.awaitAnswersBy("e2e-only-2")

	c.phase("paused and resumed")
	must(t, "pause", "e2e-only")
	await(t, "all users to wait", func() bool { return routes(t)[s.path()].Traffic.Inflight == crowdSize },
		func() string { return fmt.Sprint(routes(t)[s.path()].Traffic.Inflight) })
	must(t, "resume", "e2e-only")
	c.awaitAnswersBy("e2e-only-2")
	c.leave()
	s.carriedOutOnce(c.posts, "e2e-only-2")
}

func TestOnlyContainer_IsCalledStoppedWhenItIs(t *testing.T) {
	run(t, "e2e-root", "--label", "gateway.path=/", "--env", "NAME=root")
	eventually(t, base+"/", "the project at the root", served)
	s := newService(t, "e2e-ends")
	s.start("e2e-ends-1")
	eventually(t, base+s.path()+"/", "the app", served)
	c := gather(t, s.path())
	c.awaitAnswersBy("e2e-ends-1")

	p := c.phaseWith("stopped", func(a answer) bool {
		return a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "" && strings.Contains(a.body, "is stopped")
	})
	docker(t, "stop", "e2e-ends-1")
	await(t, "the page of what is stopped", func() bool { return c.count(p, "", http.StatusServiceUnavailable) > crowdSize },
		func() string { return fmt.Sprint(c.count(p, "", http.StatusServiceUnavailable)) })
	c.leave()
	if p.by["root"] > 0 {
		t.Errorf("%d requests were answered by the project at the root", p.by["root"])
	}
}
