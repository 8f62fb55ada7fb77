package site

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

func TestSite_AnswersConditionalRequests(t *testing.T) {
	s := serve(t, Config{}, map[string]string{"a.txt": "one"})
	first := ask(t, s, "GET", "/a.txt")
	tag, modified := first.Header.Get("ETag"), first.Header.Get("Last-Modified")
	if !strings.HasPrefix(tag, `"`) || modified != old.Format(http.TimeFormat) {
		t.Fatalf("ETag %q, Last-Modified %q", tag, modified)
	}
	for _, c := range []struct {
		name, value string
		status      int
	}{
		{"If-None-Match", tag, 304},
		{"If-None-Match", `"x", W/` + tag, 304},
		{"If-None-Match", "*", 304},
		{"If-None-Match", `"x"`, 200},
		{"If-Modified-Since", modified, 304},
		{"If-Modified-Since", old.Add(-time.Hour).Format(http.TimeFormat), 200},
		{"If-Match", `"x"`, 412},
		{"If-Unmodified-Since", old.Add(-time.Hour).Format(http.TimeFormat), 412},
	} {
		r := ask(t, s, "GET", "/a.txt", c.name, c.value)
		if r.StatusCode != c.status {
			t.Errorf("%s: %s: %d, want %d", c.name, c.value, r.StatusCode, c.status)
		}
		if c.status == 304 && (r.Header.Get("ETag") != tag || r.Header.Get("Cache-Control") == "" || r.Header.Get("Vary") == "") {
			t.Errorf("304 lacks what a cache needs: %v", r.Header)
		}
	}
}

func TestSite_TagFollowsTheContent(t *testing.T) {
	tags := map[string]string{}
	for name, s := range map[string]*Site{
		"first":  serve(t, Config{}, map[string]string{"a.txt": "one"}),
		"copied": serve(t, Config{}, map[string]string{"a.txt": "one"}),
		"other":  serve(t, Config{}, map[string]string{"a.txt": "two"}),
	} {
		if err := os.Chtimes(filepath.Join(s.current.root.Name(), "a.txt"), old, old.Add(time.Duration(len(name))*time.Hour)); err != nil {
			t.Fatal(err)
		}
		tags[name] = ask(t, s, "GET", "/a.txt").Header.Get("ETag")
	}
	if tags["first"] != tags["copied"] || tags["first"] == tags["other"] {
		t.Errorf("tags %v: a copy keeps the tag, another content has another", tags)
	}
}

func TestSite_NoticesAWriteInTheSameTick(t *testing.T) {
	s := serve(t, Config{}, map[string]string{"a.txt": "one"})
	name := filepath.Join(s.current.root.Name(), "a.txt")
	now := time.Now()
	if err := os.Chtimes(name, now, now); err != nil {
		t.Fatal(err)
	}
	before := ask(t, s, "GET", "/a.txt").Header.Get("ETag")
	write(t, s.current.root.Name(), map[string]string{"a.txt": "two"})
	if err := os.Chtimes(name, now, now); err != nil {
		t.Fatal(err)
	}
	if after := ask(t, s, "GET", "/a.txt").Header.Get("ETag"); after == before {
		t.Errorf("ETag %s is kept although the content changed", after)
	}
}

func TestSite_LargeFilesAreNotHashed(t *testing.T) {
	s := serve(t, Config{}, nil)
	name := filepath.Join(s.current.root.Name(), "film.mp4")
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, hashLimit+1); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, old, old); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`"%x-%x"`, hashLimit+1, old.UnixNano())
	if got := ask(t, s, "HEAD", "/film.mp4").Header.Get("ETag"); got != want {
		t.Errorf("ETag %s, want %s", got, want)
	}
}

func TestSite_SendsRanges(t *testing.T) {
	s := serve(t, Config{}, map[string]string{"a.txt": strings.Repeat("0123456789", 200)})
	tag := ask(t, s, "GET", "/a.txt").Header.Get("ETag")
	for _, c := range []struct {
		headers []string
		status  int
		want    string
	}{
		{[]string{"Range", "bytes=2-4"}, 206, "234"},
		{[]string{"Range", "bytes=-2"}, 206, "89"},
		{[]string{"Range", "bytes=1998-"}, 206, "89"},
		{[]string{"Range", "bytes=2-4", "If-Range", tag}, 206, "234"},
		{[]string{"Range", "bytes=2-4", "If-Range", `"x"`}, 200, strings.Repeat("0123456789", 200)},
		{[]string{"Range", "bytes=2-4", "Accept-Encoding", "gzip"}, 206, "234"},
		{[]string{"Range", "bytes=9999-"}, 416, ""},
	} {
		r := ask(t, s, "GET", "/a.txt", c.headers...)
		got := body(t, r)
		if r.StatusCode != c.status || c.want != "" && got != c.want || r.Header.Get("Content-Encoding") != "" {
			t.Errorf("%v: %d %.20q %v", c.headers, r.StatusCode, got, r.Header)
		}
	}
	r := ask(t, s, "GET", "/a.txt", "Range", "bytes=0-1,5-6")
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/byteranges") {
		t.Errorf("two ranges: %v", r.Header)
	}
}

// decode reads a body in the encoding that its header names.
func decode(t *testing.T, r *http.Response) string {
	t.Helper()
	var reader io.Reader = r.Body
	var err error
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		reader, err = gzip.NewReader(r.Body)
	case "zstd":
		reader, err = zstd.NewReader(r.Body)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSite_CompressesWhatShrinks(t *testing.T) {
	text := strings.Repeat("a line of text that shrinks\n", 100)
	noise := make([]byte, 2000)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	s := serve(t, Config{}, map[string]string{
		"a.css": text, "small.css": "x", "photo.png": text, "noise.wasm": string(noise), "index.html": text,
	})
	for _, c := range []struct{ target, accept, want string }{
		{"/a.css", "gzip", "gzip"},
		{"/a.css", "gzip, deflate, br, zstd", "zstd"},
		{"/a.css", "GZIP;q=0.9, zstd;q=0.5", "gzip"},
		{"/a.css", "x-gzip", "gzip"},
		{"/a.css", "*", "zstd"},
		{"/a.css", "*, zstd;q=0", "gzip"},
		{"/a.css", "", ""},
		{"/a.css", "gzip;q=0", ""},
		{"/a.css", "gzip;q=x", ""},
		{"/a.css", "gzip;q=2", ""},
		{"/a.css", "br, deflate, identity", ""},
		{"/", "gzip", "gzip"},
		{"/small.css", "gzip", ""},
		{"/photo.png", "gzip", ""},
		{"/noise.wasm", "gzip", ""},
	} {
		for range 2 { // the second comes from memory
			r := ask(t, s, "GET", c.target, "Accept-Encoding", c.accept)
			size := r.Header.Get("Content-Length")
			if got := r.Header.Get("Content-Encoding"); r.StatusCode != 200 || got != c.want || size == "" {
				t.Errorf("%s, %q: %d %q of %s bytes, want %q", c.target, c.accept, r.StatusCode, got, size, c.want)
			}
			if got := decode(t, r); c.target == "/a.css" && got != text {
				t.Errorf("%s, %q: the content changed", c.target, c.accept)
			}
			if vary := slices.Contains(r.Header.Values("Vary"), "Accept-Encoding"); vary != (c.target != "/photo.png") {
				t.Errorf("%s: Vary %v", c.target, r.Header.Values("Vary"))
			}
		}
	}
}

func TestSite_EncodingsHaveTheirOwnTags(t *testing.T) {
	s := serve(t, Config{}, map[string]string{"a.css": strings.Repeat("text ", 1000)})
	tags := map[string]string{}
	for _, encoding := range []string{"", "gzip", "zstd"} {
		tag := ask(t, s, "GET", "/a.css", "Accept-Encoding", encoding).Header.Get("ETag")
		if other, taken := tags[tag]; taken || strings.HasPrefix(tag, "W/") {
			t.Errorf("%q has the tag %s of %q", encoding, tag, other)
		}
		tags[tag] = encoding
		r := ask(t, s, "GET", "/a.css", "Accept-Encoding", encoding, "If-None-Match", tag)
		if r.StatusCode != 304 || r.Header.Get("Content-Encoding") != "" {
			t.Errorf("%q with its own tag: %d %v", encoding, r.StatusCode, r.Header)
		}
	}
	r := ask(t, s, "GET", "/a.css", "Accept-Encoding", "gzip", "If-Match", `"x"`)
	if r.StatusCode != 412 || r.Header.Get("Content-Length") != "" && r.Header.Get("Content-Length") != "0" {
		t.Errorf("412 without a body promises one: %d %v", r.StatusCode, r.Header)
	}
}

func TestSite_PrefersFreshSiblings(t *testing.T) {
	text := strings.Repeat("text ", 1000)
	s := serve(t, Config{}, map[string]string{"a.js": text, "a.js.br": "BROTLI", "a.js.gz": "OLD", "b.js": text, ".gz": "x"})
	earlier := old.Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(s.current.root.Name(), "a.js.gz"), earlier, earlier); err != nil {
		t.Fatal(err)
	}
	r := ask(t, s, "GET", "/a.js", "Accept-Encoding", "gzip, br")
	if r.Header.Get("Content-Encoding") != "br" || r.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || body(t, r) != "BROTLI" {
		t.Errorf("with br: %v", r.Header)
	}
	if got := decode(t, ask(t, s, "GET", "/a.js", "Accept-Encoding", "gzip")); got != text {
		t.Errorf("the sibling that is older than its file was sent: %.20q", got)
	}
	if r := ask(t, s, "GET", "/b.js", "Accept-Encoding", "br"); r.Header.Get("Content-Encoding") != "" {
		t.Errorf("br without a sibling: %v", r.Header)
	}
}

func TestPacker_ForgetsTheOldest(t *testing.T) {
	p := newPacker()
	for i := range 40 {
		p.keep(packKey{fmt.Sprint(i), "gzip"}, make([]byte, 1<<20))
	}
	if p.size > packCache || len(p.byKey) != p.latest.Len() {
		t.Errorf("%d bytes in %d entries, limit %d", p.size, len(p.byKey), packCache)
	}
	if _, ok := p.cached(packKey{"39", "gzip"}); !ok {
		t.Error("the newest was forgotten")
	}
	if _, ok := p.cached(packKey{"0", "gzip"}); ok {
		t.Error("the oldest was kept")
	}
}

func TestFactCache_IsBounded(t *testing.T) {
	files := map[string]string{}
	for i := range 8 {
		files[fmt.Sprintf("%d.txt", i)] = "x"
	}
	s := serve(t, Config{}, files)
	s.current.facts.known = map[factKey]facts{}
	for i := range maxFacts {
		s.current.facts.known[factKey{name: fmt.Sprint(i)}] = facts{}
	}
	ask(t, s, "GET", "/1.txt")
	if n := len(s.current.facts.known); n > maxFacts {
		t.Errorf("%d facts are kept", n)
	}
}
