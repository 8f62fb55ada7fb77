package filter

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"gateway/proxy/engine"
	"gateway/proxy/header"
	"gateway/proxy/route"
)

const (
	// compressFrom is the least size of a body to compress.
	compressFrom = 1 << 10
	// maxCompressing is how many responses are compressed at once, with about 0.8 MB of memory each. Others are sent
	// uncompressed.
	maxCompressing = 64
	// zstdWindow is the window of each zstd encoder. Browsers refuse windows above 8 MiB (RFC 9659).
	zstdWindow = 128 << 10
)

// coding is a content coding that the gateway applies.
type coding int

const (
	plain coding = iota
	zstandard
	gzipped
)

// codings are the names of codings, and the suffixes of their ETags.
var codings = [...]struct{ name, suffix string }{zstandard: {"zstd", `-zstd"`}, gzipped: {"gzip", `-gzip"`}}

// encoder is an encoder of either library.
type encoder interface {
	io.WriteCloser
	Flush() error
	Reset(w io.Writer)
}

// Compressors are the encoders that all routes share. They are safe for concurrent use; the zero value is ready.
type Compressors struct {
	busy  atomic.Int64
	pools [len(codings)]sync.Pool
}

// take returns an encoder, nil when maxCompressing are in use.
func (c *Compressors) take(how coding) *compressor {
	if c.busy.Add(1) > maxCompressing {
		c.busy.Add(-1)
		return nil
	}
	if z, kept := c.pools[how].Get().(*compressor); kept {
		return z
	}
	z := &compressor{from: c, how: how}
	z.wrap = z.before
	if how == gzipped {
		// BestSpeed is a valid level.
		z.encoder, _ = gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
		return z
	}
	encoder, err := zstd.NewWriter(io.Discard, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic("zstd refused its own options: " + err.Error())
	}
	z.encoder = encoder
	return z
}

// compressor is a transformer that compresses the body of one response at a time.
type compressor struct {
	from    *Compressors
	how     coding
	encoder encoder
	to      engine.Sink
	// wrap is the method before, as a value that is made once.
	wrap func(engine.Sink) engine.Sink
	// pending reports that something was written since the last flush.
	pending bool
}

// before puts the compressor before a sink.
func (z *compressor) before(to engine.Sink) engine.Sink {
	z.to, z.pending = to, false
	z.encoder.Reset(to)
	return z
}

// Write implements engine.Sink.
func (z *compressor) Write(p []byte) (int, error) {
	z.pending = true
	return z.encoder.Write(p)
}

// Flush implements engine.Sink.
func (z *compressor) Flush() error {
	if z.pending {
		z.pending = false
		if err := z.encoder.Flush(); err != nil {
			return err
		}
	}
	return z.to.Flush()
}

// Close implements engine.Sink.
func (z *compressor) Close() error {
	if err := z.encoder.Close(); err != nil {
		return err
	}
	return z.to.Close()
}

// release returns the compressor to its pool.
func (z *compressor) release() {
	z.encoder.Reset(io.Discard)
	z.to = nil
	z.from.pools[z.how].Put(z)
	z.from.busy.Add(-1)
}

// compress compresses responses that gain by it, for clients that accept a coding.
type compress struct {
	with *Compressors
}

func newCompress(r *route.Route, with *Compressors) Filter {
	if !r.Compress {
		return Filter{}
	}
	f := compress{with}
	return Filter{Forward: f.forward, Response: f.response}
}

// forward makes conditions on the ETag of a compressed response those on that of the app.
func (compress) forward(_ *Request, h *header.Header) {
	for i := range *h {
		f := &(*h)[i]
		if f.Kind != header.Other || !conditional(f.Name) {
			continue
		}
		for _, c := range codings[zstandard:] {
			if strings.Contains(f.Value, c.suffix) {
				f.Value = strings.ReplaceAll(f.Value, c.suffix, `"`)
			}
		}
	}
}

// conditional reports that a field has ETags of whole representations. If-Range does not count: a range of a compressed
// response is none of the app's.
func conditional(name string) bool {
	return header.EqualFold(name, "If-None-Match") || header.EqualFold(name, "If-Match")
}

func (f compress) response(r *Request, h *header.Header) {
	if r.Status == http.StatusNotModified {
		notModified(r, h)
		return
	}
	if !compressible(r, *h) {
		return
	}
	// The response depends on what the client accepts, even if that is nothing.
	vary(h)
	how := accepted(r.Exchange.Request.Header)
	if how == plain || guessable(r.Exchange.Request.Header) || r.compressor != nil {
		return
	}
	if r.compressor = f.with.take(how); r.compressor == nil {
		return
	}
	*h = slices.DeleteFunc(*h, func(f header.Field) bool { return describesBytes(f.Name) })
	h.Add("Content-Encoding", codings[how].name)
	for i := range *h {
		if e := &(*h)[i]; header.EqualFold(e.Name, "ETag") && strings.HasPrefix(e.Value, `"`) {
			e.Value = strings.TrimSuffix(e.Value, `"`) + codings[how].suffix
		}
	}
	r.Exchange.Transform(r.compressor.wrap)
}

// notModified gives a 304 the ETag of the client's compressed copy.
func notModified(r *Request, h *header.Header) {
	tag, found := h.Lookup("ETag")
	if !found || !strings.HasPrefix(tag, `"`) {
		return
	}
	for _, c := range codings[zstandard:] {
		known := strings.TrimSuffix(tag, `"`) + c.suffix
		for i := range r.Exchange.Request.Header {
			if f := &r.Exchange.Request.Header[i]; header.EqualFold(f.Name, "If-None-Match") && strings.Contains(f.Value, known) {
				h.Del("ETag")
				h.Add("ETag", known)
				vary(h)
				return
			}
		}
	}
}

// compressible reports that the response may be compressed: a whole one, of a type and a size that gain by it, without a
// content coding or no-transform.
func compressible(r *Request, h header.Header) bool {
	switch {
	case r.Own || r.Status < http.StatusOK || r.Status >= http.StatusMultipleChoices,
		r.Status == http.StatusNoContent || r.Status == http.StatusResetContent || r.Status == http.StatusPartialContent,
		r.Exchange.Request.Method == http.MethodHead,
		r.Length >= 0 && r.Length < compressFrom:
		return false
	}
	for i := range h {
		switch f := &h[i]; {
		case f.Kind == header.ContentType:
			if !gains(f.Value) {
				return false
			}
		case f.Kind == header.Trailer:
			// A trailer may be a digest of the body.
			return false
		case f.Kind == header.Other && (header.EqualFold(f.Name, "Content-Encoding") || header.EqualFold(f.Name, "Content-Range") ||
			header.EqualFold(f.Name, "Cache-Control") && hasToken(f.Value, "no-transform")):
			return false
		}
	}
	for i := range r.Exchange.Request.Header {
		f := &r.Exchange.Request.Header[i]
		if f.Kind == header.Other && (header.EqualFold(f.Name, "Range") || header.EqualFold(f.Name, "Cache-Control") && hasToken(f.Value, "no-transform")) {
			return false
		}
	}
	_, typed := h.First(header.ContentType)
	return typed
}

// gains reports that bodies of a media type compress well. Server-sent events and gRPC do not: they are small messages.
func gains(media string) bool {
	media, _, _ = strings.Cut(media, ";")
	media = strings.TrimSpace(media)
	slash := strings.IndexByte(media, '/')
	if slash < 0 || header.EqualFold(media, "text/event-stream") {
		return false
	}
	kind, sub := media[:slash], media[slash+1:]
	if header.EqualFold(kind, "text") {
		return true
	}
	if plus := strings.LastIndexByte(sub, '+'); plus >= 0 && !hasPrefixFold(sub, "grpc") {
		return header.EqualFold(sub[plus:], "+json") || header.EqualFold(sub[plus:], "+xml")
	}
	return header.EqualFold(kind, "application") && slices.ContainsFunc(gainful[:], func(s string) bool { return header.EqualFold(sub, s) })
}

// gainful are the subtypes of application/ that compress well.
var gainful = [...]string{"javascript", "x-javascript", "ecmascript", "json", "xml", "wasm"}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && header.EqualFold(s[:len(prefix)], prefix)
}

// accepted is the coding that the client prefers, zstd of two with the same weight (RFC 9110 section 12.5.3).
func accepted(h header.Header) coding {
	const unsaid = -1
	zstd, gzip, identity, others := float64(unsaid), float64(unsaid), float64(unsaid), float64(unsaid)
	for i := range h {
		f := &h[i]
		if f.Kind != header.Other || !header.EqualFold(f.Name, "Accept-Encoding") {
			continue
		}
		for item := range strings.SplitSeq(f.Value, ",") {
			name, weight := header.Weighted(item)
			switch {
			case header.EqualFold(name, "zstd"):
				zstd = weight
			case header.EqualFold(name, "gzip"), header.EqualFold(name, "x-gzip"):
				gzip = max(gzip, weight)
			case header.EqualFold(name, "identity"):
				identity = weight
			case name == "*":
				others = weight
			}
		}
	}
	if zstd == unsaid {
		zstd = others
	}
	if gzip == unsaid {
		gzip = others
	}
	best, how := max(identity, 0), plain
	if gzip > 0 && gzip >= best {
		best, how = gzip, gzipped
	}
	if zstd > 0 && zstd >= best {
		how = zstandard
	}
	return how
}

// guessable reports that another site made the browser send the request with cookies: that site could guess secrets in the
// response by its compressed length (BREACH).
func guessable(h header.Header) bool {
	cross := false
	for i := range h {
		if f := &h[i]; f.Kind == header.Other && header.EqualFold(f.Name, "Sec-Fetch-Site") {
			cross = cross || header.EqualFold(f.Value, "cross-site")
		}
	}
	_, cookies := h.First(header.Cookie)
	return cross && cookies
}

// describesBytes reports that a field describes the uncompressed bytes of the body.
func describesBytes(name string) bool {
	return slices.ContainsFunc(ofBytes[:], func(field string) bool { return header.EqualFold(name, field) })
}

// ofBytes are the fields of describesBytes.
var ofBytes = [...]string{"Accept-Ranges", "Digest", "Content-Digest", "Repr-Digest", "Content-MD5"}

// vary adds Accept-Encoding to Vary.
func vary(h *header.Header) {
	for i := range *h {
		if f := &(*h)[i]; header.EqualFold(f.Name, "Vary") && (hasToken(f.Value, "*") || hasToken(f.Value, "Accept-Encoding")) {
			return
		}
	}
	h.Add("Vary", "Accept-Encoding")
}

// hasToken reports whether a list has the token.
func hasToken(list, token string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if header.EqualFold(strings.TrimSpace(item), token) {
			return true
		}
	}
	return false
}
