package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"gateway/proxy/route"
)

// essay is a body that compresses well.
var essay = strings.Repeat("robots build robots that build robots. ", 100)

// decoded removes a content coding.
func decoded(t *testing.T, coding, body string) string {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	switch coding {
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatalf("%v of %q", err, body)
		}
		r = z
	}
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", coding, err)
	}
	return string(got)
}

// compressed is a route that compresses.
func compressed(t *testing.T, path string, target route.Target) route.Route {
	t.Helper()
	r := mount(t, path, route.Strip, target)
	r.Compress = true
	return r
}

func TestCompress_UsesACodingThatTheClientAccepts(t *testing.T) {
	handle := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("ETag", `"v1"`)
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if r.URL.RawQuery != "streamed" {
			w.Header().Set("Content-Length", strconv.Itoa(len(essay)))
		}
		_, _ = io.WriteString(w, essay)
	}
	plain := app(t, "plain", handle)
	p := start(t, withTLS(t, Config{}), compressed(t, "/", plain), compressed(t, "/h2c", appH2C(t, "h2c", handle)), mount(t, "/off", route.Strip, plain))
	client := p.http2(t, "")
	for accept, want := range map[string]string{"gzip, deflate, br, zstd": "zstd", "gzip": "gzip", "br": ""} {
		for _, target := range []string{"/x", "/x?streamed", "/h2c/x"} {
			fields := []string{"Accept-Encoding: " + accept}
			for i, got := range []response{p.do(t, "GET", target, fields...), doHTTP2(t, client, requestHTTP2(t, "GET", target, nil, fields...))} {
				coding := got.Header.Get("Content-Encoding")
				if coding != want || decoded(t, coding, got.body) != essay || want != "" && got.ContentLength == int64(len(essay)) {
					t.Errorf("HTTP/%d, %s, %q: %q, length %d, %d bytes", i+1, target, accept, coding, got.ContentLength, len(got.body))
				}
			}
		}
	}
	if got := p.do(t, "GET", "/x", "Accept-Encoding: gzip", `If-None-Match: "v1-gzip"`); got.StatusCode != http.StatusNotModified || got.Header.Get("ETag") != `"v1-gzip"` {
		t.Errorf("what the client has: %s %q", got.Status, got.Header)
	}
	if got := p.do(t, "GET", "/off/x", "Accept-Encoding: gzip"); got.Header.Get("Content-Encoding") != "" {
		t.Errorf("another route: %q", got.Header)
	}
}

// Data that the app flushes arrives before the app sends more, compressed or not.
func TestCompress_KeepsFlushes(t *testing.T) {
	heard := make(chan struct{})
	p := start(t, Config{}, compressed(t, "/", app(t, "app", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("as"))
		for range 3 {
			_, _ = io.WriteString(w, "data: something new\n\n")
			_ = http.NewResponseController(w).Flush()
			<-heard
		}
	})))
	for kind, coding := range map[string]string{"text/event-stream": "", "text/html": "zstd"} {
		conn := p.dial(t)
		fmt.Fprintf(conn, "GET /?as=%s HTTP/1.1\r\nHost: example.org\r\nAccept-Encoding: zstd\r\nConnection: close\r\n\r\n", kind)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Header.Get("Content-Encoding"); got != coding {
			t.Errorf("%s: %q", kind, got)
		}
		body := io.Reader(resp.Body)
		if coding == "zstd" {
			z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(z.Close)
			body = z
		}
		event := make([]byte, len("data: something new\n\n"))
		for range 3 {
			if _, err := io.ReadFull(body, event); err != nil || !bytes.HasPrefix(event, []byte("data: ")) {
				t.Fatalf("%s: %q, %v", kind, event, err)
			}
			heard <- struct{}{}
		}
		if rest, err := io.ReadAll(body); len(rest) > 0 || err != nil {
			t.Errorf("%s: %q %v", kind, rest, err)
		}
		_ = resp.Body.Close()
	}
}

// A body that breaks off must not look whole, and its encoder can be used again.
func TestCompress_BreaksOffUnfinishedResponses(t *testing.T) {
	p := start(t, Config{}, compressed(t, "/", app(t, "app", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Length", strconv.Itoa(len(essay)))
		if r.URL.Path == "/short" {
			_, _ = io.WriteString(w, essay[:2000])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, essay)
	})))
	for range 100 {
		conn := p.dial(t)
		fmt.Fprintf(conn, "GET /short HTTP/1.1\r\nHost: example.org\r\nAccept-Encoding: zstd\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Fatal("the response looks whole")
		}
		_ = conn.Close()
	}
	got := p.do(t, "GET", "/", "Accept-Encoding: zstd")
	if coding := got.Header.Get("Content-Encoding"); coding != "zstd" || decoded(t, coding, got.body) != essay {
		t.Errorf("the next: %q", got.Header)
	}
}
