package file

import (
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"gateway/proxy/route"
)

func TestParse_TakesTheOptionsOfLabels(t *testing.T) {
	p, bad := parse([]byte(`
x-defaults: &defaults
  owner: ada@example.org
routes:
  home:
    host: home.example.org
    path: /
    mount: preserve
    targets:
      - http://192.0.2.6:8123/
      - HTTPS://nas.Local
      - h2c://[2001:db8::1]:50051
    health: {path: /health, interval: 5s}
    body.max: 10MB
    rate: 10/s
    compress: on
    headers:
      response.X-Frame-Options: DENY
    expires: 2027-06-30
    lb: sticky
  old:
    path: /old
    redirect: /notes
`))
	if bad != nil || len(p.faults) != 0 || len(p.entries) != 2 {
		t.Fatalf("%+v, %+v", p, bad)
	}
	home := p.entries[0]
	c := home.claim
	if home.name != "home" || home.line != 5 || c.Key.String() != "home.example.org/" || c.Mount != route.Preserve {
		t.Errorf("%+v", home)
	}
	if c.Policy.Check.Path != "/health" || c.Policy.Check.Interval != 5*time.Second || c.Policy.BodyMax != 10_000_000 ||
		c.Policy.Rate.Requests != 10 || !c.Policy.Compress || c.Policy.Balance != route.Sticky || len(c.Policy.ResponseHeaders) != 1 ||
		c.Expires.Format(time.DateOnly) != "2027-06-30" {
		t.Errorf("%+v", c)
	}
	want := []target{
		{"http://192.0.2.6:8123", "192.0.2.6:8123", route.HTTP},
		{"HTTPS://nas.Local", "nas.local:443", route.HTTPS},
		{"h2c://[2001:db8::1]:50051", "[2001:db8::1]:50051", route.H2C},
	}
	for i, target := range home.targets {
		if target != want[i] {
			t.Errorf("target %+v, want %+v", target, want[i])
		}
	}
	if old := p.entries[1]; old.claim.Policy.Redirect != "/notes" || len(old.targets) != 0 {
		t.Errorf("%+v", old)
	}
}

func TestParse_ReadsFilesWithoutRoutes(t *testing.T) {
	for _, text := range []string{"", "\n# nothing yet\n", "---\n", "routes:\n", "routes: {}\n", "x-a: 1\n"} {
		if p, bad := parse([]byte(text)); bad != nil || len(p.entries)+len(p.faults) != 0 {
			t.Errorf("%q: %+v, %+v", text, p, bad)
		}
	}
}

func TestParse_RefusesFilesThatItCannotRead(t *testing.T) {
	for text, want := range map[string]fault{
		"routes: [":                                    {line: 1, message: "not valid YAML"},
		"\nroutes:\n\tnas: {}\n":                       {line: 3, message: "not valid YAML"},
		"- routes\n":                                   {line: 1, message: "it has no routes"},
		"routes: [nas]\n":                              {line: 1, message: "routes is no mapping"},
		"http:\n  routers: {}\n":                       {line: 1, message: `"http" is not known`},
		"routes: {}\nroutes: {}\n":                     {line: 2, message: "twice"},
		strings.Repeat("#", maxBytes+1):                {line: 1, message: "bytes"},
		"routes:\n" + strings.Repeat("  a: 1\n", 2000): {line: 2, message: "2000 routes"},
	} {
		_, bad := parse([]byte(text))
		if bad == nil || bad.line != want.line || !strings.Contains(bad.message, want.message) || bad.fix == "" {
			t.Errorf("%.40q: %+v, want %+v", text, bad, want)
		}
	}
}

func TestParse_NamesTheLineOfAFault(t *testing.T) {
	const path = "    path: /nas\n"
	const to = "    target: http://192.0.2.5\n"
	for text, want := range map[string]struct {
		line       int
		part, hint string
	}{
		path + to + "    rtae: 10/s\n":                                    {5, `"rtae" is not known`, "write rate"},
		path + to + "    health:\n      interval: 5s\n":                   {6, "health.interval", "add health.path"},
		path + to + "    compress: maybe\n":                               {5, "compress", ""},
		path + to + "    network: web\n":                                  {5, "containers alone", "remove it"},
		path + to + "    port: 8080\n":                                    {5, "containers alone", "into the target"},
		path + to + "    scheme: https\n":                                 {5, "containers alone", "https://"},
		path + to + "    idle: 30m\n":                                     {5, "containers alone", ""},
		path + to + "    path: /b\n":                                      {5, "path is there twice", ""},
		path + to + "    rate: [1, 2]\n":                                  {5, "rate is a list", ""},
		path + to + "    targets: [http://192.0.2.6]\n":                   {5, "both target and targets", ""},
		path + to + "    redirect: /x\n":                                  {2, "a redirect and targets", ""},
		path:                                                              {2, "no target", "add target"},
		to:                                                                {2, "there is no path", "add path"},
		"    path: nas\n" + to:                                            {3, "path", "/nas"},
		path + "    target: 192.0.2.5:80\n":                               {4, "no URL", "http://"},
		path + "    target: ftp://192.0.2.5\n":                            {4, "scheme", ""},
		path + "    target: http://192.0.2.5/app\n":                       {4, "more than a scheme", ""},
		path + "    target: http://ada:secret@192.0.2.5\n":                {4, "user name", ""},
		path + "    target: http://192.0.2.5:99999\n":                     {4, "99999", ""},
		path + "    target: http://0.0.0.0\n":                             {4, "no machine", ""},
		path + "    targets: [http://192.0.2.5, 'http://192.0.2.5:80']\n": {4, "twice", ""},
		path + "    target:\n":                                            {4, "no URL", ""},
		"    a: {b: {c: {d: {e: 1}}}}\n":                                  {3, "nested", ""},
	} {
		p, bad := parse([]byte("routes:\n  nas:\n" + text))
		if bad != nil || len(p.entries) != 0 || len(p.faults) == 0 {
			t.Errorf("%q: %+v, %+v", text, p, bad)
			continue
		}
		f := p.faults[0]
		if f.line != want.line || f.name != "nas" || !strings.Contains(f.message, want.part) || !strings.Contains(f.fix, want.hint) || f.fix == "" {
			t.Errorf("%q: %+v, want %+v", text, f, want)
		}
		if strings.Contains(f.message, "secret") {
			t.Errorf("%q tells a password: %s", text, f.message)
		}
	}
}

func TestParse_NamesRoutes(t *testing.T) {
	const body = ": {path: /x, target: 'http://192.0.2.5'}\n"
	for name, want := range map[string]string{"Nas": "names no route", "a/b": "names no route", strings.Repeat("n", 64): "names no route"} {
		p, bad := parse([]byte("routes:\n  " + name + body))
		if bad != nil || len(p.faults) != 1 || !strings.Contains(p.faults[0].message, want) {
			t.Errorf("%s: %+v, %+v", name, p, bad)
		}
	}
	p, bad := parse([]byte("routes:\n  a" + body + "  b: 5\n  a" + body))
	if bad != nil || len(p.entries) != 1 || len(p.faults) != 2 || p.faults[0].line != 3 || p.faults[1].line != 4 {
		t.Errorf("%+v, %+v", p, bad)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("routes:\n  nas:\n    path: /nas\n    target: http://192.0.2.5:5000\n    health: {path: /x}\n")
	f.Add("a: &a [*a]\n")
	f.Add("routes: &r {a: *r}\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, bad := parse([]byte(text))
		if bad != nil && (bad.message == "" || bad.fix == "" || bad.line < 1) {
			t.Errorf("fault %+v", bad)
		}
		for _, fault := range p.faults {
			if fault.message == "" || fault.fix == "" || fault.line < 1 {
				t.Errorf("fault %+v", fault)
			}
		}
		for _, e := range p.entries {
			if made("file", "f.yaml", e).Key.Prefix.String() == "" {
				t.Errorf("an entry without a path: %+v", e)
			}
		}
	})
}

func TestParse_TakesTheOptionsOfTLS(t *testing.T) {
	block, _ := pem.Decode([]byte(clientCA))
	if block == nil {
		t.Fatal("the certificate of the test cannot be read")
	}
	for _, indent := range []string{"    tls.redirect: off\n    tls.client: |\n      ", "    tls:\n      redirect: off\n      client: |\n        "} {
		depth := indent[strings.LastIndexByte(indent, '\n')+1:]
		p, bad := parse([]byte("routes:\n  admin:\n    host: admin.example.org\n    path: /\n    target: http://192.0.2.6\n" +
			indent + strings.ReplaceAll(strings.TrimSpace(clientCA), "\n", "\n"+depth) + "\n"))
		if bad != nil || len(p.faults) != 0 || len(p.entries) != 1 {
			t.Fatalf("%+v, %+v", p, bad)
		}
		if got := p.entries[0].claim.Policy; got.ClientCA != clientCA || !got.PlainHTTP {
			t.Errorf("%+v", got)
		}
	}
}

// clientCA is the certificate of an authority.
const clientCA = `-----BEGIN CERTIFICATE-----
MIIBOjCB7aADAgECAhQ+tuBG84lfhr4x0ET5eG6e/qrGtjAFBgMrZXAwEjEQMA4G
A1UEAwwHY2xpZW50czAgFw0yNjExMzAxNDExNTFaGA8yMTI2MTEwNjE0MTE1MVow
EjEQMA4GA1UEAwwHY2xpZW50czAqMAUGAytlcAMhAAsOvhrtUvxBh6hPNq6zVlFv
Dh4JndFmBJNEYPMzd2fNo1MwUTAdBgNVHQ4EFgQU5M/LQiMy4SdAyaHabwUmlw6a
kOUwHwYDVR0jBBgwFoAU5M/LQiMy4SdAyaHabwUmlw6akOUwDwYDVR0TAQH/BAUw
AwEB/zAFBgMrZXADQQCGcME2EMhMZNVWiayiOUDyO1T5IfvycymrcWxzP+srVUb2
xcJO+I8BqaMpF3S/Uy9qQwODOYbEH643Ddx/BJwI
-----END CERTIFICATE-----
`
