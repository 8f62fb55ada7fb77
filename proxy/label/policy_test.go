package label

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"gateway/proxy/route"
)

// policy parses labels beside a path, of which nothing may be wrong.
func policy(t *testing.T, labels map[string]string) route.Policy {
	t.Helper()
	labels[Path] = "/x"
	claims, problems := Parse(labels)
	if len(claims) != 1 || len(problems) != 0 {
		t.Fatalf("%v: got %+v, %+v", labels, claims, problems)
	}
	return claims[0].Policy
}

func TestParse_ReadsThePolicy(t *testing.T) {
	check := route.Check{Path: "/health", Interval: 10 * time.Second, Timeout: 5 * time.Second, Rise: 2, Fall: 3}
	tests := []struct {
		label, value string
		want         route.Policy
	}{
		{Balance, "p2c", route.Policy{}},
		{Balance, "round-robin", route.Policy{Balance: route.RoundRobin}},
		{Balance, " sticky ", route.Policy{Balance: route.Sticky}},
		{Drain, "1m30s", route.Policy{Drain: 90 * time.Second}},
		{Drain, "1s", route.Policy{Drain: time.Second}},
		{Drain, "1h", route.Policy{Drain: time.Hour}},
		{Idle, "30m", route.Policy{Idle: 30 * time.Minute}},
		{Idle, "10s", route.Policy{Idle: 10 * time.Second}},
		{Idle, "720h", route.Policy{Idle: 720 * time.Hour}},
		{Idle, "never", route.Policy{}},
		{Rate, "10/s", route.Policy{Rate: route.Rate{Requests: 10, Per: time.Second, Burst: 10}}},
		{Rate, "600/m", route.Policy{Rate: route.Rate{Requests: 600, Per: time.Minute, Burst: 10}}},
		{Rate, "61/m", route.Policy{Rate: route.Rate{Requests: 61, Per: time.Minute, Burst: 2}}},
		{Rate, "3/h", route.Policy{Rate: route.Rate{Requests: 3, Per: time.Hour, Burst: 1}}},
		{Rate, "1000000/s", route.Policy{Rate: route.Rate{Requests: 1e6, Per: time.Second, Burst: 1e6}}},
		{Rate, "10/s,burst=20", route.Policy{Rate: route.Rate{Requests: 10, Per: time.Second, Burst: 20}}},
		{Rate, "10/s , burst=1", route.Policy{Rate: route.Rate{Requests: 10, Per: time.Second, Burst: 1}}},
		{BodyMax, "1", route.Policy{BodyMax: 1}},
		{BodyMax, "7B", route.Policy{BodyMax: 7}},
		{BodyMax, "10kB", route.Policy{BodyMax: 10_000}},
		{BodyMax, "10KB", route.Policy{BodyMax: 10_000}},
		{BodyMax, "10MB", route.Policy{BodyMax: 10_000_000}},
		{BodyMax, "10 MB", route.Policy{BodyMax: 10_000_000}},
		{BodyMax, "512KiB", route.Policy{BodyMax: 512 << 10}},
		{BodyMax, "3MiB", route.Policy{BodyMax: 3 << 20}},
		{BodyMax, "3GB", route.Policy{BodyMax: 3_000_000_000}},
		{BodyMax, "2GiB", route.Policy{BodyMax: 2 << 30}},
		{BodyMax, "1TB", route.Policy{BodyMax: 1_000_000_000_000}},
		{BodyMax, "1TiB", route.Policy{BodyMax: 1 << 40}},
		{HealthPath, "/health", route.Policy{Check: check}},
	}
	for _, tt := range tests {
		if got := policy(t, map[string]string{tt.label: tt.value}); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s=%s: got %+v, want %+v", tt.label, tt.value, got, tt.want)
		}
	}
}

func TestParse_ReadsTheCheckInAnyOrder(t *testing.T) {
	for _, path := range []string{"/", "/health", "//x", "/a%20b?deep=1&x=/", "/" + strings.Repeat("x", maxCheckPath-1)} {
		got := policy(t, map[string]string{
			HealthFall: "7", HealthInterval: "1s", HealthPath: path, HealthRise: "100", HealthStart: "3m", HealthTimeout: "1m",
		})
		want := route.Check{Path: path, Interval: time.Second, Timeout: time.Minute, Rise: 100, Fall: 7, Start: 3 * time.Minute}
		if got.Check != want {
			t.Errorf("got %+v", got.Check)
		}
	}
}

func TestParse_ReadsThePolicyOfFurtherRoutes(t *testing.T) {
	claims, problems := Parse(map[string]string{
		Path: "/a", Balance: "sticky", HealthPath: "/up",
		"gateway.routes.api.path": "/b", "gateway.routes.api.health.path": "/live", "gateway.routes.api.health.timeout": "2s",
		"gateway.routes.api.body.max": "1MB", "gateway.routes.api.lb": "round-robin",
	})
	if len(claims) != 2 || len(problems) != 0 {
		t.Fatalf("got %+v, %+v", claims, problems)
	}
	want := []route.Policy{
		{Balance: route.Sticky, Check: route.Check{Path: "/up", Interval: 10 * time.Second, Timeout: 5 * time.Second, Rise: 2, Fall: 3}},
		{
			Balance: route.RoundRobin, BodyMax: 1e6,
			Check: route.Check{Path: "/live", Interval: 10 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3},
		},
	}
	if got := []route.Policy{claims[0].Policy, claims[1].Policy}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestParse_ReadsWhetherAnAppSpeaksForItsOrigin(t *testing.T) {
	for value, want := range map[string]bool{"keep": true, "drop": false} {
		if got := policy(t, map[string]string{Origin: value}); got.KeepOrigin != want {
			t.Errorf("%s: %v", value, got.KeepOrigin)
		}
	}
	refuses(t, []refusal{
		{Origin, "", "drop or keep", "write drop or keep"},
		{Origin, "true", "drop or keep", "write drop or keep"},
		{Origin, "Keep", "drop or keep", "write keep"},
	})
}

// refusal is a value, the rule that it breaks and what is to be written instead.
type refusal struct{ label, value, message, fix string }

func TestParse_TellsRuleAndFixOfChecks(t *testing.T) {
	refuses(t, []refusal{
		{Balance, "", "p2c, round-robin or sticky", "write p2c, round-robin or sticky"},
		{Balance, "roundrobin", "not known to this version", "write round-robin"},
		{Balance, "P2C", "not known to this version", "write p2c"},
		{Balance, "leastconn", "not known to this version", "write p2c"},
		{HealthPath, "", "it is empty", "such as /health"},
		{HealthPath, "health", "start with a slash", "write /health"},
		{HealthPath, "http://localhost:8080/up?x", "start with a slash", "write /up?x"},
		{HealthPath, "http://localhost", "start with a slash", "such as /health"},
		{HealthPath, "/a b", `' ' in its escaped form, %20`, "write /a%20b"},
		{HealthPath, "/a\r\nX: y", `'\r' in its escaped form, %0D`, "write /a"},
		{HealthPath, "/a#b", `'#' in its escaped form, %23`, "write /a"},
		{HealthPath, "/학교", "outside of ASCII", "such as /health"},
		{HealthPath, "/100%", "percent sign", "write /100%25"},
		{HealthPath, "/" + strings.Repeat("x", maxCheckPath), "255 is the most", "such as /health"},
		{HealthInterval, "999ms", "1s is the least", "write 1s or more"},
		{HealthInterval, "0", "1s is the least", "write 1s or more"},
		{HealthInterval, "-5s", "1s is the least", "write 1s or more"},
		{HealthInterval, "61m", "1h is the most", "write 1h or less"},
		{HealthInterval, "10", "numbers with units", "write 10s for seconds"},
		{HealthInterval, "1d", "knows no days", "30s or 1m30s"},
		{HealthInterval, "", "numbers with units", "30s or 1m30s"},
		{HealthInterval, "99999999999h", "numbers with units", "30s or 1m30s"},
		{HealthTimeout, "1ms", "100ms is the least", "write 100ms or more"},
		{HealthTimeout, "61s", "1m is the most", "write 1m or less"},
		{HealthStart, "90", "numbers with units", "write 90s for seconds"},
		{HealthStart, "2h", "1h is the most", "write 1h or less"},
		{HealthRise, "0", "from 1 to 100", "such as 3"},
		{HealthFall, "101", "from 1 to 100", "write 100"},
		{HealthFall, "-1", "from 1 to 100", "such as 3"},
		{HealthFall, "3.0", "from 1 to 100", "write 3"},
	})
}

func TestParse_TellsRuleAndFixOfPolicies(t *testing.T) {
	refuses(t, []refusal{
		{Drain, "0s", "1s is the least", "write 1s or more"},
		{Drain, "2h", "1h is the most", "write 1h or less"},
		{Drain, "7 days", "knows no days", "30s or 1m30s"},
		{Rate, "", "is no rate", "such as 10/s"},
		{Rate, "10", "is no rate", "write 10/s"},
		{Rate, "0/s", "is no rate", "such as 10/s"},
		{Rate, "-1/s", "is no rate", "such as 10/s"},
		{Rate, "1000001/s", "from 1 to 1000000", "such as 10/s"},
		{Rate, "10/d", "s, m or h", "such as 10/s"},
		{Rate, "10r/s", "is no rate", "write 10/s"},
		{Rate, "10 / min", "is no rate", "write 10/m"},
		{Rate, "10/s,", "after the comma", "write 10/s, or 10/s,burst=20"},
		{Rate, "10/s,burst=0", "after the comma", "write 10/s"},
		{Rate, "10/s,burst=5,burst=6", "after the comma", "write 10/s, or 10/s,burst=20"},
		{Rate, "10/s,delay=3", "after the comma", "write 10/s, or 10/s,burst=20"},
		{BodyMax, "", "is no size", "such as 10MB"},
		{BodyMax, "0", "at least one byte", "such as 10MB"},
		{BodyMax, "-1", "is no size", "such as 10MB"},
		{BodyMax, "1.5GB", "a whole number", "write 1500MB"},
		{BodyMax, "10m", "is no size", "write 10MB or 10MiB"},
		{BodyMax, "10mb", "is no size", "write 10MB"},
		{BodyMax, "10Mbit", "is no size", "such as 10MB"},
		{BodyMax, "1025GiB", "1TiB is the most", "1TiB or less"},
		{BodyMax, "9223372036854775807GiB", "is no size", "such as 10MB"},
	})
}

// refuses holds that each value is the one problem of its route, and leaves the other route alone.
func refuses(t *testing.T, tests []refusal) {
	t.Helper()
	for _, tt := range tests {
		labels := map[string]string{Path: "/x", HealthPath: "/up", "gateway.routes.other.path": "/other"}
		labels[tt.label] = tt.value
		claims, problems := Parse(labels)
		if len(claims) != 1 || claims[0].Name != "other" || len(problems) != 1 {
			t.Errorf("%s=%q: got %+v, %+v", tt.label, tt.value, claims, problems)
			continue
		}
		p := problems[0]
		if p.Label != tt.label || p.Route != "/x" || !strings.HasPrefix(p.Message, tt.label+": ") ||
			!strings.Contains(p.Message, tt.message) || !strings.Contains(p.Fix, tt.fix) {
			t.Errorf("%s=%q: got %+v", tt.label, tt.value, p)
		}
		bounded(t, problems)
	}
}

func TestParse_WantsWhatToCheck(t *testing.T) {
	for _, name := range []string{"interval", "timeout", "rise", "fall"} {
		value := "10"
		if name == "interval" || name == "timeout" {
			value = "10s"
		}
		claims, problems := Parse(map[string]string{
			Path: "/a", HealthPath: "/up", "gateway.routes.x.path": "/b", "gateway.routes.x.health." + name: value,
		})
		if len(claims) != 1 || claims[0].Name != "" || len(problems) != 1 {
			t.Fatalf("%s: got %+v, %+v", name, claims, problems)
		}
		p := problems[0]
		if p.Label != "gateway.routes.x.health."+name || p.Route != "/b" || !strings.Contains(p.Fix, "add gateway.routes.x.health.path") {
			t.Errorf("%s: got %+v", name, p)
		}
	}
	if _, problems := Parse(map[string]string{Path: "/a", HealthPath: "up", HealthRise: "2"}); len(problems) != 1 || problems[0].Label != HealthPath {
		t.Errorf("a bad path: got %+v", problems)
	}
}

func TestParse_GuessesMisspeltPolicies(t *testing.T) {
	for label, fix := range map[string]string{
		"gateway.loadbalancer": "write gateway.lb ", "gateway.health": "write gateway.health.path ",
		"gateway.heath.path": "write gateway.health.path ", "gateway.health.intervall": "write gateway.health.interval ",
		"gateway.routes.x.healthcheck.path": "write gateway.routes.x.health.path ", "gateway.drian": "write gateway.drain ",
		"gateway.ratelimit": "write gateway.rate ", "gateway.bodymax": "write gateway.body.max ", "gateway.body.maximum": "upgrade the gateway",
		"gateway.Health.Path": "write gateway.health.path ",
	} {
		_, problems := Parse(map[string]string{label: "1", Path: "/a", "gateway.routes.x.path": "/b"})
		if len(problems) != 1 || !strings.Contains(problems[0].Fix, fix) {
			t.Errorf("%s: got %+v", label, problems)
		}
	}
}

// FuzzPolicy holds that what a policy says stays in its bounds, whatever the labels are.
func FuzzPolicy(f *testing.F) {
	for _, value := range []string{
		"/health?x=1", "//", "http://a/b", "1m30s", "1h", "1e3s", "10/s,burst=20", "010/m, burst=01", "1/h", "512KiB", "1TiB", "1e9999", "100", "0x1",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, label := range []string{Drain, Rate, BodyMax, HealthFall, HealthInterval, HealthPath} {
			claims, problems := Parse(map[string]string{Path: "/x", HealthPath: "/up", label: value})
			bounded(t, problems)
			if len(claims)+len(problems) != 1 {
				t.Fatalf("%s=%q: got %+v, %+v", label, value, claims, problems)
			}
			if len(problems) == 1 {
				continue
			}
			p := claims[0].Policy
			if p.Drain < 0 || p.Drain > mostDrain || p.BodyMax < 0 || p.BodyMax > mostBody ||
				p.Check.Interval < leastInterval || p.Check.Interval > mostInterval || p.Check.Fall < 1 || p.Check.Fall > mostInARow ||
				p.Rate != (route.Rate{}) && (p.Rate.Burst < 1 || p.Rate.Requests < 1 || p.Rate.Per < time.Second) ||
				label == HealthPath && (checkPath(p.Check.Path) != nil || p.Check.Path == "") {
				t.Fatalf("%s=%q: got %+v", label, value, p)
			}
		}
	})
}

func TestParse_ReadsResponseFields(t *testing.T) {
	csp := strings.Repeat("x", maxHeader)
	got := policy(t, map[string]string{
		ResponseHeader + "Content-Security-Policy": csp, ResponseHeader + "Server": "", ResponseHeader + "X-Robots-Tag": "+ noindex ", Compress: "on",
	})
	want := route.Policy{Compress: true, ResponseHeaders: []route.HeaderEdit{
		{Name: "Content-Security-Policy", Value: csp}, {Name: "Server"}, {Name: "X-Robots-Tag", Value: "noindex", Add: true},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if policy(t, map[string]string{Compress: "off"}).Compress {
		t.Error("off is on")
	}
	refuses(t, []refusal{
		{Compress, "", "on or off", "write on or off"},
		{Compress, "true", "on or off", "write on"},
		{Compress, "gzip", "on or off", "write on"},
		{ResponseHeader + "X-A", "a\r\nSet-Cookie: b", "visible ASCII", "one line"},
		{ResponseHeader + "X-A", "학교", "visible ASCII", "one line"},
		{ResponseHeader + "X-A", "+", "nothing behind", "write the value"},
		{ResponseHeader + "X-A", csp + "x", "4096 is the most", "shorter"},
		{ResponseHeader + "X A", "a", "no name of a field", "such as"},
		{ResponseHeader, "a", "no name of a field", "such as"},
		{ResponseHeader + "Host", "a", "how the response is sent", "remove the label"},
		{ResponseHeader + "content-length", "1", "how the response is sent", "remove the label"},
		{ResponseHeader + "Transfer-Encoding", "chunked", "how the response is sent", "remove the label"},
		{ResponseHeader + "Connection", "close", "how the response is sent", "remove the label"},
		{ResponseHeader + "Content-Encoding", "gzip", "how the response is sent", "remove the label"},
		{ResponseHeader + "X-Forwarded-For", "192.0.2.1", "gateway alone", "remove the label"},
		{ResponseHeader + "x_request_id", "a", "gateway alone", "remove the label"},
		{ResponseHeader + "Set-Cookie", "a=b", "the app's", "remove the label"},
		{ResponseHeader + "Strict-Transport-Security", "max-age=1", "whole host", "gateway.headers.origin=keep"},
		{ResponseHeader + "Service-Worker-Allowed", "/", "whole host", "gateway.headers.origin=keep"},
	})
	for _, labels := range []map[string]string{
		{Path: "/", ResponseHeader + "Strict-Transport-Security": "max-age=1"},
		{Path: "/x", Origin: "keep", ResponseHeader + "Strict-Transport-Security": "max-age=1"},
		{Path: "/x", ResponseHeader + "Strict-Transport-Security": ""},
	} {
		if claims, problems := Parse(labels); len(claims) != 1 || len(problems) > 0 {
			t.Errorf("%v: %+v", labels, problems)
		}
	}
	if _, problems := Parse(map[string]string{Path: "/x", ResponseHeader + "X-A": "1", ResponseHeader + "x-a": "2"}); len(problems) != 1 || !strings.Contains(problems[0].Message, "is set already") {
		t.Errorf("twice: %+v", problems)
	}
}
