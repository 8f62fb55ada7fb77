package tui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"

	"gateway/proxy/admin"
)

func TestFormat_IsShortAndRound(t *testing.T) {
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, c := range []struct{ got, want string }{
		{formatRate(0), "0"},
		{formatRate(0.04), "0"},
		{formatRate(0.06), "0.1"},
		{formatRate(99.96), "100"},
		{formatRate(12345), "12.3k"},
		{formatMillis(0), "–"},
		{formatMillis(0.02), "0.1ms"},
		{formatMillis(9.96), "10ms"},
		{formatMillis(999.6), "1.0s"},
		{formatMillis(99_960), "2m"},
		{formatCount(9999), "9999"},
		{formatCount(999_999), "1.0M"},
		{formatCount(123_456), "123k"},
		{formatBytes(999), "999 B"},
		{formatBytes(-1), "0 B"},
		{formatBytes(1_500_000), "1.5 MB"},
		{formatBytes(999_999), "1.0 MB"},
		{formatAge(-time.Second), "0 s"},
		{formatAge(59 * time.Second), "59 s"},
		{formatAge(time.Hour), "1 h"},
		{formatAge(49 * time.Hour), "2 d"},
		{formatExpiry(time.Time{}, noon), "–"},
		{formatExpiry(day("2026-11-20"), noon), "expired"},
		{formatExpiry(day("2026-11-21"), noon), "today"},
		{formatExpiry(day("2026-11-22"), noon), "1 d"},
		{formatExpiry(day("2027-11-22"), noon), "12 mo"},
		{formatExpiry(day("2036-11-22"), noon), "10 y"},
		{readable("/%EC%82%AC%EC%A7%84/%2Fa%20b"), "/사진/%2Fa%20b"},
		{readable("/%EC%82"), "/%EC%82"},
		{readable("/%E2%80%AE"), "/%E2%80%AE"},
		{cut("사진부", 4), "사…"},
		{pad("사진", 6, true), "  사진"},
		{clean("a\x1b[31mb\tc\x00"), `a\x1b[31mb\tc\x00`},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// The end date is a day on the user's calendar, whatever the hour is elsewhere.
func TestDaysLeft_CountsDaysOfTheUser(t *testing.T) {
	seoul := time.FixedZone("KST", 9*3600)
	end := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	if got := daysLeft(end, time.Date(2026, 11, 21, 23, 30, 0, 0, seoul)); got != 0 {
		t.Errorf("in the last hour of the last day %d days are left, want 0", got)
	}
	if got := daysLeft(end, time.Date(2026, 11, 22, 0, 30, 0, 0, seoul)); got != -1 {
		t.Errorf("in the first hour after it %d days are left, want -1", got)
	}
}

func TestPublicURL_IsWhereClientsGo(t *testing.T) {
	for _, c := range []struct {
		listeners        []string
		site, host, path string
		want             string
	}{
		{nil, "", "", "/robots", "http://localhost/robots/"},
		{[]string{"unix:///run/gateway/admin.sock", "http://[::]:80"}, "", "", "/", "http://localhost/"},
		{[]string{"http://127.0.0.1:9180", "http://[::]:8080"}, "", "", "/a", "http://localhost:8080/a/"},
		{[]string{"http://0.0.0.0:8080", "http://0.0.0.0:80"}, "", "", "/a", "http://localhost/a/"},
		{[]string{"http://127.0.0.1:8080"}, "", "", "/a", "http://localhost:8080/a/"},
		{[]string{"http://192.0.2.7:8080"}, "", "", "/a", "http://192.0.2.7:8080/a/"},
		{[]string{"http://[2001:db8::1]:80"}, "localhost", "", "/a", "http://[2001:db8::1]/a/"},
		{[]string{"https://[::]:443"}, "", "example.org", "/a/b", "https://example.org/a/b/"},
		{[]string{"http://[::]:8080"}, "server.local", "", "/a", "http://server.local:8080/a/"},
		{[]string{"http://[::]:8080"}, "server.local", "shop.example.org", "/", "http://shop.example.org:8080/"},
		{[]string{"::bad", "http://[::]:8081"}, "", "", "/a", "http://localhost:8081/a/"},
	} {
		if got := PublicURL(c.listeners, c.site, c.host, c.path); got != c.want {
			t.Errorf("PublicURL(%q, %q, %q, %q) = %s, want %s", c.listeners, c.site, c.host, c.path, got, c.want)
		}
	}
}

func TestMatches_TakesEveryWordAsAPart(t *testing.T) {
	r := testRoute("/blog", "club", "wordpress", "unhealthy", seen{0, 0, 0})
	r.Owner = "Mina"
	for filter, want := range map[string]bool{
		"": true, "BLO": true, "club/word": true, "blog mina": true, "unhealthy": true, "blog nobody": false, "x": false,
	} {
		if got := Matches(&r, filter); got != want {
			t.Errorf("Matches(%q) = %v", filter, got)
		}
	}
}

func TestClip_SaysHowMuchIsMissing(t *testing.T) {
	for _, c := range []struct {
		text          string
		width, height int
		want          []string
	}{
		{"a\nb\nc\n", 10, 3, []string{"a", "b", "c"}},
		{"a\nb\nc\n", 10, 2, []string{"a", "… and 2 m…"}},
		{"사진부", 5, 2, []string{"사진…"}},
	} {
		if got := Clip(c.text, c.width, c.height); !slices.Equal(got, c.want) {
			t.Errorf("Clip(%q) = %q, want %q", c.text, got, c.want)
		}
	}
}

func FuzzClean_LeavesOneLine(f *testing.F) {
	for _, seed := range []string{"plain", "\x1b[31mred", "\x1b]0;t\x07x", "사진\u200b", "\xff\xfe", "a\nb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if again := clean(got); again != got {
			t.Errorf("clean is not done at once: %q, then %q", got, again)
		}
		if lines := lipgloss.Height(got); lines != 1 {
			t.Errorf("%q has %d lines", got, lines)
		}
	})
}

func TestWarnings_CompareWithTheGivenClock(t *testing.T) {
	status := testStatus()
	if got := Warnings(&status, noon); len(got) != 0 {
		t.Errorf("all is well and it warns: %q", got)
	}
	if got := Warnings(&status, noon.Add(admin.AgentLost)); len(got) != 1 {
		t.Errorf("the agent is silent and it warns: %q", got)
	}
	status.Sources[0].Agent.Expiry = &admin.Expiry{Daily: "04:00 UTC"}
	if got := Warnings(&status, noon); len(got) != 0 {
		t.Errorf("expired projects are looked after and it warns: %q", got)
	}
	status.Sources[0].Agent.Expiry.Stopped = "6 projects are due"
	if got := Warnings(&status, noon); len(got) != 1 || !strings.HasSuffix(got[0], ": 6 projects are due") {
		t.Errorf("expired projects are not looked after and it warns: %q", got)
	}
}
