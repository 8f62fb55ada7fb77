package mapping

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"gateway/proxy/header"
	"gateway/proxy/route"
)

// Response maps the header of a response, informational or final, in place. Below a prefix it drops the fields that apply to
// the whole origin, unless the route allows them.
func (m *Map) Response(h *header.Header) {
	var drop header.Set
	for i := range *h {
		f := &(*h)[i]
		switch f.Kind {
		case header.Location, header.Reference:
			f.Value = m.URL(f.Value)
		case header.Refresh:
			f.Value = m.refresh(f.Value)
		case header.Link:
			f.Value = m.link(f.Value)
		case header.SetCookie:
			f.Value = m.cookie(f.Value)
		case header.HXLocation:
			f.Value = m.hxLocation(f.Value)
		case header.ContentPolicy:
			f.Value = m.contentPolicy(f.Value)
		case header.Quoted:
			f.Value = quoted(f.Value, m.URL)
		case header.WWWAuthenticate:
			// A realm may look like a path, and is any text.
			f.Value = quoted(f.Value, m.absolute)
		case header.WorkerScope:
			scope, fits := m.workerScope(f.Value)
			if f.Value = scope; !fits {
				drop |= header.SetOf(header.WorkerScope)
			}
		case header.OriginWide:
			drop |= header.SetOf(header.OriginWide)
		}
	}
	if drop != 0 && !m.App.Origin {
		h.Drop(drop)
	}
}

// Request maps the header of a request to the app's view, in place.
func (m *Map) Request(h *header.Header) {
	for i := range *h {
		switch f := &(*h)[i]; f.Kind {
		case header.Referer, header.Page:
			f.Value = m.page(f.Value)
		case header.Destination:
			f.Value = m.resource(f.Value)
		case header.If:
			f.Value = m.tagged(f.Value)
		}
	}
}

// tagged maps each resource tag of an If field (RFC 4918 section 10.4). State tokens, which stand in parentheses, are not
// addresses even if they look like some.
func (m *Map) tagged(value string) string {
	e := edit{value: value}
	inside := false
	for i := 0; i < len(value); {
		end := tokenEnd(value, i)
		switch value[i] {
		case '(':
			inside = true
		case ')':
			inside = false
		case '<':
			if !inside && value[end-1] == '>' {
				e.replace(i+1, end-1, m.resource(value[i+1:end-1]))
			}
		}
		i = end
	}
	return e.done()
}

// edit replaces parts of a value, from left to right, and keeps all other bytes.
type edit struct {
	value string
	b     strings.Builder
	kept  int
}

// replace replaces the bytes from start to end.
func (e *edit) replace(start, end int, with string) {
	if with == e.value[start:end] {
		return
	}
	e.b.WriteString(e.value[e.kept:start])
	e.b.WriteString(with)
	e.kept = end
}

func (e *edit) done() string {
	if e.kept == 0 {
		return e.value
	}
	e.b.WriteString(e.value[e.kept:])
	return e.b.String()
}

// refresh maps a value such as "5; url=/login", with or without quotes.
func (m *Map) refresh(value string) string {
	at := strings.IndexAny(value, ";,")
	if at < 0 {
		return value
	}
	at = skipSpace(value, at+1)
	if len(value) >= at+3 && strings.EqualFold(value[at:at+3], "url") {
		if next := skipSpace(value, at+3); next < len(value) && value[next] == '=' {
			at = skipSpace(value, next+1)
		}
	}
	end := len(value)
	if at < end && (value[at] == '\'' || value[at] == '"') {
		quote := value[at]
		at++
		if closing := strings.IndexByte(value[at:], quote); closing >= 0 {
			end = at + closing
		}
	}
	if mapped := m.URL(value[at:end]); mapped != value[at:end] {
		return m.join(value[:at], mapped, value[end:])
	}
	return value
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return i
}

// link maps each <reference> of a Link field (RFC 8288 section 3), which may have several links.
func (m *Map) link(value string) string {
	e := edit{value: value}
	for i := 0; i < len(value); {
		end := tokenEnd(value, i)
		if end-i >= 2 && value[i] == '<' && value[end-1] == '>' {
			e.replace(i+1, end-1, m.URL(value[i+1:end-1]))
		}
		i = end
	}
	return e.done()
}

// quoted maps each quoted string of a value, except those with escapes, which no URL needs.
func quoted(value string, mapped func(string) string) string {
	e := edit{value: value}
	for i := 0; i < len(value); {
		end := tokenEnd(value, i)
		if end-i >= 2 && value[i] == '"' && value[end-1] == '"' && strings.IndexByte(value[i:end], '\\') < 0 {
			e.replace(i+1, end-1, mapped(value[i+1:end-1]))
		}
		i = end
	}
	return e.done()
}

// contentPolicy maps the URLs of a Content-Security-Policy: sources that name the app with a scheme, and report-uri. Sources
// without a path get none, since a path would allow less.
func (m *Map) contentPolicy(value string) string {
	e := edit{value: value}
	for start := 0; start < len(value); {
		end := start + tokenLength(value[start:], ";,")
		name := ""
		for i := start; i < end; {
			i = skipSpace(value, i)
			word := i + tokenLength(value[i:end], " \t")
			if name == "" {
				name = value[i:word]
			} else if header.EqualFold(name, "report-uri") {
				e.replace(i, word, m.URL(value[i:word]))
			} else {
				e.replace(i, word, m.source(value[i:word]))
			}
			i = word + 1
		}
		start = end + 1
	}
	return e.done()
}

// tokenLength is the length of s before the first of the stops.
func tokenLength(s, stops string) int {
	if n := strings.IndexAny(s, stops); n >= 0 {
		return n
	}
	return len(s)
}

// source maps a source expression of a Content-Security-Policy.
func (m *Map) source(s string) string {
	authority, rest, secure, is := splitURL(s)
	if !is || m.Host == "" {
		return s
	}
	if rest != "" {
		return m.absolute(s)
	}
	if m.whose(authority, rest, secure) == foreign {
		return s
	}
	scheme, host := m.origin(authority, secure)
	return m.site(s, scheme, host, "", authority, rest)
}

// workerScope maps the widest scope of a service worker, and reports whether it is below the prefix. Browsers compare it as
// text, so that the prefix needs its slash.
func (m *Map) workerScope(value string) (string, bool) {
	if m.App.Origin {
		return m.URL(value), true
	}
	scope, err := url.Parse(value)
	if err != nil {
		return value, false
	}
	path := scope.EscapedPath()
	if strings.HasPrefix(path, "/") {
		path = m.path(path, app)
	}
	base := url.URL{Path: m.Path}
	if parsed, err := url.Parse(m.Path); err == nil {
		base = *parsed
	}
	at, err := base.Parse(path)
	if err != nil {
		return value, false
	}
	resolved, err := route.ParsePath(at.EscapedPath())
	if err != nil || !m.App.Prefix.Contains(resolved.Normal) || route.Leaves(resolved.After(m.App.Prefix.Depth())) {
		return value, false
	}
	if resolved.Normal == m.App.Prefix.String() {
		return m.App.Prefix.Slash(), true
	}
	return resolved.Raw, true
}

// tokenEnd returns where the quoted string, the reference or the single byte at i ends.
func tokenEnd(s string, i int) int {
	switch s[i] {
	case '<':
		if n := strings.IndexByte(s[i:], '>'); n >= 0 {
			return i + n + 1
		}
	case '"':
		for j := i + 1; j < len(s); j++ {
			switch s[j] {
			case '\\':
				j++
			case '"':
				return j + 1
			}
		}
		return len(s)
	}
	return i + 1
}

// cookie maps the Path attribute of a cookie in its raw text, and removes a Domain that names the app alone. Without these
// attributes a browser takes both from the URL, which is right. A __Host- cookie does not change: browsers refuse it with
// any path but "/".
func (m *Map) cookie(value string) string {
	pair, _, found := strings.Cut(value, ";")
	if !found || hostCookie(pair) {
		return value
	}
	from, done := len(m.buf), 0
	for start := len(pair) + 1; start <= len(value); {
		end := len(value)
		if next := strings.IndexByte(value[start:], ';'); next >= 0 {
			end = start + next
		}
		if at, cut, found := m.cookiePath(value[start:end]); found {
			m.buf = append(append(m.buf, value[done:start+at]...), m.App.Prefix.String()...)
			done = start + at + cut
		} else if m.cookieDomain(value[start:end]) {
			m.buf = append(m.buf, value[done:start-1]...)
			done = end
		}
		start = end + 1
	}
	if done == 0 {
		return value
	}
	m.buf = append(m.buf, value[done:]...)
	return m.written(from)
}

func hostCookie(pair string) bool {
	const prefix = "__Host-"
	name := strings.TrimLeft(pair, " \t")
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// cookiePath returns where to insert the prefix into an attribute of a cookie, and how many bytes it replaces. It reports
// false unless the attribute is a Path that needs it.
func (m *Map) cookiePath(attribute string) (at, cut int, found bool) {
	name, value, found := strings.Cut(attribute, "=")
	if !found || !m.App.strips() || !strings.EqualFold(strings.Trim(name, " \t"), "path") {
		return 0, 0, false
	}
	start := skipSpace(value, 0)
	path := strings.TrimRight(value[start:], " \t")
	if !strings.HasPrefix(path, "/") || m.under(path) {
		return 0, 0, false
	}
	if path == "/" {
		// Without the slash, the cookie is also sent to the prefix without one.
		cut = 1
	}
	return len(name) + 1 + start, cut, true
}

// cookieDomain reports whether an attribute of a cookie is a Domain that names the app and not the site, with which browsers
// refuse the cookie.
func (m *Map) cookieDomain(attribute string) bool {
	name, value, found := strings.Cut(attribute, "=")
	if !found || !strings.EqualFold(strings.Trim(name, " \t"), "domain") {
		return false
	}
	domain, host := strings.Trim(value, " \t."), strings.TrimSuffix(hostOf(m.Host), ".")
	if domain == "" || !m.App.named(domain) || len(host) < len(domain) {
		return domain != "" && m.App.named(domain)
	}
	return !header.EqualFold(host[len(host)-len(domain):], domain)
}

// hxLocation maps a URL, or the path in a JSON object (https://htmx.org/headers/hx-location/), whose other bytes stay.
func (m *Map) hxLocation(value string) string {
	if !strings.HasPrefix(strings.TrimLeft(value, " \t"), "{") {
		return m.URL(value)
	}
	decoder := json.NewDecoder(strings.NewReader(value))
	if _, err := decoder.Token(); err != nil {
		return value
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return value
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return value
		}
		if name == "path" {
			end := int(decoder.InputOffset())
			return m.join(value[:end-len(raw)], m.jsonURL(raw), value[end:])
		}
	}
	return value
}

// jsonURL maps a URL in a JSON string. Other values do not change.
func (m *Map) jsonURL(raw json.RawMessage) string {
	var u string
	if err := json.Unmarshal(raw, &u); err != nil {
		return string(raw)
	}
	mapped := m.URL(u)
	if mapped == u {
		return string(raw)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(mapped); err != nil {
		return string(raw)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
