package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"gateway/proxy/route"
)

// The tests named TestHTTP play both client and target over raw connections. They show that the engine is wired up; its
// own tests cover the protocol.

func TestHTTP_KeepsConnectionsOnBothSides(t *testing.T) {
	p, o := withOrigin(t)
	c := p.connect(t)
	c.send(get("/first"))
	target := o.next(t)
	target.respond("GET /first", ok("one"))
	if m := c.wants("GET", 200, "one"); m.closes() {
		t.Errorf("the gateway closes: %q", m.fields)
	}
	c.send(rawRequest("POST", "/second", "sent"))
	if got := target.respond("POST /second", ok("two")); got.body.String() != "sent" {
		t.Errorf("the target received %q", &got.body)
	}
	c.wants("POST", 200, "two")
	c.staysOpen()
	o.unused(t)
}

func TestHTTP_KeepsTheOrderAroundErrors(t *testing.T) {
	o := newOrigin(t)
	p := start(t, Config{}, mount(t, "/x", route.Preserve, o.Target), mount(t, "/dead", route.Preserve, at("dead", deadAddress(t))))
	c := p.connect(t)
	c.send(get("/x/1") + get("/nowhere/2") + get("/dead/3") + get("/x/../../4") + get("/x/5"))
	target := o.next(t)
	target.respond("GET /x/1", ok("one"))
	c.wants("GET", 200, "one")
	c.wantsStatus(404)
	c.wantsStatus(502)
	c.wantsStatus(400)
	target.respond("GET /x/5", ok("five"))
	c.wants("GET", 200, "five")
}

func TestHTTP_EndsAtAMalformedRequest(t *testing.T) {
	p, o := withOrigin(t)
	for _, bad := range []string{
		"GET /bad HTTP/1.1\r\nHost : example.org\r\n\r\n",
		"GET /bad HTTP/1.1\r\nHost: example.org\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
		"GET /bad HTTP/1.1\r\n\r\n",
	} {
		c := p.connect(t)
		c.send(get("/1") + bad + get("/smuggled"))
		target := o.next(t)
		target.respond("GET /1", ok("one", "Connection: close"))
		c.wants("GET", 200, "one")
		if m := c.wantsStatus(400); !m.closes() {
			t.Errorf("after %q: the response does not announce the end: %q", bad, m.fields)
		}
		c.ended()
		o.unused(t)
	}
}

func TestHTTP_KeepsTheOrderAndSpellingOfFields(t *testing.T) {
	p, o := withOrigin(t)
	c := p.connect(t)
	lines := []string{"zebra: 1", "X-ODD-case: 2", "aPPle: 3", "zebra: 4", "ETag: \"5\"", "DNT: 1", "x-many: 6", "X-Empty:", "X-Latin: \xfc\xff"}
	c.send(get("/x", lines...))
	m := o.respond(t, "GET /x", ok("done", lines...))
	for side, fields := range map[string][]string{"the target": m.fields, "the client": c.wants("GET", 200, "done").fields} {
		got := slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return !slices.Contains(lines, strings.TrimRight(f, " ")) })
		for i := range got {
			got[i] = strings.TrimRight(got[i], " ")
		}
		if !slices.Equal(got, lines) {
			t.Errorf("%s received %q, want %q", side, got, lines)
		}
	}
}

// Connection cannot remove the fields that the gateway adds.
func TestHTTP_KeepsItsOwnFieldsWhateverConnectionNames(t *testing.T) {
	p, o := withOrigin(t)
	c := p.connect(t)
	c.send(rawRequest("POST", "/x", "body", "Connection: X-Forwarded-For, X-Request-Id"))
	m := o.respond(t, "POST /x", ok("done", "Connection: Date, X-Request-Id"))
	if m.body.String() != "body" || m.value("X-Forwarded-For") != "127.0.0.1" || m.value("X-Request-Id") == "" {
		t.Errorf("the target received %q with %q", m.fields, &m.body)
	}
	if m := c.wants("POST", 200, "done"); m.value("X-Request-Id") == "" || m.value("Date") == "" {
		t.Errorf("the client received %q", m.fields)
	}
}

func TestHTTP_RelaysTheTargetsContinue(t *testing.T) {
	p, o := withOrigin(t)
	c := p.connect(t)
	c.send(rawRequest("POST", "/in", "", "Content-Length: 4", "Expect: 100-continue"))
	target := o.next(t)
	target.head()
	target.send("HTTP/1.1 100 Continue\r\n\r\n")
	c.wantsStatus(100)
	c.send("body")
	target.expect("body")
	target.send(ok("done"))
	c.wants("POST", 200, "done")
	c.staysOpen()
}

// heapInUse is how many bytes of the heap are in use.
func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// heapMeter is a body that measures the heap of a proxy once in every few MiB.
type heapMeter struct {
	io.Reader
	proxy *process
	left  int
	most  atomic.Uint64
}

func (m *heapMeter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		m.left = 8 << 20
		now, err := m.proxy.heap()
		if err != nil {
			return 0, fmt.Errorf("measuring the heap: %w", err)
		}
		m.most.Store(max(m.most.Load(), now))
	}
	n, err := m.Reader.Read(p)
	m.left -= n
	return n, err
}

// TestHTTP_PassesLargeBodiesInLittleMemory runs a proxy in a process of its own, so that it measures nothing but the
// exchange.
func TestHTTP_PassesLargeBodiesInLittleMemory(t *testing.T) {
	const size, slack = 64 << 20, 1 << 20
	random := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{}), size) }
	sum := func(r io.Reader) string {
		h := sha256.New()
		if _, err := io.Copy(h, r); err != nil {
			t.Errorf("reading the body: %v", err)
		}
		return hex.EncodeToString(h.Sum(nil))
	}
	want := sum(random())
	p := startProxyProcess(t, mount(t, "/", route.Preserve, app(t, "app", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			_, _ = io.WriteString(w, sum(r.Body))
			return
		}
		if r.URL.Path == "/length" {
			w.Header().Set("Content-Length", strconv.Itoa(size))
		}
		_, _ = io.Copy(w, random())
	})))
	before, err := p.heap()
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for _, path := range []string{"/length", "/chunked"} {
		upload := &heapMeter{Reader: random(), proxy: p}
		put, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+p.address+path, upload)
		if path == "/length" {
			put.ContentLength = size
		}
		resp, err := client.Do(put)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(resp.Body); string(got) != want {
			t.Errorf("%s: the request's body changed on its way", path)
		}
		_ = resp.Body.Close()
		if resp, err = client.Get("http://" + p.address + path); err != nil {
			t.Fatal(err)
		}
		download := &heapMeter{Reader: resp.Body, proxy: p}
		if sum(download) != want {
			t.Errorf("%s: the response's body changed on its way", path)
		}
		_ = resp.Body.Close()
		if most := max(upload.most.Load(), download.most.Load()); most > before+slack {
			t.Errorf("%s: the heap grew from %d KiB to %d KiB", path, before>>10, most>>10)
		}
	}
	client.CloseIdleConnections()
	p.end(t)
}
