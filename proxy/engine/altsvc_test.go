package engine

import (
	"crypto/tls"
	"net/http"
	"testing"
)

// Clients learn of HTTP/3 from responses over TLS (RFC 7838 section 3).
func TestAltSvc_IsInResponsesOverTLS(t *testing.T) {
	const own = `h3=":443"; ma=3600`
	backend := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/own" {
			w.Header()["alt-svc"] = []string{"clear"}
		}
	}
	address := serve(t, HTTP, backend)
	p := &carrier{hooks: none{}}
	secure := servingTLS(t, Config{Handler: p})
	plain := serving(t, Config{Handler: p})
	for _, e := range []*Engine{secure.Engine, plain.Engine} {
		e.Advertise(443)
		e.Advertise(444)
	}
	p.to = secure.Upstream(HTTP, address)
	old := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: new(http.Protocols)}
	old.Protocols.SetHTTP1(true)
	defer old.CloseIdleConnections()
	for name, c := range map[string]struct {
		client *http.Client
		url    string
		want   string
	}{
		"HTTP/2":                 {secure.client, secure.url("/"), own},
		"HTTP/2, from the app":   {secure.client, secure.url("/own"), "clear"},
		"HTTP/1.1":               {&http.Client{Transport: old}, secure.url("/"), own},
		"HTTP/1.1, from the app": {&http.Client{Transport: old}, secure.url("/own"), "clear"},
		"HTTP/1.1 without TLS":   {&http.Client{Transport: old}, "http://" + plain.address + "/", ""},
		"HTTP/2 without TLS":     {priorClient(t), "http://" + plain.address + "/", ""},
	} {
		resp, err := c.client.Get(c.url)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Values("Alt-Svc"); len(got) > 1 || resp.Header.Get("Alt-Svc") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	secure.draining.Store(true)
	for _, client := range []*http.Client{secure.client, {Transport: old}} {
		resp, err := client.Get(secure.url("/"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Get("Alt-Svc"); got != "" {
			t.Errorf("while it drains, %s has %q", resp.Proto, got)
		}
	}
}
