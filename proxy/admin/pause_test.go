package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gateway/proxy/admin"
)

func (p *proxy) Pause(key string, order admin.Pause) (admin.Pause, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if key != "/robots" {
		return admin.Pause{}, fmt.Errorf("%w: %s", admin.ErrNoRoute, key)
	}
	order.Since = time.Unix(1, 0).UTC()
	p.paused = &order
	return order, nil
}

func (p *proxy) Resume(key, message string) (admin.Pause, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if key != "/robots" {
		return admin.Pause{}, fmt.Errorf("%w: %s", admin.ErrNoRoute, key)
	}
	was := p.paused
	if was == nil || message != "" && was.Message != message {
		return admin.Pause{}, nil
	}
	p.paused = nil
	return *was, nil
}

func (p *proxy) Check(_ context.Context, c admin.Check) (admin.Checked, error) {
	if c.Scheme == "gopher" {
		return admin.Checked{}, fmt.Errorf("%w: the scheme", admin.ErrRefused)
	}
	return admin.Checked{Status: 200, Failure: c.Address + c.Path}, nil
}

func TestClient_Checks(t *testing.T) {
	client, _ := start(t, admin.Handler(&proxy{}))
	c := admin.Check{Address: "10.0.0.1:80", Scheme: "http", Path: "/x"}
	if got, err := client.Check(t.Context(), c); err != nil || got.Status != 200 || got.Failure != "10.0.0.1:80/x" {
		t.Errorf("Check = %+v, %v", got, err)
	}
	for _, wrong := range []admin.Check{{Address: "here:80", Path: "/"}, {Address: "10.0.0.1:80", Path: "x"}, {Address: "10.0.0.1:80", Path: "/", Timeout: -1}, {Address: "10.0.0.1:80", Path: "/", Scheme: "gopher"}} {
		if got, err := client.Check(t.Context(), wrong); !errors.Is(err, admin.ErrRefused) {
			t.Errorf("Check(%+v) = %+v, %v", wrong, got, err)
		}
	}
}

func TestClient_PausesAndResumes(t *testing.T) {
	client, _ := start(t, admin.Handler(&proxy{}))
	ctx := t.Context()
	order := admin.Pause{Message: "다섯 시에 <b>돌아옵니다</b>", Wait: 0, Until: time.Unix(7, 0).UTC()}
	want := order
	want.Since = time.Unix(1, 0).UTC()
	if got, err := client.Pause(ctx, "/robots", order); err != nil || got != want {
		t.Errorf("Pause = %+v, %v, want %+v", got, err, want)
	}
	if got, err := client.ResumeOf(ctx, "/robots", "다른 말"); err != nil || !got.Since.IsZero() {
		t.Errorf("ResumeOf another message = %+v, %v", got, err)
	}
	if got, err := client.ResumeOf(ctx, "/robots", want.Message); err != nil || got != want {
		t.Errorf("Resume = %+v, %v, want %+v", got, err, want)
	}
	if got, err := client.Resume(ctx, "/robots"); err != nil || !got.Since.IsZero() {
		t.Errorf("a second Resume = %+v, %v", got, err)
	}
	if _, err := client.Pause(ctx, "/x?a=b&c", order); !errors.Is(err, admin.ErrNoRoute) || err.Error() != "pausing /x?a=b&c: no such route: /x?a=b&c" {
		t.Errorf("pausing an unknown route: %v", err)
	}
	if _, err := client.Resume(ctx, "/x"); !errors.Is(err, admin.ErrNoRoute) || err.Error() != "resuming /x: no such route: /x" {
		t.Errorf("resuming an unknown route: %v", err)
	}
}

func TestHandler_ReadsPauses(t *testing.T) {
	const route = "/v1/pause?route=/robots"
	for _, test := range []struct {
		method, target, body string
		status               int
		answer               string
	}{
		{"PUT", route, `{}`, 200, `"wait_ms":30000`},
		{"PUT", route, `{"wait_ms":0}`, 200, `"wait_ms":0`},
		{"PUT", route, `{"message":"m","until":"2026-11-21T12:00:00Z"}`, 200, `"message":"m","wait_ms":30000,"until":"2026-11-21T12:00:00Z"`},
		{"PUT", route, `[]`, 400, "this is no pause"},
		{"PUT", route, `{"wait_ms":"long"}`, 400, "this is no pause"},
		{"PUT", route, ``, 400, "this is no pause"},
		{"PUT", route, strings.Repeat(" ", 16<<10+1), 413, "too large"},
		{"PUT", "/v1/pause", `{}`, 400, "as in /v1/pause?route=/robots"},
		{"PUT", "/v1/pause?route=/x", `{}`, 404, "no such route: /x"},
		{"DELETE", route, ``, 200, `"waiting":0`},
		{"DELETE", "/v1/pause", ``, 400, "as in /v1/pause?route=/robots"},
		{"DELETE", "/v1/pause?route=/x", ``, 404, "no such route: /x"},
		{"GET", route, ``, 405, "takes DELETE and PUT, not GET"},
	} {
		w := httptest.NewRecorder()
		admin.Handler(&proxy{}).ServeHTTP(w, httptest.NewRequest(test.method, test.target, strings.NewReader(test.body)))
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.answer) {
			t.Errorf("%s %s %.60q: %d %s, want %d %s", test.method, test.target, test.body, w.Code, w.Body, test.status, test.answer)
		}
		if allow := w.Header().Get("Allow"); test.status == 405 && allow != "DELETE, PUT" {
			t.Errorf("allowed is %q", allow)
		}
	}
}
