package main_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestContainer_IsServedByItsLabelAlone(t *testing.T) {
	run(t, "e2e-hello", "--label", "gateway.path=/e2e-hello")
	eventually(t, base+"/e2e-hello/", "the app", served)
	a, err := get(base + "/e2e-hello?x=%2F&y")
	if err != nil || a.status != http.StatusPermanentRedirect || a.header.Get("Location") != "/e2e-hello/?x=%2F&y" {
		t.Errorf("without the slash: %v %d %q", err, a.status, a.header.Get("Location"))
	}
	docker(t, "stop", "-t", "5", "e2e-hello")
	stopped := eventually(t, base+"/e2e-hello/", "the page of a stopped container", status(http.StatusServiceUnavailable), "Accept", "text/html")
	if stopped.header.Get("Retry-After") == "" || !strings.Contains(stopped.body, stopped.header.Get("X-Request-Id")) {
		t.Errorf("the page lacks Retry-After or its request id: %v\n%s", stopped.header, stopped.body)
	}
	docker(t, "start", "e2e-hello")
	eventually(t, base+"/e2e-hello/", "the app started again", served)
	docker(t, "rm", "-f", "e2e-hello")
	gone := eventually(t, base+"/e2e-hello/", "the page of a removed container", status(http.StatusNotFound), "Accept", "application/json")
	if !strings.Contains(gone.body, "e2e-hello") {
		t.Errorf("the page of what is gone does not name it: %s", gone.body)
	}
}

func TestContainer_MovesWithItsLabel(t *testing.T) {
	run(t, "e2e-move", "--label", "gateway.path=/e2e-old")
	eventually(t, base+"/e2e-old/", "the app", served)
	docker(t, "rm", "-f", "e2e-move")
	run(t, "e2e-move", "--label", "gateway.path=/e2e-new")
	eventually(t, base+"/e2e-new/", "the app at its new path", served)
	eventually(t, base+"/e2e-old/", "the old path", status(http.StatusNotFound))
}

func TestContainer_UnderHealthCheckIsStartingThenReady(t *testing.T) {
	run(t, "e2e-health", "--label", "gateway.path=/e2e-health", "--health-interval", "1s", "--health-retries", "2",
		"--health-cmd", "none", "--health-start-period", "0s")
	starting := eventually(t, base+"/e2e-health/", "the page of a container whose check has not passed", status(http.StatusServiceUnavailable),
		"Accept", "text/html", "Accept-Language", "ko")
	if !strings.Contains(starting.body, `lang="ko"`) {
		t.Errorf("the page is not in Korean:\n%s", starting.body)
	}
	await(t, "the state unhealthy", func() bool { return routes(t)["/e2e-health"].State == "unhealthy" },
		func() string { return routes(t)["/e2e-health"].State })
}

func TestConflict_IsWonByTheOlderAndTold(t *testing.T) {
	run(t, "e2e-first", "--label", "gateway.path=/e2e-conflict", "--env", "NAME=first")
	eventually(t, base+"/e2e-conflict/", "the first", served)
	// Creation times have a resolution of one second.
	created := docker(t, "inspect", "-f", "{{.Created}}", "e2e-first")[:19]
	await(t, "the next second", func() bool { return time.Now().UTC().Format("2006-01-02T15:04:05") > created }, func() string { return created })
	run(t, "e2e-second", "--label", "gateway.path=/e2e-conflict", "--env", "NAME=second")
	await(t, "a problem", func() bool { return strings.Contains(must(t, "routes"), "e2e-second") }, func() string { return must(t, "routes") })
	if a, err := get(base + "/e2e-conflict/echo"); err != nil || !strings.Contains(a.body, "first") {
		t.Errorf("the older claim lost: %v %s", err, a.body)
	}
	_, stderr, err := gateway("add", "portfolio", "e2e-third", "--path", "/e2e-conflict")
	if err == nil || !strings.Contains(stderr, "/e2e-conflict") {
		t.Errorf("add took a path that is held: %v %s", err, stderr)
	}
	docker(t, "rm", "-f", "e2e-first")
	eventually(t, base+"/e2e-conflict/echo", "the second, after the first is gone", func(a answer) bool { return strings.Contains(a.body, "second") })
}

func TestBadLabel_LeavesOutThatRouteAlone(t *testing.T) {
	run(t, "e2e-typo", "--label", "gateway.path=/e2e-typo", "--label", "gateway.prot=8000")
	run(t, "e2e-fine", "--label", "gateway.path=/e2e-fine")
	eventually(t, base+"/e2e-fine/", "the container beside it", served)
	await(t, "a problem with its fix", func() bool {
		out := must(t, "routes")
		return strings.Contains(out, "gateway.prot") && strings.Contains(out, "gateway.port")
	}, func() string { return must(t, "routes") })
}

func TestHeaders_AreSetByTheGatewayAlone(t *testing.T) {
	run(t, "e2e-echo", "--label", "gateway.path=/e2e-echo")
	eventually(t, base+"/e2e-echo/", "the app", served)
	a, err := get(base+"/e2e-echo/echo", "X-Forwarded-For", "6.6.6.6", "X-Forwarded-Prefix", "/evil", "X-Forwarded-Proto", "https", "X_Forwarded_Prefix", "/evil")
	if err != nil {
		t.Fatal(err)
	}
	for _, forged := range []string{"6.6.6.6", "/evil", `"https"`} {
		if strings.Contains(a.body, forged) {
			t.Errorf("the app was told %s by the client:\n%s", forged, a.body)
		}
	}
	if !strings.Contains(a.body, "/e2e-echo") {
		t.Errorf("the app was not told its prefix:\n%s", a.body)
	}
}

func TestStream_IsFlushedAndSurvivesOtherProjects(t *testing.T) {
	run(t, "e2e-sse", "--label", "gateway.path=/e2e-sse")
	eventually(t, base+"/e2e-sse/", "the app", served)
	// No timeout on this client: the stream outlasts it. The test's context bounds the request.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/e2e-sse/sse?n=200&ms=50", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := new(http.Client).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	events := func(n int) {
		t.Helper()
		for n > 0 {
			if !lines.Scan() {
				t.Fatalf("the stream ended: %v", lines.Err())
			}
			if strings.HasPrefix(lines.Text(), "data:") {
				n--
			}
		}
	}
	events(2)
	// The proxy joins this project's network and leaves it again under the open stream.
	must(t, "add", "portfolio", "e2e-a-joins", "--path", "/e2e-a-joins")
	events(2)
	must(t, "rm", "e2e-a-joins", "--yes")
	events(2)
}
