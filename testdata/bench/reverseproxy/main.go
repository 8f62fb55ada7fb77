// Command reverseproxy is the peer that a Go program gets for forty lines: net/http/httputil.ReverseProxy behind a map of
// prefixes, with the same headers as the others.
package main

import (
	"crypto/rand"
	"flag"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
)

func main() {
	listen := flag.String("listen", "", "address for HTTP")
	secure := flag.String("tls", "", "address for HTTPS")
	cert := flag.String("cert", "", "certificate file")
	key := flag.String("key", "", "key file")
	backend := flag.String("backend", "", "address of the backend")
	routes := flag.Int("routes", 100, "number of routes, /p1 and on")
	flag.Parse()
	if err := Serve(*listen, *secure, *cert, *key, handler(*backend, *routes)); err != nil {
		fmt.Fprintln(os.Stderr, "reverseproxy:", err)
		os.Exit(1)
	}
}

func handler(backend string, routes int) http.Handler {
	table := map[string]*url.URL{}
	for i := range routes {
		table[fmt.Sprintf("p%d", i+1)] = &url.URL{Scheme: "http", Host: backend}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 4096, DisableCompression: true}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		prefix, rest, _ := strings.Cut(r.In.URL.Path[1:], "/")
		r.SetXForwarded()
		r.Out.Header.Set("X-Real-IP", r.Out.Header.Get("X-Forwarded-For"))
		r.Out.Header.Set("X-Request-ID", rand.Text())
		r.Out.URL.Path, r.Out.URL.RawPath, r.Out.Host = "/"+rest, "", r.In.Host
		r.Out.URL.Scheme, r.Out.URL.Host = "http", table[prefix].Host
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		prefix, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if table[prefix] == nil {
			http.NotFound(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// Serve serves on both addresses, until one of them fails.
func Serve(listen, secure, cert, key string, h http.Handler) error {
	if secure == "" {
		return http.ListenAndServe(listen, h)
	}
	failed := make(chan error, 1)
	go func() { failed <- http.ListenAndServeTLS(secure, cert, key, h) }()
	go func() { failed <- http.ListenAndServe(listen, h) }()
	return <-failed
}
