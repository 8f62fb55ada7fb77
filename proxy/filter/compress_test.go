package filter

import (
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gateway/proxy/engine"
	"gateway/proxy/header"
)

// headerOf is a header of lines, each "Name: value".
func headerOf(lines ...string) (h header.Header) {
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

// compressing sends a response through the filter.
func compressing(with *Compressors, status int, length int64, request, response header.Header) (*Request, header.Header) {
	r := &Request{Exchange: &engine.Exchange{Request: engine.Request{Method: http.MethodGet, Header: request}}, Status: status, Length: length}
	compress{with: with}.response(r, &response)
	return r, response
}

func TestCompress_ChoosesWhatTheClientAccepts(t *testing.T) {
	for accept, want := range map[string]string{
		"zstd": "zstd", "gzip": "gzip", "x-gzip": "gzip", "GZip": "gzip", "gzip, deflate, br, zstd": "zstd", "gzip;q=1, zstd;q=0.5": "gzip",
		"gzip;q=0.5, zstd;q=0.5": "zstd", "*": "zstd", "zstd;q=0, *": "gzip", "gzip;q=0, zstd;q=0, *": "", "*;q=0": "", "gzip;q=0": "",
		"identity, gzip;q=0.5": "", "br": "", "identity": "", "gzip;q=2": "", "": "",
	} {
		r, h := compressing(&Compressors{}, 200, 4000, headerOf("Accept-Encoding: "+accept), headerOf("Content-Type: text/html"))
		if got, _ := h.Lookup("Content-Encoding"); got != want || (r.compressor != nil) != (want != "") {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
		if vary, _ := h.Lookup("Vary"); vary != "Accept-Encoding" {
			t.Errorf("%q: Vary is %q", accept, vary)
		}
	}
	// A client that does not send the field did not say that it takes zstd or gzip.
	if r, _ := compressing(&Compressors{}, 200, 4000, nil, headerOf("Content-Type: text/html")); r.compressor != nil {
		t.Error("without Accept-Encoding it is compressed")
	}
}

func TestCompress_LeavesAloneWhatGainsNothing(t *testing.T) {
	html, zstd := []string{"Content-Type: text/html"}, []string{"Accept-Encoding: zstd"}
	for _, c := range []struct {
		status            int
		length            int64
		response, request []string
		want              bool
	}{
		{200, 4000, []string{"Content-Type: text/plain"}, zstd, true},
		{200, 4000, []string{"Content-Type: text/html;charset=utf-8"}, zstd, true},
		{200, 4000, []string{"Content-Type: application/javascript"}, zstd, true},
		{200, 4000, []string{"Content-Type: application/json"}, zstd, true},
		{200, 4000, []string{"Content-Type: application/problem+json"}, zstd, true},
		{200, 4000, []string{"Content-Type: image/svg+xml"}, zstd, true},
		{200, 4000, []string{"Content-Type: application/xml"}, zstd, true},
		{200, 4000, []string{"Content-Type: application/wasm"}, zstd, true},
		{201, 4000, html, zstd, true},
		{200, 1024, html, zstd, true},
		{200, -1, html, zstd, true},
		{200, 1023, html, zstd, false},
		{206, 4000, html, zstd, false},
		{404, 4000, html, zstd, false},
		{500, 4000, html, zstd, false},
		{103, -1, html, zstd, false},
		{200, 4000, nil, zstd, false},
		{200, 4000, []string{"Content-Type: image/png"}, zstd, false},
		{200, 4000, []string{"Content-Type: font/woff2"}, zstd, false},
		{200, 4000, []string{"Content-Type: text/event-stream"}, zstd, false},
		{200, 4000, []string{"Content-Type: application/grpc"}, zstd, false},
		{200, 4000, []string{"Content-Type: application/grpc+json"}, zstd, false},
		{200, 4000, append(html, "Content-Encoding: br"), zstd, false},
		{200, 4000, append(html, "Cache-Control: public,no-transform"), zstd, false},
		{200, 4000, append(html, "Content-Range: bytes 0-3899/3900"), zstd, false},
		{200, 4000, append(html, "Trailer: Digest"), zstd, false},
		{200, 4000, html, append(zstd, "Range: bytes=0-10"), false},
		{200, 4000, html, append(zstd, "Cache-Control: no-transform"), false},
		{200, 4000, html, append(zstd, "Sec-Fetch-Site: cross-site", "Cookie: session=1"), false},
		{200, 4000, html, append(zstd, "Sec-Fetch-Site: cross-site"), true},
		{200, 4000, html, append(zstd, "Sec-Fetch-Site: same-origin", "Cookie: session=1"), true},
		{200, 4000, html, append(zstd, "Cookie: session=1"), true},
	} {
		r, h := compressing(&Compressors{}, c.status, c.length, headerOf(c.request...), headerOf(c.response...))
		if is := r.compressor != nil; is != c.want {
			t.Errorf("%d, %d bytes, %q to %q: %q", c.status, c.length, c.response, c.request, h)
		}
	}
	r := &Request{Exchange: &engine.Exchange{Request: engine.Request{Method: http.MethodHead, Header: headerOf(zstd...)}}, Status: 200, Length: 4000}
	h := headerOf(html...)
	if (compress{with: &Compressors{}}).response(r, &h); r.compressor != nil {
		t.Error("a response to HEAD has an encoder")
	}
}

func TestCompress_KeepsValidatorsApart(t *testing.T) {
	app := []string{"Content-Type: text/html", `ETag: "v1"`, "Accept-Ranges: bytes", "Content-Digest: x", "Vary: Cookie"}
	for coding, tag := range map[string]string{"zstd": `"v1-zstd"`, "gzip": `"v1-gzip"`, "identity": `"v1"`} {
		_, h := compressing(&Compressors{}, 200, 4000, headerOf("Accept-Encoding: "+coding), headerOf(app...))
		etag, _ := h.Lookup("ETag")
		ranges, _ := h.Lookup("Accept-Ranges")
		digest, _ := h.Lookup("Content-Digest")
		if etag != tag || (ranges+digest == "") == (coding == "identity") {
			t.Errorf("%s: %q", coding, h)
		}
		_, h = compressing(&Compressors{}, 304, -1, headerOf("Accept-Encoding: "+coding, "If-None-Match: "+tag), headerOf(`ETag: "v1"`))
		if etag, _ = h.Lookup("ETag"); etag != tag {
			t.Errorf("%s: a 304 has the ETag %s, want %s", coding, etag, tag)
		}
	}
	_, h := compressing(&Compressors{}, 200, 4000, headerOf("Accept-Encoding: gzip"), headerOf("Content-Type: text/html", `ETag: W/"v1"`))
	if etag, _ := h.Lookup("ETag"); etag != `W/"v1"` {
		t.Errorf("a weak ETag became %s", etag)
	}
	h = headerOf(`If-None-Match: W/"a-gzip", "b-zstd", "c"`, `If-Match: "d-zstd"`, `If-Range: "e-zstd"`)
	compress{}.forward(nil, &h)
	if want := headerOf(`If-None-Match: W/"a", "b", "c"`, `If-Match: "d"`, `If-Range: "e-zstd"`); !slices.Equal(h, want) {
		t.Errorf("the app receives %q, want %q", h, want)
	}
}

// discarding is a client that reads slowly: the response to it never ends.
type discarding struct{ io.Writer }

func (discarding) Flush() error { return nil }
func (discarding) Close() error { return nil }

// Each encoder needs memory for as long as its response lasts. When there are many, clients that read slowly get the body as
// it is. Clients that left need none.
func TestCompress_BoundsItsMemory(t *testing.T) {
	const clients, bound = 1000, maxCompressing*(1<<20) + 8<<20
	inUse := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	with, all := &Compressors{}, make([]*Request, clients)
	piece := make([]byte, 0, 64<<10)
	for len(piece) < cap(piece)-8 {
		piece = strconv.AppendUint(piece, uint64(len(piece))*2654435761, 16)
	}
	count := func() (n int) {
		for _, r := range all {
			if r.compressor != nil {
				n++
			}
		}
		return n
	}
	open := func(i int) {
		all[i], _ = compressing(with, 200, -1, headerOf("Accept-Encoding: "+codings[1+i%2].name), headerOf("Content-Type: text/html"))
		if all[i].compressor == nil {
			return
		}
		sink := all[i].compressor.wrap(discarding{io.Discard})
		for range 3 {
			if _, err := sink.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := inUse()
	for i := range clients {
		open(i)
	}
	if n := count(); n != maxCompressing {
		t.Errorf("%d of %d responses are compressed at once, want %d", n, clients, maxCompressing)
	}
	if now := inUse(); now > before+bound {
		t.Errorf("the heap grew from %d KiB to %d KiB", before>>10, now>>10)
	}
	for i := range maxCompressing / 2 {
		all[i].Reset()
		if all[i].Exchange != nil || all[i].compressor != nil {
			t.Fatal("a client that left still has an encoder")
		}
	}
	for i := range clients {
		if all[i].compressor == nil {
			open(i)
		}
	}
	if n := count(); n != maxCompressing {
		t.Errorf("when half of them have left, %d responses are compressed, want %d", n, maxCompressing)
	}
	if now := inUse(); now > before+bound {
		t.Errorf("the heap grew from %d KiB to %d KiB", before>>10, now>>10)
	}
}

// FuzzAccepted compares with a reading that knows nothing of fields: the coding that is chosen has a weight above 0, and none
// has a larger one.
func FuzzAccepted(f *testing.F) {
	for _, seed := range []string{"", "gzip", "gzip, zstd;q=0.5", "*;q=0.1, zstd;q=0", "identity;q=1, gzip;q=0.5", "gzip;q=0, *", "x-gzip;q=0.3", ",;=,q"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		weights := map[string]float64{}
		for item := range strings.SplitSeq(value, ",") {
			name, weight := header.Weighted(item)
			if weight < 0 || weight > 1 {
				t.Fatalf("%q weighs %v", item, weight)
			}
			switch name = strings.ToLower(name); name {
			case "x-gzip", "gzip":
				weights["gzip"] = max(weights["gzip"], weight)
			case "zstd", "identity", "*":
				weights[name] = weight
			}
		}
		weigh := func(name string) float64 {
			if weight, said := weights[name]; said {
				return weight
			}
			return weights["*"]
		}
		var h header.Header
		h.Add("Accept-Encoding", value)
		how := accepted(h)
		if how == plain {
			if most := max(weigh("gzip"), weigh("zstd")); most > 0 && most >= weights["identity"] {
				t.Errorf("%q: nothing is chosen, and %v is wanted", value, most)
			}
			return
		}
		chosen := weigh(codings[how].name)
		if chosen <= 0 || chosen < weigh("gzip") || chosen < weigh("zstd") || chosen < weights["identity"] {
			t.Errorf("%q: %s is chosen, which weighs %v", value, codings[how].name, chosen)
		}
	})
}
