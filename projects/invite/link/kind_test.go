package link

import (
	"net/url"
	"strings"
	"testing"
)

func TestParse_TakesInvitesInTheirNormalForm(t *testing.T) {
	for _, c := range []struct {
		kind             Kind
		text, host, want string
	}{
		{Slack, "https://join.slack.com/t/robots/shared_invite/zt-2abc~D_e-F", "", "https://join.slack.com/t/robots/shared_invite/zt-2abc~D_e-F"},
		{Slack, "HTTPS://Join.Slack.COM:443/t/robots/shared_invite/zt-1?utm=x#y", "", "https://join.slack.com/t/robots/shared_invite/zt-1"},
		{Slack, "https://robots.slack.com/join/shared_invite/zt-1", "", "https://robots.slack.com/join/shared_invite/zt-1"},
		{Slack, "https://school.enterprise.slack.com/join/shared_invite/zt-1", "", "https://school.enterprise.slack.com/join/shared_invite/zt-1"},
		{Discord, "https://discord.gg/AbC123", "", "https://discord.gg/AbC123"},
		{Discord, "https://discord.com/invite/AbC-123?event=1", "", "https://discord.com/invite/AbC-123"},
		{Matrix, "https://matrix.to/#/#robots:example.org", "", "https://matrix.to/#/%23robots:example.org"},
		{Matrix, "https://matrix.to/#/!abc:example.org?via=example.org", "", "https://matrix.to/#/!abc:example.org?via=example.org"},
		{Other, "https://chat.example.org/signup?code=1", "chat.example.org", "https://chat.example.org/signup?code=1"},
		{Other, "https://CHAT.example.org/", "Chat.Example.Org", "https://chat.example.org/"},
	} {
		got, err := c.kind.Parse(c.text, c.host)
		if err != nil || got != c.want {
			t.Errorf("%s %s = %q, %v; want %q", c.kind, c.text, got, err, c.want)
			continue
		}
		if again, err := c.kind.Parse(got, c.host); err != nil || again != got {
			t.Errorf("%s is not normal: %q, %v", got, again, err)
		}
	}
}

// elsewhere are links that lead, or may lead, to other places than they should.
var elsewhere = []struct {
	kind       Kind
	text, host string
}{
	{Slack, "", ""},
	{Slack, "http://join.slack.com/t/robots/shared_invite/zt-1", ""},
	{Slack, "javascript:alert(1)", ""},
	{Slack, "//join.slack.com/t/robots/shared_invite/zt-1", ""},
	{Slack, "https:join.slack.com/t/robots/shared_invite/zt-1", ""},
	{Slack, "https://join.slack.com", ""},
	{Slack, "https://join.slack.com/", ""},
	{Slack, "https://join.slack.com/t/robots/shared_invite/", ""},
	{Slack, "https://join.slack.com:8443/t/robots/shared_invite/zt-1", ""},
	{Slack, "https://join.slack.com:/t/robots/shared_invite/zt-1", ""},
	{Slack, "https://join.slack.com@evil.example/t/robots/shared_invite/zt-1", ""},
	{Slack, "https://me:pw@join.slack.com/t/robots/shared_invite/zt-1", ""},
	{Slack, `https://evil.example\.join.slack.com/t/robots/shared_invite/zt-1`, ""},
	{Slack, `https://join.slack.com\@evil.example/t/robots/shared_invite/zt-1`, ""},
	{Slack, "https://evil.example/t/robots/shared_invite/zt-1", ""},
	{Slack, "https://join.slack.com.evil.example/t/robots/shared_invite/zt-1", ""},
	{Slack, "https://join-slack.com/t/robots/shared_invite/zt-1", ""},
	{Slack, "https://join.slack.com./t/robots/shared_invite/zt-1", ""},
	{Slack, "https://joın.slack.com/t/robots/shared_invite/zt-1", ""},
	{Slack, "https://join.sⅼack.com/t/robots/shared_invite/zt-1", ""},
	{Slack, "https://xn--jon-mqa.slack.com.evil.example/join/x", ""},
	{Slack, "https://join.slack.com/t/robots/shared_invite/../../../redir", ""},
	{Slack, "https://join.slack.com/t/robots/shared_invite/%2e%2e/x", ""},
	{Slack, "https://robots.slack.com/join/..%2fredir", ""},
	{Slack, "https://robots.slack.com/join//evil.example", ""},
	{Slack, "https://robots.slack.com/redir?url=https://evil.example", ""},
	{Slack, "https://slack.com/join/x", ""},
	{Slack, "https://a.b.slack.com/join/x", ""},
	{Slack, "https://join.slack.com/t/robots/shared_invite/zt-1 ", ""},
	{Slack, "https://join.slack.com/t/robots/shared_invite/zt-1\nx", ""},
	{Slack, "https://join.slack.com/t/robots/shared_invite/<script>", ""},
	{Slack, "https://join.slack.com/t/robots/shared_invite/" + strings.Repeat("a", maxURL), ""},
	{Slack, "https://discord.gg/AbC123", ""},
	{Slack, "https://join.slack.com/t/robots/shared_invite/zt-1", "join.slack.com"},
	{Discord, "https://discord.gg/", ""},
	{Discord, "https://discord.gg/a/b", ""},
	{Discord, "https://discord.com/AbC123", ""},
	{Discord, "https://discord.com/invite/", ""},
	{Discord, "https://discord.com/channels/1/2", ""},
	{Discord, "https://discord.gg.evil.example/AbC123", ""},
	{Discord, "https://dlscord.gg/AbC123", ""},
	{Matrix, "https://matrix.to/", ""},
	{Matrix, "https://matrix.to/#/", ""},
	{Matrix, "https://matrix.to/#/robots", ""},
	{Matrix, "https://matrix.to/x#/#robots:example.org", ""},
	{Matrix, "https://evil.example/#/#robots:example.org", ""},
	{Other, "https://chat.example.org/", ""},
	{Other, "https://chat.example.org/", "example.org"},
	{Other, "https://127.0.0.1/", "127.0.0.1"},
	{Other, "https://[::1]/", "::1"},
	{Other, "https://localhost/", "localhost"},
	{"irc", "https://join.slack.com/t/robots/shared_invite/zt-1", ""},
}

func TestParse_RefusesWhatLeadsElsewhere(t *testing.T) {
	for _, c := range elsewhere {
		if got, err := c.kind.Parse(c.text, c.host); err == nil {
			t.Errorf("%s takes %q as %q", c.kind, c.text, got)
		} else if c.text != "" && strings.Contains(err.Error(), "zt-1") {
			t.Errorf("the error tells the link: %v", err)
		}
	}
}

func TestParseKind_NamesThoseThereAre(t *testing.T) {
	if k, err := ParseKind(""); k != Slack || err != nil {
		t.Errorf("no kind is %q, %v", k, err)
	}
	if _, err := ParseKind("irc"); err == nil || !strings.Contains(err.Error(), "slack, discord, matrix and link") {
		t.Errorf("irc: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"https://join.slack.com/t/robots/shared_invite/zt-1", "https://robots.slack.com/join/x", "https://discord.gg/x1",
		"https://discord.com/invite/x1?x#y", "https://matrix.to/#/#r:example.org?via=a", "https://chat.example.org/a%2e?b=c#d",
		`https://a@b\c/`, "https://%6aoin.slack.com/t/r/invite/x",
	} {
		f.Add(text, "chat.example.org")
	}
	f.Fuzz(func(t *testing.T, text, host string) {
		for _, k := range []Kind{Slack, Discord, Matrix, Other} {
			for _, host := range []string{"", host} {
				if normal, err := k.Parse(text, host); err == nil {
					allowed(t, k, normal, host)
				}
			}
		}
	})
}

// allowed checks that what was taken is normal and leads to the hosts of its kind alone, by another look at it.
func allowed(t *testing.T, k Kind, normal, host string) {
	t.Helper()
	if again, err := k.Parse(normal, host); err != nil || again != normal {
		t.Fatalf("%s: %q becomes %q: %v", k, normal, again, err)
	}
	rest, https := strings.CutPrefix(normal, "https://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	to := rest[:end]
	good := map[Kind]bool{
		Slack:   strings.HasSuffix(to, ".slack.com"),
		Discord: to == "discord.gg" || to == "discord.com",
		Matrix:  to == "matrix.to",
		Other:   to == strings.ToLower(host) && host != "",
	}[k]
	if u, err := url.Parse(normal); !https || !good || err != nil || u.Host != to || strings.ContainsAny(normal, "\\@ \r\n\t") && k != Matrix && k != Other {
		t.Fatalf("%s takes %q (host %q)", k, normal, host)
	}
}
