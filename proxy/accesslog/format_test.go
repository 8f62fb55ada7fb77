package accesslog

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// full has every field, each with a value of its own.
func full() Entry {
	return Entry{
		Time:      time.Date(2026, 11, 20, 9, 5, 7, 42_999_000, time.FixedZone("KST", 9*3600)),
		RequestID: "0123456789abcdef0123456789abcdef", Client: "192.0.2.1", Peer: "2001:db8::1",
		Method: "GET", Host: "example.org:8080", Path: "/robots/a%20b", Query: "?x=1&y=2", Major: 1, Minor: 1, TLS: true,
		Status: 200, Received: 17, Sent: 5120,
		Duration: 1234567 * time.Microsecond, Response: 12345 * time.Microsecond, Wait: 999 * time.Microsecond,
		Place:   NewPlace("example.org/robots", "robots", "robots-web-1", "172.20.0.2:80"),
		Retries: 1, Upgraded: true, UserAgent: `Mozilla/5.0 (X11; "quoted")`, Referer: "https://example.org/?token=1#part",
		Error: "timeout",
	}
}

func lineOf(c Config, e Entry) string {
	p := pen{format: c.Format, query: c.Query}
	return string(p.line(&e))
}

func TestJSON_HasAllFieldsOfTheReferenceInOrder(t *testing.T) {
	line := lineOf(Config{Query: true}, full())
	const want = `{"time":"2026-11-20T00:05:07.042Z","request_id":"0123456789abcdef0123456789abcdef","client":"192.0.2.1",` +
		`"peer":"2001:db8::1","method":"GET","host":"example.org:8080","path":"/robots/a%20b","query":"x=1&y=2",` +
		`"protocol":"HTTP/1.1","tls":true,"status":200,"bytes_received":17,"bytes_sent":5120,"duration_ms":1234.567,` +
		`"target_ms":12.345,"wait_ms":0.999,"route":"example.org/robots","service":"robots","target":"robots-web-1",` +
		`"target_address":"172.20.0.2:80","retries":1,"upgraded":true,"user_agent":"Mozilla/5.0 (X11; \"quoted\")",` +
		`"referer":"https://example.org/?token=1#part","error":"timeout"}` + "\n"
	if line != want {
		t.Errorf("it writes\n%swant\n%s", line, want)
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(line), &values); err != nil {
		t.Fatal(err)
	}
	at, kinds := 0, map[reflect.Kind]string{reflect.String: "string", reflect.Float64: "number", reflect.Bool: "bool"}
	for _, f := range Reference() {
		next := strings.Index(line, `"`+f.Name+`":`)
		if next < at {
			t.Errorf("%s is at %d, after what is at %d", f.Name, next, at)
		}
		at = next
		if got := kinds[reflect.ValueOf(values[f.Name]).Kind()]; got != f.Type {
			t.Errorf("%s is a %s, the reference says %s", f.Name, got, f.Type)
		}
		delete(values, f.Name)
	}
	if len(values) > 0 {
		t.Errorf("the reference lacks %v", values)
	}
}

func TestJSON_LeavesOutWhatIsEmpty(t *testing.T) {
	line := lineOf(Config{}, Entry{Time: time.Unix(0, 0), Status: 400})
	var values map[string]any
	if err := json.Unmarshal([]byte(line), &values); err != nil {
		t.Fatal(err)
	}
	for _, f := range Reference() {
		if _, found := values[f.Name]; found != f.Always {
			t.Errorf("%s is in the line: %v, the reference says %v: %s", f.Name, found, f.Always, line)
		}
	}
}

func TestJSON_NamesThePeerOnlyWhereItIsNotTheClient(t *testing.T) {
	e := full()
	e.Peer = e.Client
	if line := lineOf(Config{}, e); strings.Contains(line, `"peer"`) {
		t.Error(line)
	}
}

func TestCombined_IsWhatToolsRead(t *testing.T) {
	const want = `192.0.2.1 - - [20/Nov/2026:00:05:07 +0000] "GET /robots/a%20b?x=1&y=2 HTTP/1.1" 200 5120 ` +
		`"https://example.org/?token=1#part" "Mozilla/5.0 (X11; \x22quoted\x22)"` + "\n"
	if line := lineOf(Config{Format: Combined, Query: true}, full()); line != want {
		t.Errorf("it writes\n%swant\n%s", line, want)
	}
	const none = `- - - [01/Jan/1970:00:00:00 +0000] "-" 400 0 "-" "-"` + "\n"
	if line := lineOf(Config{Format: Combined}, Entry{Time: time.Unix(0, 0), Status: 400}); line != none {
		t.Errorf("it writes\n%swant\n%s", line, none)
	}
}

func TestFormats_KeepQueriesToThemselvesByDefault(t *testing.T) {
	for _, format := range []Format{JSON, Combined} {
		line := lineOf(Config{Format: format}, full())
		if strings.ContainsAny(line, "?#") || strings.Contains(line, "token") || !strings.Contains(line, `"https://example.org/"`) {
			t.Errorf("%s: %s", format, line)
		}
	}
}

func TestPen_KnowsEverySecondFromTheOthers(t *testing.T) {
	var p pen
	for _, at := range []int64{0, 1, 0, 1e9, 1e9 + 1, -1} {
		e := Entry{Time: time.Unix(at, 5e6)}
		want := e.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00")
		if line := string(p.line(&e)); !strings.Contains(line, `"`+want+`"`) {
			t.Errorf("%d: %s lacks %s", at, line, want)
		}
	}
}

func TestMillis_IsToTheMicrosecondAndNeverNegative(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.000", time.Microsecond: "0.001", 999 * time.Nanosecond: "0.000", time.Hour: "3600000.000", -time.Second: "0.000",
		10 * time.Millisecond: "10.000", 100 * time.Microsecond: "0.100", 1<<63 - 1: "9223372036854.775",
	} {
		if got := string(millis(nil, d)); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}

// A block without room for one would take no line any more, and a place that was cut off would be no JSON.
func TestPen_WritesTheLongestLineIntoABlock(t *testing.T) {
	e := full()
	long := strings.Repeat("\x01", 1<<17)
	for i, v := 0, reflect.ValueOf(&e).Elem(); i < v.NumField(); i++ {
		if v.Field(i).Kind() == reflect.String {
			v.Field(i).SetString("?" + long)
		}
	}
	e.Place = NewPlace(long, long, long, long)
	line := lineOf(Config{Query: true}, e)
	if len(line) > blockSize {
		t.Errorf("it has %d bytes", len(line))
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(line), &values); err != nil || values["target_address"] != long[:maxKnown] {
		t.Errorf("%v: %s", err, line)
	}
}

func TestParseFormat_NamesThoseThereAre(t *testing.T) {
	for _, name := range []string{"json", "combined"} {
		if f, err := ParseFormat(name); err != nil || string(f) != name {
			t.Errorf("%s: %q, %v", name, f, err)
		}
	}
	for _, name := range []string{"", "JSON", "common"} {
		if _, err := ParseFormat(name); err == nil || !strings.Contains(err.Error(), "json or combined") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add("/a", "?b", "agent", "https://example.org/")
	f.Add("/\x00\n\r\t\x1f\x7f\"\\</script>", "?\xff\xc3\x28\xed\xa0\x80", "\u0085\u009b\u2028\u2029\u202e\U0001f600\U000e0001", "\xf0\x9f")
	f.Add(strings.Repeat("é", 1500), strings.Repeat("q", 3000), "{}", "\ufffd\ufeff")
	f.Fuzz(func(t *testing.T, path, query, agent, referer string) {
		e := Entry{Path: path, Query: "?" + query, UserAgent: agent, Referer: referer}
		line, end := strings.CutSuffix(lineOf(Config{Query: true}, e), "\n")
		if !end || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 || r == '\u2028' || r == '\u2029' }) {
			t.Fatalf("it holds what does not print: %q", line)
		}
		var got struct {
			Path, Query, Referer string
			Agent                string `json:"user_agent"`
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		for _, c := range []struct {
			sent, got string
			most      int
		}{
			{path, got.Path, maxAddress},
			{query, got.Query, maxAddress},
			{agent, got.Agent, maxAgent},
			{referer, got.Referer, maxAddress},
		} {
			// Each byte that is not UTF-8 becomes a character of its own.
			if want := string([]rune(clip(c.sent, c.most))); c.got != want {
				t.Errorf("%q became %q", c.sent, c.got)
			}
		}
	})
}

// combinedLine is how tools take such a line apart; no field may hold a quote or a line's end.
var combinedLine = regexp.MustCompile(`^(\S+) - - \[[^\]\n]+\] "([^"\\\n]|\\x[0-9A-F]{2})*" \d+ \d+ "(([^"\\\n]|\\x[0-9A-F]{2})*)" "(([^"\\\n]|\\x[0-9A-F]{2})*)"\n$`)

// unescaped reads \xHH.
func unescaped(s string) string {
	return regexp.MustCompile(`\\x..`).ReplaceAllStringFunc(s, func(hex string) string {
		return string([]byte{byte(strings.IndexByte(upper, hex[2])<<4 | strings.IndexByte(upper, hex[3]))})
	})
}

func FuzzCombined(f *testing.F) {
	f.Add("192.0.2.1", "/a?b", "agent", "https://example.org/")
	f.Add("a b\n", "/\x00\n\r\t\x1f\x7f\"\\", "x\"\n127.0.0.1 - - [forged]", "\xff\u0085\u2028")
	f.Fuzz(func(t *testing.T, client, path, agent, referer string) {
		e := Entry{Client: client, Method: path, Path: path, UserAgent: agent, Referer: referer}
		line := lineOf(Config{Format: Combined, Query: true}, e)
		parts := combinedLine.FindStringSubmatch(line)
		if parts == nil {
			t.Fatalf("it is not one line of fields: %q", line)
		}
		for _, c := range []struct {
			sent, got string
			most      int
		}{{client, parts[1], maxShort}, {referer, parts[3], maxAddress}, {agent, parts[5], maxAgent}} {
			if want := clip(c.sent, c.most); unescaped(c.got) != want && !(want == "" && c.got == "-") {
				t.Errorf("%q became %q", c.sent, c.got)
			}
		}
	})
}

func TestLeadingPlain_AgreesWithPlainForEveryByteAtEveryPlace(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			text := []byte(strings.Repeat("a", 20))
			text[at] = byte(c)
			want := at
			if plain(byte(c)) {
				want = 20
			}
			if got := leadingPlain(string(text)); got != want {
				t.Errorf("%#02x at %d: %d are plain, want %d", c, at, got, want)
			}
		}
	}
}
