// Package link knows invite links: which URL may be one, until when it can be used and how often, which of several is
// next, and the file that lists them. It knows nothing of projects, of pages or of who visits them. The one policy worth
// stating: a link leads to the named services alone, since whoever can slip in another sends a whole club there.
package link

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Kind is what the links of a page lead to.
type Kind string

// The kinds of links.
const (
	Slack   Kind = "slack"
	Discord Kind = "discord"
	Matrix  Kind = "matrix"
	// Other is any other site, whose host has to be named beside the link.
	Other Kind = "link"
)

// ParseKind reads the name of a kind; empty is Slack.
func ParseKind(s string) (Kind, error) {
	switch k := Kind(s); k {
	case "":
		return Slack, nil
	case Slack, Discord, Matrix, Other:
		return k, nil
	}
	return "", fmt.Errorf("kind %q: there are slack, discord, matrix and link", s)
}

// Name is what people call the service, empty for Other.
func (k Kind) Name() string {
	switch k {
	case Slack:
		return "Slack"
	case Discord:
		return "Discord"
	case Matrix:
		return "Matrix"
	case Other:
	}
	return ""
}

// form says how the links of a kind are written, for people.
func (k Kind) form() string {
	switch k {
	case Slack:
		return "https://join.slack.com/t/WORKSPACE/shared_invite/… or https://WORKSPACE.slack.com/join/…"
	case Discord:
		return "https://discord.gg/CODE or https://discord.com/invite/CODE"
	case Matrix:
		return "https://matrix.to/#/#ROOM:SERVER"
	case Other:
	}
	return "https://HOST/…, with the same HOST named by --host"
}

const maxURL = 2000

// Parse checks that text is a link of the kind and returns its normal form: host in lower case, without the default
// port, and for Slack and Discord without query and fragment, which no invite needs. Host is what a link of kind Other
// has to lead to, empty for the rest. The error names the rule and the form that is right; it does not repeat the link,
// which may be pasted from anywhere.
func (k Kind) Parse(text, host string) (string, error) {
	u, err := parseURL(text)
	if err == nil {
		err = k.check(u, strings.ToLower(host))
	}
	if err != nil {
		return "", fmt.Errorf("%w; write %s", err, k.form())
	}
	if k == Slack || k == Discord {
		u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = "", false, "", ""
	}
	return u.String(), nil
}

// parseURL reads what any link may be: plain HTTPS that means to every reader what it means to this one.
func parseURL(text string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, fmt.Errorf("the link has %d characters, and %d is the most", len(text), maxURL)
	}
	for _, r := range text {
		// Browsers drop tabs, turn backslashes into slashes and look-alikes into other hosts.
		if r <= ' ' || r >= 0x7f || strings.ContainsRune("\\<>\"^`{|}", r) {
			return nil, fmt.Errorf("the link has the character %+q, which no link has; copy it from the address bar", r)
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("the link cannot be read as a URL")
	}
	switch {
	case u.Scheme != "https" || u.Opaque != "" || u.Host == "":
		return nil, fmt.Errorf("the link has to start with https:// and a host")
	case u.User != nil:
		return nil, fmt.Errorf("the link has a user name before its host, and so may lead elsewhere than it seems")
	case u.Port() != "" && u.Port() != "443" || strings.HasSuffix(u.Host, ":"):
		return nil, fmt.Errorf("the link has a port, and invites are on the usual one")
	case !hostForm.MatchString(strings.ToLower(u.Hostname())):
		return nil, fmt.Errorf("the host of the link is no host name")
	case !plain(u.EscapedPath()):
		return nil, fmt.Errorf("the path of the link has dot segments, empty ones or escaped slashes, and so may lead elsewhere than it seems")
	}
	u.Host = strings.ToLower(u.Hostname())
	return u, nil
}

// hostForm is a name of at least two labels, of which the last is no number: addresses are none.
var hostForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// plain reports whether a path is the same to whoever reads it: no dot segments, also escaped ones, and no slash or
// backslash in disguise.
func plain(escaped string) bool {
	lower := strings.ToLower(escaped)
	if strings.Contains(lower, "%2f") || strings.Contains(lower, "%5c") || strings.Contains(lower, "//") || strings.Contains(lower, "%00") {
		return false
	}
	for segment := range strings.SplitSeq(lower, "/") {
		if dots := strings.ReplaceAll(segment, "%2e", "."); dots == "." || dots == ".." {
			return false
		}
	}
	return true
}

var (
	workspaceForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*(\.enterprise)?\.slack\.com$`)
	slackPath     = regexp.MustCompile(`^/t/[a-z0-9-]+/(shared_invite|invite)/[A-Za-z0-9~_-]+/?$`)
	joinPath      = regexp.MustCompile(`^/join/[A-Za-z0-9~_/-]+$`)
	codeForm      = regexp.MustCompile(`^[A-Za-z0-9-]{2,64}/?$`)
	roomForm      = regexp.MustCompile(`^/[#!@+][^/:]+:[A-Za-z0-9.:-]+$`)
)

// check holds a URL to what its kind allows.
func (k Kind) check(u *url.URL, host string) error {
	if k != Other && host != "" {
		return fmt.Errorf("the hosts of %s are known; leave --host out", k.Name())
	}
	switch k {
	case Slack:
		if u.Host == "join.slack.com" {
			return must(slackPath.MatchString(u.Path), "it is no invite of Slack")
		}
		// The rest of Slack's own names are no workspaces, but those of workspaces cannot be told from them.
		return must(workspaceForm.MatchString(u.Host) && joinPath.MatchString(u.Path), "it is no invite of Slack")
	case Discord:
		code, invite := strings.CutPrefix(u.Path, "/invite/")
		short := u.Host == "discord.gg"
		if short {
			code = strings.TrimPrefix(u.Path, "/")
		}
		return must((short || u.Host == "discord.com" && invite) && codeForm.MatchString(code), "it is no invite of Discord")
	case Matrix:
		room, _, _ := strings.Cut(u.Fragment, "?")
		return must(u.Host == "matrix.to" && (u.Path == "" || u.Path == "/") && u.RawQuery == "" && roomForm.MatchString(room), "it is no link to a room")
	case Other:
		if host == "" {
			return fmt.Errorf("the host that the link may lead to is not named")
		}
		return must(u.Host == host, "it leads to "+u.Host+", and the host that is allowed is another")
	}
	return fmt.Errorf("kind %q is not known", string(k))
}

// must is an error with that text unless the condition holds.
func must(holds bool, text string) error {
	if holds {
		return nil
	}
	return fmt.Errorf("the link is not allowed: %s", text)
}
