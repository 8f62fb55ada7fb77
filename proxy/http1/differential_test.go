package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gateway/proxy/header"
	"gateway/proxy/http1/http1test"
)

// stricter are the rules by which this package refuses what net/http takes. That net/http takes what is refused by
// any other rule is a finding.
var stricter = []*Invalid{
	// Line ends and spaces that net/http repairs.
	bareLF, folded, spaceColon,
	// net/http leaves other versions to its users.
	otherVersion,
	// Targets and hosts: net/http leaves them to the server, or checks less.
	badTargets, badForm, badScheme, badAuthority, noHost, badHost, badStatus,
	// Fields that net/http does not look at, or only as a server.
	badOption, manyOptions, endToEnd, badUpgrade, badExpect, shadow,
	// Of framing net/http takes several lengths that agree, lets Transfer-Encoding win, ignores it in HTTP/1.0, and has
	// nothing against fields where no body can be.
	manyLengths, twoFramings, oldCoding, badCoding, framedStatus,
	// Limits.
	longTarget, longHead, manyFields,
	// Chunks: whitespace, leading zeros, and extensions that net/http skips unread.
	badSize, badExtension, longSize,
}

// seeds adds the cases of the corpus that are not large.
func seeds(cases []http1test.Case, add func(c http1test.Case)) {
	for _, c := range cases {
		if len(c.Raw) <= 4096 {
			add(c)
		}
	}
}

func FuzzParseRequest_AgreesWithNetHTTP(f *testing.F) {
	seeds(http1test.Requests(f), func(c http1test.Case) { f.Add([]byte(c.Raw)) })
	f.Add([]byte(smallHead))
	f.Add([]byte(browserHead))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var ours Request
		n, err := ParseRequest(&ours, raw, corpusLimits)
		std, stdErr := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\r\n")))))
		steady(t, raw, func(b []byte) (int, error) { return ParseRequest(new(Request), b, corpusLimits) })
		if err != nil {
			explain(t, raw, err, stdErr)
			return
		}
		if stdErr != nil {
			excuse(t, stdErr, ours.Header)
			return
		}
		if ours.Method != std.Method || ours.Target != std.RequestURI || ours.Host != std.Host || ours.Length != std.ContentLength {
			t.Errorf("%+v, want %+v", ours, std)
		}
		same(t, ours.Header, std.Header, named(raw[:n]))
		body(t, requestReader(), raw, std.Body)
		if ours.Method != connect {
			again(t, ours)
		}
	})
}

// again writes an accepted request for the next hop, which has to read the same.
func again(t *testing.T, r Request) {
	t.Helper()
	b := AppendField(AppendRequestLine(nil, r.Method, r.Path, r.Query), "Host", r.Host)
	b = append(AppendFields(b, r.Header), "\r\n"...)
	var again Request
	n, err := ParseRequest(&again, b, ample)
	std, stdErr := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
	if n != len(b) || err != nil || stdErr != nil {
		t.Fatalf("%q: %v, and net/http says %v", b, err, stdErr)
	}
	if again.Method != r.Method || again.Path != r.Path || again.Query != r.Query || again.Host != r.Host || !slices.Equal(again.Header, r.Header) {
		t.Errorf("%+v became %+v", r, again)
	}
	if std.RequestURI != r.Path+r.Query || std.Host != r.Host || again.Length != 0 || again.Upgrade != "" {
		t.Errorf("%+v became %+v, and net/http reads %+v", r, again, std)
	}
}

func FuzzParseResponse_AgreesWithNetHTTP(f *testing.F) {
	seeds(http1test.Responses(f), func(c http1test.Case) { f.Add([]byte(c.Raw), c.To == head) })
	f.Add([]byte(responseHead), false)
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding : chunk\r\n\r\n"), false)
	folds := strings.Repeat("\r\n a", http1test.MaxFields)
	f.Add([]byte("HTTP/1.1 200 OK\r\nX: a"+folds+"\r\n\x00"+folds+"\r\n\r\n"), true)
	f.Fuzz(func(t *testing.T, raw []byte, toHead bool) {
		method := "GET"
		if toHead {
			method = head
		}
		var ours Response
		sent := raw
		raw = bytes.Clone(sent)
		n, err := ParseResponse(&ours, raw, method, corpusLimits)
		if err == nil && (!bytes.Equal(raw, sent) || repaired.Match(raw[:n])) {
			checkWritten(t, ours)
			return
		}
		// What is refused is not read again, and some of it may have been made good before.
		copy(raw, sent)
		std, stdErr := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), &http.Request{Method: method})
		steady(t, raw, func(b []byte) (int, error) { return ParseResponse(new(Response), bytes.Clone(b), method, corpusLimits) })
		if err != nil {
			// A field with whitespace before its colon is another one to net/http.
			if !repaired.Match(raw) {
				explain(t, raw, err, stdErr)
			}
			return
		}
		if stdErr != nil {
			excuse(t, stdErr, ours.Header)
			return
		}
		defer std.Body.Close()
		if ours.Status != std.StatusCode {
			t.Errorf("%+v, want %+v", ours, std)
		}
		same(t, ours.Header, std.Header, named(raw[:n]))
		if !lenient(raw[n:]) {
			body(t, responseReader(method), raw, std.Body)
		}
	})
}

// lenient reports whether a body can have what only the chunked coding of responses may have: whitespace after a size or
// before a colon, and control characters in trailer fields.
func lenient(body []byte) bool {
	return bytes.ContainsFunc(body, func(c rune) bool { return c < ' ' && c != '\r' && c != '\n' || c == 0x7f || c == ' ' })
}

// repaired finds what is repaired in responses without a change of the buffer: whitespace before a colon, and lengths that
// agree.
var repaired = regexp.MustCompile(`(?im)^[^:\r\n]*[ \t]:|^content-length:[^\n]*,|^content-length:(?s:.*)^content-length:`)

// checkWritten writes an accepted response, and checks that clients parse the same.
func checkWritten(t *testing.T, r Response) {
	t.Helper()
	b := append(AppendFields(AppendStatusLine(nil, r.Status, r.Reason), r.Header), "\r\n"...)
	var again Response
	n, err := ParseResponse(&again, bytes.Clone(b), head, Limits{Bytes: -1, Fields: -1})
	std, stdErr := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), &http.Request{Method: head})
	if stdErr != nil {
		excuse(t, stdErr, r.Header)
		return
	}
	defer std.Body.Close()
	if n != len(b) || err != nil || again.Status != r.Status || again.Reason != r.Reason || !slices.Equal(again.Header, r.Header) {
		t.Errorf("%+v became %+v, %v", r, again, err)
	}
	same(t, r.Header, std.Header, nil)
}

func FuzzDecoder_AgreesWithNetHTTP(f *testing.F) {
	const start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	seeds(http1test.Requests(f), func(c http1test.Case) {
		if _, coded, _ := strings.Cut(c.Raw, "\r\n\r\n"); coded != "" {
			f.Add([]byte(coded), uint8(len(coded)/2))
		}
	})
	f.Fuzz(func(t *testing.T, coded []byte, cut uint8) {
		raw := slices.Concat([]byte(start), coded)
		std, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			t.Fatal(err)
		}
		whole, parts := requestReader(), requestReader()
		whole.feed(raw)
		parts.feed(raw[:min(len(start)+int(cut), len(raw))])
		parts.feed(raw[min(len(start)+int(cut), len(raw)):])
		if whole.err != parts.err || whole.ended != parts.ended || !slices.Equal(whole.Trailers, parts.Trailers) ||
			whole.err == nil && whole.Body != parts.Body {
			t.Errorf("whole: %v %q, in parts: %v %q", whole.err, whole.Body, parts.err, parts.Body)
		}
		body(t, requestReader(), raw, std.Body)
	})
}

// explain wants a reason when what is refused here is taken by net/http.
func explain(t *testing.T, raw []byte, ours, std error) {
	t.Helper()
	if bytes.Contains(raw, []byte("\n ")) || bytes.Contains(raw, []byte("\n\t")) {
		// A folded field: net/http joins the lines and judges what comes of it, and here the first line is judged alone.
		return
	}
	var rule *Invalid
	if std == nil && (!errors.As(ours, &rule) || !slices.Contains(stricter, rule)) {
		t.Errorf("refused by %v, and net/http takes it", ours)
	}
}

// excuse wants a reason when what is taken here is refused by net/http.
func excuse(t *testing.T, std error, h header.Header) {
	t.Helper()
	if _, trailer := h.First(header.Trailer); trailer && strings.Contains(std.Error(), "bad trailer key") {
		return
	}
	t.Errorf("taken, and net/http says %v", std)
}

// steady wants of a head that it is the same alone, and of its beginnings that they are incomplete, or refused as the
// whole is.
func steady(t *testing.T, raw []byte, parse func(b []byte) (int, error)) {
	t.Helper()
	n, err := parse(raw)
	if err == nil {
		raw = raw[:n]
		if again, err := parse(raw); again != n || err != nil {
			t.Errorf("%q: %d, %v, want %d", raw, again, err, n)
		}
	}
	for size := len(raw) - 1; size >= 0; size -= 1 + len(raw)/16 {
		if _, early := parse(raw[:size]); !errors.Is(early, ErrIncomplete) && early != err {
			t.Errorf("%q: %v, and whole %v", raw[:size], early, err)
		}
	}
}

// named are the options of all Connection fields, which net/http does not always keep.
func named(raw []byte) []string {
	var names []string
	for line := range strings.SplitSeq(string(raw), "\r\n") {
		name, value, found := strings.Cut(line, ":")
		for option := range strings.SplitSeq(value, ",") {
			if found && header.EqualFold(name, "Connection") {
				names = append(names, strings.Trim(option, " \t"))
			}
		}
	}
	return names
}

// same compares the fields that are passed on.
func same(t *testing.T, ours header.Header, std http.Header, named []string) {
	t.Helper()
	got, want := http.Header{}, maps.Clone(std)
	for _, f := range ours {
		got.Add(f.Name, f.Value)
	}
	for _, name := range named {
		want.Del(name)
	}
	// net/http takes Trailer away, and adds to Pragma what the message does not say.
	for _, name := range []string{"Trailer", "Cache-Control", "Host"} {
		got.Del(name)
		want.Del(name)
	}
	for name := range want {
		if header.Hop.Has(header.KindOf(name)) || header.EqualFold(name, "Expect") && got[name] == nil {
			delete(want, name)
		}
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("fields %q, want %q", got, want)
	}
}

// body compares what is after the head: what ends here ends there, with the same bytes.
func body(t *testing.T, ours *reader, raw []byte, std io.Reader) {
	t.Helper()
	ours.feed(raw)
	want, err := io.ReadAll(std)
	switch {
	case ours.err != nil:
		explain(t, nil, ours.err, err)
	case ours.ended && (err != nil || ours.Body != string(want)):
		t.Errorf("body %q, want %q, %v", ours.Body, want, err)
	case !ours.ended && ours.length != UntilClose && err == nil:
		t.Errorf("%q of a body that net/http sees the end of, %q", ours.Body, want)
	case !strings.HasPrefix(ours.Body, string(want)) && !strings.HasPrefix(string(want), ours.Body):
		t.Errorf("body %q, want %q", ours.Body, want)
	}
}

func FuzzAuthority_IsOneOfURLs(f *testing.F) {
	for _, seed := range []string{"example.org", "a:80", "[::1]:80", "a:", "ex%61mple", "1.2.3.4:x", "[fe80::1%25e]", "me@a", "a_b.c", "[::1]x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !isAuthority(s) {
			return
		}
		u, err := url.Parse("http://" + s + "/")
		if err != nil || u.User != nil || u.Path != "/" || u.Hostname() == "" || !strings.Contains(s, "%") && u.Host != s {
			t.Errorf("%q is taken, and a URL has %+v, %v", s, u, err)
		}
	})
}

func FuzzAppendField_IsOneLine(f *testing.F) {
	for _, seed := range [][2]string{{"X", "1"}, {"X", "a\r\nb: c"}, {"X\r\nY", "1"}, {"Long-Name", "long value with \x00 at the end\n"}, {"", ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		line, found := strings.CutSuffix(string(AppendField(nil, name, value)), "\r\n")
		clean := strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ")
		if !found || line != clean.Replace(name)+": "+clean.Replace(value) {
			t.Errorf("%q: %q became %q", name, value, line)
		}
	})
}

// TestStricter_IsWhatTheCorpusShows keeps the list of the stricter rules exact: each has a case that net/http takes, and
// no other rule has one.
func TestStricter_IsWhatTheCorpusShows(t *testing.T) {
	shown := map[*Invalid]bool{}
	show := func(r *reader, c http1test.Case, body io.Reader, std error) {
		r.feed([]byte(c.Raw))
		var rule *Invalid
		if errors.As(r.err, &rule) && std == nil {
			if _, err := io.Copy(io.Discard, body); err == nil {
				shown[rule] = true
			}
		}
	}
	for _, c := range http1test.Requests(t) {
		std, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.TrimPrefix(c.Raw, "\r\n"))))
		if err != nil {
			continue
		}
		show(requestReader(), c, std.Body, err)
	}
	for _, c := range http1test.Responses(t) {
		std, err := http.ReadResponse(bufio.NewReader(strings.NewReader(c.Raw)), &http.Request{Method: c.To})
		if err != nil {
			continue
		}
		show(responseReader(c.To), c, std.Body, err)
		_ = std.Body.Close()
	}
	for _, rule := range stricter {
		if !shown[rule] {
			t.Errorf("net/http takes nothing that is refused because %v", rule)
		}
		delete(shown, rule)
	}
	for rule := range shown {
		t.Errorf("net/http takes something that is refused because %v", rule)
	}
}
