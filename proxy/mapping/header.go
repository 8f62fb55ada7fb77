package mapping

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// urlFields hold one URL reference each.
var urlFields = []string{
	"Location", "Content-Location", "Sourcemap", "X-Sourcemap", "Service-Worker-Allowed",
	"Hx-Redirect", "Hx-Push-Url", "Hx-Replace-Url",
}

// Response maps the header of an answer, informational ones included, in place.
func (m *Map) Response(h http.Header) {
	for _, field := range urlFields {
		edit(h, field, m.URL)
	}
	edit(h, "Refresh", m.refresh)
	edit(h, "Link", m.link)
	edit(h, "Set-Cookie", m.cookie)
	edit(h, "Hx-Location", m.hxLocation)
	if !m.Prefix.Root() {
		// It would clear what belongs to all projects of the origin.
		h.Del("Clear-Site-Data")
	}
}

// Request maps the header of a request to what the app knows, in place.
func (m *Map) Request(h http.Header) {
	edit(h, "Referer", m.inner)
	edit(h, "Destination", m.inner)
}

func edit(h http.Header, field string, mapped func(string) string) {
	values := h[field]
	for i, value := range values {
		values[i] = mapped(value)
	}
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
	return value[:at] + m.URL(value[at:end]) + value[end:]
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return i
}

// link maps each <reference> of a Link field (RFC 8288 section 3), which may hold several links.
func (m *Map) link(value string) string {
	var b strings.Builder
	for i := 0; i < len(value); {
		end := tokenEnd(value, i)
		token := value[i:end]
		if len(token) >= 2 && token[0] == '<' && token[len(token)-1] == '>' {
			token = "<" + m.URL(token[1:len(token)-1]) + ">"
		}
		b.WriteString(token)
		i = end
	}
	return b.String()
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

// cookie maps the Path attribute of a cookie in its raw text. Without one, a browser takes it from the address it
// sees, which is right. A __Host- cookie is left alone: browsers refuse it with any path but "/".
func (m *Map) cookie(value string) string {
	pair, attributes, found := strings.Cut(value, ";")
	if !found || m.Prefix.Root() || hostCookie(pair) {
		return value
	}
	var b strings.Builder
	b.WriteString(pair)
	for attribute := range strings.SplitSeq(attributes, ";") {
		b.WriteByte(';')
		b.WriteString(m.cookieAttribute(attribute))
	}
	return b.String()
}

func hostCookie(pair string) bool {
	const prefix = "__Host-"
	name := strings.TrimLeft(pair, " \t")
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

func (m *Map) cookieAttribute(attribute string) string {
	name, value, found := strings.Cut(attribute, "=")
	if !found || !strings.EqualFold(strings.Trim(name, " \t"), "path") {
		return attribute
	}
	start := skipSpace(value, 0)
	path := strings.TrimRight(value[start:], " \t")
	trailing := value[start+len(path):]
	if !strings.HasPrefix(path, "/") || m.under(path) {
		return attribute
	}
	if path == "/" {
		// Without the slash the cookie is also sent to the address without it.
		path = ""
	}
	return name + "=" + value[:start] + m.Prefix.String() + path + trailing
}

// hxLocation maps a URL, or the path of a JSON object (https://htmx.org/headers/hx-location/), whose other bytes stay.
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
			return value[:end-len(raw)] + m.jsonURL(raw) + value[end:]
		}
	}
	return value
}

// jsonURL maps a URL in a JSON string; anything else stays.
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
