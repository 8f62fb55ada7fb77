package proxy

import (
	"fmt"
	"net/http"
	"testing"

	"gateway/proxy/route"
)

// Max-Forwards of OPTIONS is decremented for every protocol of clients and targets (RFC 9110 section 7.6.2).
func TestMaxForwards_IsDecremented(t *testing.T) {
	echoFields := func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%q", r.Header["Max-Forwards"]) }
	multiplexed := appH2C(t, "h2c", echoFields)
	p := start(t, withTLS(t, Config{}), mount(t, "/", route.Strip, app(t, "app", echoFields)), mount(t, "/h2c", route.Strip, multiplexed))
	for _, c := range []struct {
		method string
		fields []string
		// want is what the app receives, empty if the request does not reach it.
		want string
	}{
		{"OPTIONS", []string{"Max-Forwards: 0"}, ""},
		{"OPTIONS", []string{"Max-Forwards: 00"}, ""},
		{"OPTIONS", []string{"Max-Forwards: 5", "Max-Forwards: 0"}, ""},
		{"OPTIONS", []string{"Max-Forwards: 1"}, `["0"]`},
		{"OPTIONS", []string{"max-forwards: 10"}, `["9"]`},
		{"OPTIONS", []string{"Max-Forwards: 7", "Max-Forwards: 3"}, `["2"]`},
		{"OPTIONS", []string{"Max-Forwards: 99999999999999999999999999"}, `["2147483646"]`},
		{"OPTIONS", []string{"Max-Forwards: -1"}, `[]`},
		{"OPTIONS", []string{"Max-Forwards: many"}, `[]`},
		{"OPTIONS", nil, `[]`},
		{"GET", []string{"Max-Forwards: 0"}, `["0"]`},
	} {
		for _, path := range []string{"/x", "/h2c/x"} {
			for i, got := range []response{p.do(t, c.method, path, c.fields...), doHTTP2(t, p.http2(t, ""), requestHTTP2(t, c.method, path, nil, c.fields...))} {
				if got.body != c.want || c.want == "" && (got.StatusCode != http.StatusNoContent || got.Header.Get("Allow") == "") {
					t.Errorf("way %d, %s %s with %q: %s %q, want %q", i, c.method, path, c.fields, got.Status, got.body, c.want)
				}
			}
		}
	}
}
