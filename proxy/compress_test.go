package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"gateway/proxy/route"
)

// essay is a body that gets much smaller.
var essay = strings.Repeat("robots build robots that build robots. ", 100)

// decoded undoes a content coding.
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

// asAsked is an app that answers with the fields and the status of the query, and a body of that length, of none known for -1.
func asAsked(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for name, values := range q {
		if strings.ToLower(name) != name {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
	}
	body, status := essay, http.StatusOK
	if s := q.Get("status"); s != "" {
		status, _ = strconv.Atoi(s)
	}
	if tag := w.Header().Get("ETag"); tag != "" && r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if n := q.Get("length"); n != "" {
		length, _ := strconv.Atoi(n)
		body = essay[:length]
	}
	if q.Get("streamed") == "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	if q.Get("streamed") != "" {
		_ = http.NewResponseController(w).Flush()
	}
	_, _ = io.WriteString(w, body)
}

func TestCompress_ByWhatTheClientAccepts(t *testing.T) {
	plain := app(t, "plain", asAsked)
	multiplexed := appH2C(t, "h2c", asAsked)
	p := start(t, withTLS(t, Config{}), compressed(t, "/", plain), compressed(t, "/h2c", multiplexed))
	client := p.http2(t, "")
	for accept, want := range map[string]string{
		"zstd": "zstd", "gzip": "gzip", "x-gzip": "gzip", "GZip": "gzip", "gzip, deflate, br, zstd": "zstd", "gzip;q=1, zstd;q=0.5": "gzip",
		"gzip;q=0.5, zstd;q=0.5": "zstd", "*": "zstd", "zstd;q=0, *": "gzip", "gzip;q=0, zstd;q=0, *": "", "*;q=0": "", "gzip;q=0": "",
		"identity, gzip;q=0.5": "", "br": "", "identity": "", "gzip;q=2": "", "": "",
	} {
		for _, target := range []string{"/x?Content-Type=text/html", "/x?Content-Type=text/html&streamed=1", "/h2c/x?Content-Type=text/html"} {
			fields := []string{"Accept-Encoding: " + accept}
			for i, got := range []reply{p.do(t, "GET", target, fields...), ask2(t, client, request2(t, "GET", target, nil, fields...))} {
				coding := got.Header.Get("Content-Encoding")
				if coding != want || decoded(t, coding, got.body) != essay || got.Header.Get("Vary") != "Accept-Encoding" || want != "" && got.ContentLength == int64(len(essay)) {
					t.Errorf("HTTP/%d, %s, %q: %q, Vary %q, length %d, %d bytes", i+1, target, accept, coding, got.Header.Get("Vary"), got.ContentLength, len(got.body))
				}
			}
		}
	}
	// Without the field, the client is to get what it may have: that says nothing of zstd or gzip.
	if got := p.do(t, "GET", "/x?Content-Type=text/html"); got.Header.Get("Content-Encoding") != "" || got.body != essay {
		t.Errorf("without Accept-Encoding: %q", got.Header.Get("Content-Encoding"))
	}
}

func TestCompress_LeavesAloneWhatGainsNothing(t *testing.T) {
	p := start(t, Config{}, compressed(t, "/", app(t, "app", asAsked)), mount(t, "/off", route.Strip, app(t, "off", asAsked)))
	for query, want := range map[string]bool{
		"Content-Type=text/plain": true, "Content-Type=text/html;charset=utf-8": true, "Content-Type=text/css": true,
		"Content-Type=application/javascript": true, "Content-Type=application/json": true, "Content-Type=application/problem%2Bjson": true,
		"Content-Type=image/svg%2Bxml": true, "Content-Type=application/xml": true, "Content-Type=application/wasm": true,
		"Content-Type=text/html&status=201": true, "Content-Type=text/html&length=1024": true, "Content-Type=text/html&length=1023&streamed=1": true,
		"Content-Type=text/html&length=1023": false, "Content-Type=image/png": false, "Content-Type=font/woff2": false, "Content-Type=": false,
		"Content-Type=text/event-stream": false, "Content-Type=application/grpc": false, "Content-Type=application/grpc%2Bjson": false,
		"Content-Type=text/html&Content-Encoding=br": false, "Content-Type=text/html&Cache-Control=public,no-transform": false,
		"Content-Type=text/html&status=206": false, "Content-Type=text/html&status=404": false, "Content-Type=text/html&status=500": false,
		"Content-Type=text/html&Content-Range=bytes 0-3899/3900": false, "Content-Type=text/html&Trailer=Digest": false,
	} {
		got := p.do(t, "GET", "/x?"+strings.ReplaceAll(query, " ", "%20"), "Accept-Encoding: zstd")
		if is := got.Header.Get("Content-Encoding") == "zstd"; is != want {
			t.Errorf("%s: %v %q", query, got.Status, got.Header)
		}
	}
	for name, fields := range map[string][]string{
		"a range":            {"Range: bytes=0-10"},
		"no transformation":  {"Cache-Control: no-transform"},
		"another site's":     {"Sec-Fetch-Site: cross-site", "Cookie: session=1"},
		"a HEAD":             nil,
		"a route without it": nil,
	} {
		method, path := "GET", "/x"
		switch name {
		case "a HEAD":
			method = "HEAD"
		case "a route without it":
			path = "/off/x"
		}
		if got := p.do(t, method, path+"?Content-Type=text/html", append(fields, "Accept-Encoding: zstd")...); got.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %q", name, got.Header)
		}
	}
	for _, fields := range [][]string{{"Sec-Fetch-Site: cross-site"}, {"Sec-Fetch-Site: same-origin", "Cookie: session=1"}, {"Cookie: session=1"}} {
		if got := p.do(t, "GET", "/x?Content-Type=text/html", append(fields, "Accept-Encoding: gzip")...); got.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%q: %q", fields, got.Header)
		}
	}
}

func TestCompress_KeepsValidatorsApart(t *testing.T) {
	p := start(t, Config{}, compressed(t, "/", app(t, "app", asAsked)))
	const ask = `/x?Content-Type=text/html&ETag="v1"&Accept-Ranges=bytes&Content-Digest=x&Vary=Cookie`
	for coding, tag := range map[string]string{"zstd": `"v1-zstd"`, "gzip": `"v1-gzip"`, "identity": `"v1"`} {
		got := p.do(t, "GET", ask, "Accept-Encoding: "+coding)
		if got.Header.Get("ETag") != tag || len(got.Header["Vary"]) != 2 || (got.Header.Get("Accept-Ranges")+got.Header.Get("Content-Digest") == "") == (coding == "identity") {
			t.Errorf("%s: %q", coding, got.Header)
		}
		again := p.do(t, "GET", ask, "Accept-Encoding: "+coding, "If-None-Match: "+tag)
		if again.StatusCode != http.StatusNotModified || again.Header.Get("ETag") != tag || again.body != "" {
			t.Errorf("%s: %s %q", coding, again.Status, again.Header)
		}
	}
	if got := p.do(t, "GET", `/x?Content-Type=text/html&ETag=W/"v1"`, "Accept-Encoding: gzip"); got.Header.Get("ETag") != `W/"v1"` {
		t.Errorf("weak: %q", got.Header)
	}
	target, heads := wire(t)
	q := start(t, Config{}, compressed(t, "/", target))
	q.do(t, "GET", "/", `If-None-Match: W/"a-gzip", "b-zstd", "c"`, `If-Match: "d-zstd"`, `If-Range: "e-zstd"`)
	head := <-heads
	for name, want := range map[string]string{"If-None-Match": `W/"a", "b", "c"`, "If-Match": `"d"`, "If-Range": `"e-zstd"`} {
		if got := fields(head, name); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %s", name, got, want)
		}
	}
}

// What the app has flushed arrives before it says more, compressed or not.
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

// Each encoder needs memory for as long as its response lasts, so that clients that read slowly get the body as it is when
// there are many of them. Clients that left need none.
func TestCompress_BoundsItsMemory(t *testing.T) {
	read := make(chan struct{})
	p := start(t, Config{}, compressed(t, "/", app(t, "app", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, essay)
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/slow" {
			select {
			case <-read:
			case <-r.Context().Done():
			}
		}
	})))
	const slow, bound = 100, 64
	count := 0
	var conns []net.Conn
	for range slow {
		conn := p.dial(t)
		fmt.Fprintf(conn, "GET /slow HTTP/1.1\r\nHost: example.org\r\nAccept-Encoding: gzip\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		if resp.Header.Get("Content-Encoding") == "gzip" {
			count++
		}
	}
	if count != bound {
		t.Errorf("%d responses are compressed at once, want %d", count, bound)
	}
	if got := p.do(t, "GET", "/", "Accept-Encoding: gzip"); got.Header.Get("Content-Encoding") != "" || got.body != essay {
		t.Errorf("one more: %q", got.Header)
	}
	for i, conn := range conns {
		if i < slow/2 {
			vanish(conn)
		}
	}
	eventually(t, "clients that left need no encoder", func() bool {
		return p.do(t, "GET", "/", "Accept-Encoding: gzip").Header.Get("Content-Encoding") == "gzip"
	})
	close(read)
	eventually(t, "nothing is under way", func() bool { return p.Status().Proxy.Inflight == 0 })
}

// A body that breaks off must not look whole, and its encoder serves the next response.
func TestCompress_BreaksOffWhatTheAppDoesNotFinish(t *testing.T) {
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
