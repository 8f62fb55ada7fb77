package projects

import (
	"strings"
	"testing"
	"time"

	"gateway/proxy/printable"
	"gateway/proxy/route"
)

func TestParseName_RefusesWithAMend(t *testing.T) {
	for _, good := range []string{"a", "robots", "e2e-robots", "a1-", strings.Repeat("a", 40)} {
		if got, err := ParseName(good); err != nil || string(got) != good {
			t.Errorf("%q: %v", good, err)
		}
	}
	for in, want := range map[string]string{
		"":                      "write robots",
		"Bad_Name":              "write bad-name",
		"1st":                   "write st",
		"-a":                    "write a",
		"a b":                   "write a-b",
		"../x":                  "write x",
		".locks":                "write locks",
		"로봇":                    "write robots",
		"gateway":               "gateway's own",
		"Gateway":               "write robots",
		strings.Repeat("a", 41): "40 is the most",
		"a\n":                   "write a",
	} {
		if got, err := ParseName(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v %v, want %q", in, got, err, want)
		}
	}
}

func TestDefaultName_ComesFromThePath(t *testing.T) {
	for path, want := range map[string]string{
		"/robots":                     "robots",
		"/e2e/folder":                 "e2e-folder",
		"/Team_Robots":                "team-robots",
		"/":                           "portfolio",
		"/%EB%A1%9C%EB%B4%87":         "portfolio",
		"/2026":                       "portfolio",
		"/~ada":                       "ada",
		"/" + strings.Repeat("a", 60): strings.Repeat("a", 40),
	} {
		prefix, err := route.ParsePrefix(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DefaultName(prefix, "portfolio"); err != nil || string(got) != want {
			t.Errorf("%s: %q %v, want %q", path, got, err, want)
		}
	}
	prefix, err := route.ParsePrefix("/gateway")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DefaultName(prefix, "portfolio"); err == nil || !strings.Contains(err.Error(), "gateway add portfolio NAME --path /gateway") {
		t.Errorf("/gateway: %v", err)
	}
}

func FuzzDefaultName(f *testing.F) {
	f.Add("/a%2Fb")
	f.Fuzz(func(t *testing.T, path string) {
		prefix, err := route.ParsePrefix(path)
		if err != nil {
			return
		}
		if name, err := DefaultName(prefix, "portfolio"); err == nil {
			if _, err := ParseName(string(name)); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestParseExpiry_ReadsSpansAndDates(t *testing.T) {
	now := time.Date(2026, 11, 20, 23, 59, 0, 0, time.FixedZone("KST", 9*3600))
	for in, want := range map[string]string{
		"90d": "2027-02-18", "2w": "2026-12-04", "6m": "2027-05-20", "1y": "2027-11-20", "1d": "2026-11-21",
		"2027-06-30": "2027-06-30", "2026-11-20": "2026-11-20",
	} {
		if got, err := ParseExpiry(in, now); err != nil || got.Format(time.DateOnly) != want || got.Location() != time.UTC {
			t.Errorf("%s: %v %v, want %s", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"":           "write 90d",
		"soon":       "write 90d",
		"12h":        "write 90d",
		"-1d":        "write 90d",
		"0d":         "at least 1",
		"2026-11-19": "is past",
		"2027-02-30": "write 90d",
		"9999y":      "after the year",
	} {
		if got, err := ParseExpiry(in, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v %v, want %q", in, got, err, want)
		}
	}
}

func FuzzParseExpiry(f *testing.F) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	f.Add("90d")
	f.Add("2027-06-30")
	f.Fuzz(func(t *testing.T, s string) {
		if end, err := ParseExpiry(s, now); err == nil && (end.Before(now.Truncate(24*time.Hour)) || end.Year() > lastYear) {
			t.Errorf("%q ends at %v", s, end)
		}
	})
}

func TestParseDocument_ReadsWhatPeopleWrite(t *testing.T) {
	doc, err := parseDocument("robots", []byte(`
name: robots
x-gateway: &meta
  template: portfolio
  owner: &owner "costs $$5"
  created: 2026-11-20
  expires: "2027-06-30"
services:
  a: {labels: {gateway.path: /a, gateway.port: 80, gateway.owner: *owner}}
  b: {labels: [gateway.path=/b, other]}
  c: {labels: {gateway.path: c}}
networks:
  web: {ipam: {config: [{subnet: 10.213.0.5/27}, {subnet: nonsense}]}}
  plain:
`))
	if err != nil {
		t.Fatal(err)
	}
	if doc.Template != "portfolio" || doc.Owner != "costs $5" || doc.Created.Day() != 20 || doc.Expires.Month() != time.June {
		t.Errorf("meta %+v", doc.Meta)
	}
	if len(doc.Claims) != 2 || doc.Claims[0].Key.String() != "/a" || doc.Claims[0].Owner != "costs $5" || doc.Claims[1].Key.String() != "/b" {
		t.Errorf("claims %+v", doc.Claims)
	}
	if len(doc.Problems) != 1 || len(doc.Subnets) != 1 || doc.Subnets[0].String() != "10.213.0.0/27" {
		t.Errorf("problems %+v, subnets %v", doc.Problems, doc.Subnets)
	}
}

func TestParseDocument_NamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"x-gateway:\n  expire: 2027-06-30\n":        "line 2: x-gateway.expire: this version does not know it",
		"x-gateway:\n  expires: next year\n":        "line 2: x-gateway.expires: \"next year\" is no date",
		"x-gateway:\n  owner: [a]\n":                "line 2: x-gateway.owner: it takes one value",
		"x-gateway: portfolio\n":                    "line 1: x-gateway takes",
		"name: other\n":                             "they have to be equal",
		"services:\n  a:\n\timage: x\n":             "line 3",
		"services:\n  a:\n    labels: {x: [1]}\n":   "line 3",
		"services:\n  a:\n    labels: gateway.path": "line 3",
	} {
		if _, err := parseDocument("robots", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"", "x-gateway:\n", "services: {}\n", "services: {a: }\n"} {
		if _, err := parseDocument("robots", []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParseDocument_ShowsNoEscapes(t *testing.T) {
	for text, want := range map[string]string{
		`x-gateway: {owner: "\e[31mred"}`:         `x-gateway.owner: "\x1b[31mred" has characters that cannot be shown`,
		`x-gateway: {template: "a\nb"}`:           `x-gateway.template: "a\nb" has characters`,
		`x-gateway: {owner: "\u202egro.elpmaxe"}`: `"\u202egro.elpmaxe"`,
		`x-gateway: {"\e[2J": x}`:                 `x-gateway.\x1b[2J: this version`,
		`name: "\e[2J"`:                           `it says name: \x1b[2J,`,
		`services: "\e[2J"`:                       `line 1: it takes keys and values`,
	} {
		if _, err := parseDocument("robots", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if doc, err := parseDocument("robots", []byte("x-gateway: {owner: 로봇 <a@example.org>}")); err != nil || doc.Owner != "로봇 <a@example.org>" {
		t.Errorf("plain text: %+v %v", doc.Meta, err)
	}
}

func FuzzParseDocument(f *testing.F) {
	f.Add([]byte("x-gateway: &a\n  owner: *a\nservices: {a: {labels: [x=1]}}"))
	f.Add([]byte(`x-gateway: {owner: "\e[2J"}`))
	f.Add([]byte("0\t0"))
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := parseDocument("robots", text)
		said := doc.Owner + doc.Template
		if err != nil {
			said = err.Error()
		}
		if said != printable.Line(said) {
			t.Errorf("%q shows %q", text, said)
		}
	})
}
