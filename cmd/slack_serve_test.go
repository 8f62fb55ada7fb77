package cmd

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/cmd/cli"
	"gateway/projects/invite"
	"gateway/projects/invite/link"
	"gateway/proxy/docker/dockertest"
)

// Through the gateway, below a path: the page says where its forms go, and the answer to them leads out unchanged.
func TestSlackInvite_LeadsOutThroughTheGateway(t *testing.T) {
	const out = "https://join.slack.com/t/robots/shared_invite/zt-1~x"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, invite.SettingsFile), []byte("kind: slack\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (link.List{Links: []link.Link{{ID: link.IDOf(out), URL: out}}}).Write(filepath.Join(dir, invite.LinksFile)); err != nil {
		t.Fatal(err)
	}
	page, err := invite.Open(invite.Config{Page: dir, Private: dir, State: dir})
	if err != nil {
		t.Fatal(err)
	}
	app := httptest.NewServer(page)
	defer app.Close()
	at := netip.MustParseAddrPort(app.Listener.Addr().String())
	engine := dockertest.Start(t)
	engine.AddContainer(dockertest.Container{
		Name: "chat-invite-1", Networks: []string{"bridge"}, Addresses: map[string]netip.Addr{"bridge": at.Addr()}, Ports: []uint16{at.Port()},
		Labels: map[string]string{"gateway.path": "/club/slack", "gateway.mount": "strip", "gateway.health.path": invite.Health},
	})
	base := serveOn(t, engine.Host())
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	token := ""
	waitFor(t, "the page", func() bool {
		_, body := fetched(t, client, base+"/club/slack/", nil)
		if found := regexp.MustCompile(`action="\./join"[^>]*>\s*<input type="hidden" name="token" value="([^"]+)"`).FindStringSubmatch(body); found != nil {
			token = found[1]
		}
		return token != ""
	})
	if res, _ := fetched(t, client, base+"/club/slack/join", nil); res.StatusCode != http.StatusSeeOther || !strings.HasSuffix(resolve(t, res), "/club/slack/") {
		t.Errorf("whoever reloads the answer is led to %d %s", res.StatusCode, resolve(t, res))
	}
	// Without a proof the token has to age; until then the same page says to wait.
	waitFor(t, "the link", func() bool {
		res, body := fetched(t, client, base+"/club/slack/join", url.Values{"token": {token}})
		if res.StatusCode != http.StatusSeeOther && !strings.Contains(body, "wait three seconds") {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		return res.Header.Get("Location") == out
	})
}

// serveOn runs the gateway for an engine and returns its address.
func serveOn(t *testing.T, engine string) string {
	t.Helper()
	short, err := os.MkdirTemp("", "gw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	env := &cli.Env{In: strings.NewReader(""), Out: io.Discard, Err: t.Output(), Getenv: func(string) string { return "" }}
	serving.Go(func() {
		run(ctx, env, []string{"serve", "--docker", "--docker-host", engine, "--socket", filepath.Join(short, "a.sock"), "--listen", web, "--ping", "", "--state", short})
	})
	t.Cleanup(func() { cancel(); serving.Wait() })
	return "http://" + web
}

// fetched asks, by POST when there is a form; nobody there is no answer.
func fetched(t *testing.T, client *http.Client, address string, form url.Values) (*http.Response, string) {
	t.Helper()
	var res *http.Response
	var err error
	if form == nil {
		res, err = client.Get(address)
	} else {
		res, err = client.PostForm(address, form)
	}
	if err != nil {
		return &http.Response{}, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func resolve(t *testing.T, res *http.Response) string {
	t.Helper()
	to, err := res.Location()
	if err != nil {
		t.Fatal(err)
	}
	return to.String()
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(30*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("in vain waited for %s", what)
		case <-tick.C:
		}
	}
}
