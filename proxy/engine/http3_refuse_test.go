package engine

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

// plainGet is a request, to be changed.
var plainGet = []string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "h"}

func with3(more ...string) []string { return append(slices.Clone(plainGet), more...) }

// put3 replaces pseudo-header fields; an empty name removes one.
func put3(name, value string) []string {
	changed := with3()
	for i := 0; i < len(changed); i += 2 {
		if changed[i] == name {
			changed[i+1] = value
		}
	}
	return changed
}

func without3(name string) []string {
	at := slices.Index(plainGet, name)
	return slices.Delete(with3(), at, at+2)
}

func unreached(t *testing.T) packets {
	m, _ := throughPackets(t, HTTP, Config{}, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the target got %s %s %v", r.Method, r.RequestURI, r.Header)
	})
	return m
}

func TestHTTP3_RefusesWhatHTTP1WouldRefuse(t *testing.T) {
	conn := unreached(t).dialRaw(t)
	for _, c := range []struct {
		name, rule string
		fields     []string
	}{
		{"space in path", "space", put3(":path", "/a b")},
		{"version in path", "space", put3(":path", "/ HTTP/1.1")},
		{"fragment in path", "fragment", put3(":path", "/a#b")},
		{"bad escape in path", "hexadecimal", put3(":path", "/%zz")},
		{"absolute path", "RFC 9114 section 4.3.1", put3(":path", "http://h/")},
		{"path of another host", "RFC 9114 section 4.3.1", put3(":path", "http://evil/")},
		{"star without OPTIONS", "form", put3(":path", "*")},
		{"space in method", "space", put3(":method", "GET / HTTP/1.1 x")},
		{"space in host", "Host is not", put3(":authority", "h x")},
		{"slash in host", "Host is not", put3(":authority", "h/x")},
		{"no host", "there is no Host", without3(":authority")},
		{"other host", "more than one Host", with3("host", "evil")},
		{"two hosts", "more than one Host", with3("host", "h", "host", "h")},
		{"two lengths", "more than one Content-Length", with3("content-length", "0", "content-length", "0")},
		{"bad length", "not a number", with3("content-length", "+0")},
		{"length without body", "shorter", with3("content-length", "5")},
		{"shadowed length", "pass for one of the framing", with3("content_length", "5")},
		{"shadowed coding", "pass for one of the framing", with3("transfer_encoding", "chunked")},
		{"padded value", "whitespace", with3("x-a", " b")},
		{"padded value behind", "whitespace", with3("x-a", "b\t")},
		{"control character", "control character", with3("x-a", "b\x01c")},
		{"name that is no token", "not a token", with3("x(a", "b")},
		{"expectation", "100-continue", with3("expect", "the unexpected")},
		{"many fields", "too many fields", with3(strings.Split(strings.Repeat("x-a,b,", 200)+"x,y", ",")...)},
		{"tunnel of HTTP", "cannot be tunnelled", append([]string{":protocol", "h2c"}, put3(":method", "CONNECT")...)},
		{"tunnel of nothing", "not one list of protocols", append([]string{":protocol", ","}, put3(":method", "CONNECT")...)},
		{"a long head", "the head is too long", with3("x-a", strings.Repeat("!", 63<<10), "x-b", strings.Repeat("!", 1<<10))},
		{"a very long head", "the head is too long", with3("x-a", strings.Repeat("!", 200<<10))},
		{"many fields of few bytes", "too many fields", with3(strings.Split(strings.Repeat("content-security-policy,script-src 'none'; object-src 'none'; base-uri 'none',", 1000)+"x,y", ",")...)},
		{"many cookies", "the head is too long", with3(strings.Split(strings.Repeat("cookie,"+strings.Repeat("c", 1<<10)+",", 80)+"x,y", ",")...)},
		{"a long path", "the request line is too long", put3(":path", "/"+strings.Repeat("x", 70<<10))},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := conn.open()
			s.ask(c.fields...)
			_ = s.Close()
			heads, data, reset := s.answer()
			if len(heads) != 1 || heads[0][":status"][0] != '4' && heads[0][":status"] != "501" || !strings.Contains(string(data), c.rule) || reset != 0 {
				t.Errorf("heads %v, body %q, %s, want a refusal for %q", heads, data, reset, c.rule)
			}
		})
	}
}

// RFC 9114 section 4.1.2: these end the stream.
func TestHTTP3_ResetsMalformedRequests(t *testing.T) {
	conn := unreached(t).dialRaw(t)
	for name, fields := range map[string][]string{
		"line break in value":       with3("x-a", "b\r\nx-c: d"),
		"line feed in value":        with3("x-a", "b\nx-c: d"),
		"nul in value":              with3("x-a", "b\x00"),
		"upper case":                with3("X-A", "b"),
		"space in name":             with3("x a", "b"),
		"colon in name":             with3("x:a", "b"),
		"line break in name":        with3("x\r\na", "b"),
		"no name":                   with3("", "b"),
		"line break in path":        put3(":path", "/\r\nx: y"),
		"line break in method":      put3(":method", "GET / HTTP/1.1\r\nx: y\r\n"),
		"line break in authority":   put3(":authority", "h\r\nx: y"),
		"no method":                 without3(":method"),
		"no scheme":                 without3(":scheme"),
		"no path":                   without3(":path"),
		"empty path":                put3(":path", ""),
		"pseudo field twice":        with3(":path", "/b"),
		"pseudo field at the end":   append(with3("x-a", "b"), ":path", "/b"),
		"late pseudo field":         append(append(without3(":path"), "x-a", "b"), ":path", "/b"),
		"unknown pseudo field":      with3(":x", "b"),
		"status":                    with3(":status", "200"),
		"protocol without CONNECT":  with3(":protocol", "websocket"),
		"CONNECT with a path":       put3(":method", "CONNECT"),
		"connection":                with3("connection", "close"),
		"keep-alive":                with3("keep-alive", "timeout=1"),
		"proxy-connection":          with3("proxy-connection", "close"),
		"transfer-encoding":         with3("transfer-encoding", "chunked"),
		"upgrade":                   with3("upgrade", "websocket"),
		"TE that is not trailers":   with3("te", "gzip"),
		"tunnel without an address": {":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/"},
	} {
		t.Run(name, func(t *testing.T) {
			s := conn.open()
			s.ask(fields...)
			if heads, _, reset := s.answer(); len(heads) > 0 || reset != http3.ErrCodeMessageError {
				t.Errorf("%v, %s", heads, reset)
			}
		})
	}
}

// What a client does to the connection, and how that ends.
func TestHTTP3_EndsConnectionsThatBreakTheProtocol(t *testing.T) {
	m := unreached(t)
	stream := func(kind uint64, payload string) func(c rawConn) {
		return func(c rawConn) { c.open().send(kind, []byte(payload)) }
	}
	uni := func(b ...byte) func(c rawConn) {
		return func(c rawConn) {
			s, err := c.OpenUniStream()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = s.Write(b)
		}
	}
	for name, c := range map[string]struct {
		do   func(c rawConn)
		want http3.ErrCode
	}{
		"data before a head":    {stream(http3Data, "x"), http3.ErrCodeFrameUnexpected},
		"settings on a request": {stream(http3Settings, ""), http3.ErrCodeFrameUnexpected},
		"a frame of HTTP/2":     {stream(8, ""), http3.ErrCodeFrameUnexpected},
		"a push promise":        {stream(http3PushPromise, ""), http3.ErrCodeFrameUnexpected},
		"a large unknown frame": {stream(0x21, strings.Repeat("x", 100<<10)), http3.ErrCodeExcessiveLoad},
		"a dynamic table":       {stream(http3Headers, "\x02\x00\x80"), http3.ErrCodeQPACKDecompressionFailed},
		"no such static field":  {stream(http3Headers, "\x00\x00\xff\xff\x00"), http3.ErrCodeQPACKDecompressionFailed},
		"no settings":           {uni(http3Control, http3GoAway, 1, 0), http3.ErrCodeMissingSettings},
		"two settings":          {uni(http3Control, http3Settings, 0, http3Settings, 0), http3.ErrCodeFrameUnexpected},
		"a head on control":     {uni(http3Control, http3Settings, 0, http3Headers, 0), http3.ErrCodeFrameUnexpected},
		"a push stream":         {uni(http3Push, 0), http3.ErrCodeStreamCreationError},
		"an end of control":     {func(c rawConn) { s, _ := c.OpenUniStream(); _, _ = s.Write([]byte{0, 4, 0}); _ = s.Close() }, http3.ErrCodeClosedCriticalStream},
	} {
		t.Run(name, func(t *testing.T) {
			conn := m.dialRaw(t)
			c.do(conn)
			if code := conn.closing(); code != c.want {
				t.Errorf("%s, want %s", code, c.want)
			}
		})
	}
}

func TestHTTP3_EndsConnectionsWithDataBehindTrailers(t *testing.T) {
	m, p := throughPackets(t, HTTP, Config{}, func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			t.Error("the target got a whole body")
		}
	})
	conn := m.dialRaw(t)
	s := conn.open()
	s.ask(put3(":method", "POST")...)
	s.send(http3Data, []byte("x"))
	s.send(http3Headers, section("x-a", "b"))
	s.send(http3Data, []byte("x"))
	if code := conn.closing(); code != http3.ErrCodeFrameUnexpected {
		t.Error(code)
	}
	if err := <-p.fails; !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
}

// Unknown frames, streams and settings are for extensions (RFC 9114 section 9).
func TestHTTP3_SkipsWhatItDoesNotKnow(t *testing.T) {
	m, _ := throughPackets(t, HTTP, Config{}, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	conn := m.dialRaw(t)
	for _, b := range [][]byte{{0x21, 1, 2}, {http3Control, http3Settings, 2, 0x21, 1, 0x21, 1, 7, http3MaxPushID, 1, 9}, {http3Encoder}, {http3Decoder}} {
		s, err := conn.OpenUniStream()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = s.Write(b)
	}
	s := conn.open()
	s.send(0x21, []byte("unknown"))
	s.ask(put3(":method", "POST")...)
	s.send(0x40, []byte("unknown"))
	s.send(http3Data, []byte("body"))
	s.send(0x7e, nil)
	_ = s.Close()
	if _, body, reset := s.answer(); string(body) != "ok" || reset != 0 {
		t.Errorf("%q, %s", body, reset)
	}
}

func TestHTTP3_RefusesBodiesThatAreNotAsLongAsTheySay(t *testing.T) {
	m, p := throughPackets(t, HTTP, Config{}, func(_ http.ResponseWriter, r *http.Request) {
		if _, err := http.MaxBytesReader(nil, r.Body, 1<<20).Read(make([]byte, 1<<10)); err == nil {
			_, err = r.Body.Read(make([]byte, 1<<10))
			if err == nil {
				t.Error("the target got a whole body")
			}
		}
	})
	for name, c := range map[string][2]string{"short": {"10", "body"}, "long": {"3", "body"}} {
		s := m.dialRaw(t).open()
		s.ask(append(put3(":method", "POST"), "content-length", c[0])...)
		s.send(http3Data, []byte(c[1]))
		_ = s.Close()
		_, data, _ := s.answer()
		if err := <-p.fails; !strings.Contains(err.Error(), name) || !strings.Contains(string(data), name) {
			t.Errorf("%s: %v, %q", name, err, data)
		}
	}
}

func TestHTTP3_RefusesLongTrailers(t *testing.T) {
	m, p := throughPackets(t, HTTP, Config{}, func(_ http.ResponseWriter, r *http.Request) { _, _ = r.Body.Read(make([]byte, 10)) })
	for name, trailers := range map[string][]byte{
		"malformed": section("x-a", "b\r\nc"), "pseudo": section(":path", "/"), "long": section("x-a", strings.Repeat("!", 5<<10)),
	} {
		s := m.dialRaw(t).open()
		s.ask(put3(":method", "POST")...)
		s.send(http3Headers, trailers)
		_ = s.Close()
		s.answer()
		if err := <-p.fails; !strings.Contains(err.Error(), "the trailer section is") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHTTP3_ServesOptionsOfTheServer(t *testing.T) {
	m, _ := throughPackets(t, HTTP, Config{}, func(http.ResponseWriter, *http.Request) {})
	s := m.dialRaw(t).open()
	s.ask(":method", "OPTIONS", ":scheme", "https", ":path", "*", ":authority", "h")
	_ = s.Close()
	if heads, _, reset := s.answer(); len(heads) != 1 || heads[0][":status"] != "200" || reset != 0 {
		t.Errorf("%v, %s", heads, reset)
	}
}

func TestHTTP3_AnnouncesItsSettings(t *testing.T) {
	conn := unreached(t).dialRaw(t)
	stream, err := conn.AcceptUniStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var r http3Reader
	r.reset(stream)
	control, err := r.number()
	kind, length, _ := r.next()
	settings, _ := r.payload(nil, int(length))
	if err != nil || control != http3Control || kind != http3Settings {
		t.Fatalf("stream %d, frame %d, %v", control, kind, err)
	}
	got := map[uint64]uint64{}
	for len(settings) > 0 {
		id, n, _ := quicvarint.Parse(settings)
		value, m, _ := quicvarint.Parse(settings[n:])
		got[id], settings = value, settings[n+m:]
	}
	if got[settingConnect] != 1 || got[settingFieldSection] < 64<<10 || len(got) != 2 {
		t.Errorf("%v", got)
	}
}
