package label

import (
	"slices"
	"strings"
	"testing"
)

// TestParse_ProposesWhatCanBeFollowed applies each proposal: the value that it says to write is one that is followed.
func TestParse_ProposesWhatCanBeFollowed(t *testing.T) {
	for label, values := range map[string]map[string]string{
		Path: {
			`"/robots"`: "/robots", `'/robots'`: "/robots", "`/robots`": "/robots", `"/robots`: "/robots", "“/robots”": "/robots", `" /robots/ "`: "/robots/",
			"robots": "/robots", `"robots"`: "/robots", "robots/": "/robots", "/robots/*": "/robots", "/robots*": "/robots", "/robots/**": "/robots",
			"^/robots": "/robots", "^/robots$": "/robots", "^/robots/.*": "/robots", "~ ^/robots": "/robots", "~* /robots": "/robots", "= /robots": "/robots",
			"/robots/{rest}": "/robots", "/robots/{rest:.*}": "/robots", "/robots/:id": "/robots", "/robots/<path:rest>": "/robots", "/robots(/.*)?": "/robots",
			"/robots(/|$)(.*)": "/robots", "/robots$": "/robots", "/(robots|drones)": "/", "/robots.*": "/robots",
			"PathPrefix(`/robots`)": "/robots", "Host(`example.org`) && PathPrefix(`/robots`)": "/robots", `PathPrefix("/robots")`: "/robots", "PathPrefix:/robots": "",
			"PathPrefixStrip(/robots, /x)": "/robots", "http://example.org/robots": "/robots", "https://example.org/robots/?a=b#c": "/robots", "example.org/robots": "/robots",
			"http://example.org": "/", "/robots, /drones": "/robots", "/robots /drones": "/robots", "/my robots": "/my%20robots",
			`\robots`: "/robots", `/robots\api`: "/robots/api", "//robots": "/robots", "/robots//api": "/robots/api", "/robots/../api": "/api", "/./robots": "/robots",
			"/robots?x=1": "/robots", "/robots#top": "/robots", "/100%": "/100%25", "*": "/", "/*": "/", ".*": "/", "^/": "/", "/{tenant}/x": "/", "\x1b[31m": "", "/\x00": "",
			"/robots,/drones": "/robots", "/robots;/drones": "/robots", "(/robots|/drones)": "/robots", "[/robots]": "/robots", "['/robots', '/drones']": "/robots",
			"localhost:8080/robots": "/robots", "/robots%2Fapi": "/robots/api", "${PREFIX}": "", "$PREFIX/x": "", "{{ .Path }}": "", `""`: "",
		},
		Host: {
			`"example.org"`: "example.org", "https://example.org/x": "example.org", "example.org:8080": "example.org", "*.example.org": "example.org", "example.org/x": "example.org",
			"Host(`example.org`)": "example.org", "a.org,b.org": "a.org", "a.org b.org": "a.org", `^example\.org$`: "", "http://": "", "학교.kr": "", "_": "",
		},
		Port: {
			`"8080"`: "8080", "8080/tcp": "8080", ":8080": "8080", "80:8080": "8080", "127.0.0.1:80:8080/tcp": "8080", "8080-8090": "8080", "8080,9090": "8080", "8080 9090": "8080",
			"http": "80", "HTTPS": "443", "http://localhost:3000/x": "3000", "0": "", "99999": "", "-1": "", "app": "",
		},
		Scheme: {`"https"`: "https", "HTTP": "http", "https://": "https", "grpc": "h2c", "http/2": "h2c", "tls": "https", "ws": "http", "wss": "https", "fcgi": ""},
		Mount:  {`"strip"`: "strip", "stripprefix": "strip", "true": "strip", "false": "preserve", "Preserve": "preserve"},
		Network: {
			`"web"`: "web", "'web'": "web", "my web": "",
		},
		Expires: {
			`"2027-06-30"`: "2027-06-30", "2027/06/30": "2027-06-30", "30.6.2027": "2027-06-30", "2027-6-3": "2027-06-03", "20270630": "2027-06-30",
			"June 30, 2027": "2027-06-30", "2027-06-30T00:00:00Z": "2027-06-30", "2027-02-30": "", "soon": "",
		},
		Balance: {`"sticky"`: "sticky", "roundrobin": "round-robin", "rr": "round-robin", "P2C": "p2c", "cookie": "sticky", "maglev": ""},
		Drain: {
			"30": "30s", `"30s"`: "30s", "30 s": "30s", "30sec": "30s", "30 seconds": "30s", "5 minutes": "5m", "1m 30s": "1m30s", "PT30S": "30s", "0.5h": "", "1H": "1h", "30S": "30s",
			"1d": "", "0": "", "99999": "", "-5s": "", "1ms": "", "100h": "",
		},
		Idle: {
			"30 minutes": "30m", `"1h"`: "1h", "2d": "48h", "30": "30s", "0": "never", "off": "never", "Never": "never", "1s": "", "1000h": "", "soon": "",
		},
		HealthInterval: {"10": "10s", `'10s'`: "10s"},
		HealthTimeout:  {"500": "500ms", "5": "5s"},
		HealthRise:     {`"2"`: "2", "3x": "3", "3 times": "3", "101": "100", "0": "", "2.0": "2", "-2": "", "+2": "2"},
		HealthPath: {
			`"/health"`: "/health", "health": "/health", "http://localhost:8080/health": "/health", "/a b": "/a%20b", "/health#x": "/health", "GET /health": "", "/100%": "/100%25",
		},
		Rate: {
			`"10/s"`: "10/s", "10r/s": "10/s", "10/sec": "10/s", "10/second": "10/s", "10 per minute": "10/m", "10": "10/s", "10rps": "10/s", "600/min": "600/m", "10/s burst=20": "10/s,burst=20",
			"10/s,20": "10/s", "10 / s": "10/s", "10req/s": "10/s", "0/s": "", "10/d": "", "many": "",
		},
		BodyMax: {
			`"10MB"`: "10MB", "10m": "10MB", "10mb": "10MB", "10M": "10MB", "10mib": "10MiB", "1.5GB": "1500MB", "1,5 GB": "1500MB", "10 bytes": "10B", "10k": "10KB", "2t": "",
			"0": "", "-1": "", "unlimited": "",
		},
	} {
		for value, want := range values {
			labels := map[string]string{Path: "/x", HealthPath: "/health", label: value}
			claims, problems := Parse(labels)
			if strings.TrimSpace(value) == "0.5h" && len(problems) == 0 {
				continue
			}
			if len(claims) != 0 || len(problems) != 1 || problems[0].Label != label {
				t.Errorf("%s=%q: claims %+v, problems %+v", label, value, claims, problems)
				continue
			}
			fix := problems[0].Fix
			word, _, _ := strings.Cut(strings.TrimPrefix(fix, "write "), " ")
			word = strings.TrimSuffix(strings.TrimSuffix(word, ","), ";")
			labels[label] = word
			claims, problems = Parse(labels)
			applied := len(problems) == 0 && len(claims) == 1
			if want != "" && (word != want || !applied) {
				t.Errorf("%s=%q: %q, want %s (%+v)", label, value, fix, want, problems)
			}
			if strings.ContainsAny(word, "\"'`\\") || !applied && !slices.ContainsFunc([]string{"such as", "that", "the ", "names", "http, https or h2c", "p2c, round-robin or sticky", "remove", "or less", "or more"}, func(s string) bool { return strings.Contains(fix, s) }) {
				t.Errorf("%s=%q: the proposal %q cannot be followed", label, value, fix)
			}
		}
	}
}

func TestParse_TakesWhatIsNoPattern(t *testing.T) {
	for _, path := range []string{"/robots", "/wiki/Foo_(bar)", "/a$b", "/c++", "/%2A", "/a:b", "/it's", "/a;b", "/a.b"} {
		if claims, problems := Parse(map[string]string{Path: path}); len(claims) != 1 {
			t.Errorf("%s: %+v", path, problems)
		}
	}
}
