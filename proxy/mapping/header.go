package mapping

import (
	"bytes"
	"encoding/json"
	"strings"

	"gateway/proxy/header"
)

// Response maps the header of an answer, informational ones included, in place.
func (m *Map) Response(h *header.Header) {
	clears := false
	for i := range *h {
		f := &(*h)[i]
		switch f.Kind {
		case header.Location, header.ContentLocation, header.SourceMap, header.ServiceWorkerAllowed,
			header.HXRedirect, header.HXPushURL, header.HXReplaceURL:
			f.Value = m.URL(f.Value)
		case header.Refresh:
			f.Value = m.refresh(f.Value)
		case header.Link:
			f.Value = m.link(f.Value)
		case header.SetCookie:
			f.Value = m.cookie(f.Value)
		case header.HXLocation:
			f.Value = m.hxLocation(f.Value)
		case header.ClearSiteData:
			clears = true
		}
	}
	if clears && !m.Prefix.Root() {
		// It would clear what belongs to all projects of the origin.
		h.Drop(header.SetOf(header.ClearSiteData))
	}
}

// Request maps the header of a request to what the app knows, in place.
func (m *Map) Request(h *header.Header) {
	for i := range *h {
		if f := &(*h)[i]; f.Kind == header.Referer || f.Kind == header.Destination {
			f.Value = m.inner(f.Value)
		}
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

// link maps each <reference> of a Link field (RFC 8288 section 3), which may hold several links.
func (m *Map) link(value string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(value); {
		end := tokenEnd(value, i)
		if end-i >= 2 && value[i] == '<' && value[end-1] == '>' {
			if mapped := m.URL(value[i+1 : end-1]); mapped != value[i+1:end-1] {
				b.WriteString(value[done : i+1])
				b.WriteString(mapped)
				done = end - 1
			}
		}
		i = end
	}
	if done == 0 {
		return value
	}
	b.WriteString(value[done:])
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
	pair, _, found := strings.Cut(value, ";")
	if !found || m.Prefix.Root() || hostCookie(pair) {
		return value
	}
	room, done := len(m.room), 0
	for start := len(pair) + 1; start <= len(value); {
		end := len(value)
		if next := strings.IndexByte(value[start:], ';'); next >= 0 {
			end = start + next
		}
		if at, cut, found := m.cookiePath(value[start:end]); found {
			m.room = append(append(m.room, value[done:start+at]...), m.Prefix.String()...)
			done = start + at + cut
		}
		start = end + 1
	}
	if done == 0 {
		return value
	}
	m.room = append(m.room, value[done:]...)
	return m.written(room)
}

func hostCookie(pair string) bool {
	const prefix = "__Host-"
	name := strings.TrimLeft(pair, " \t")
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// cookiePath finds where in an attribute of a cookie the prefix is to be put, if it is a Path that needs it, and how
// many bytes it replaces.
func (m *Map) cookiePath(attribute string) (at, cut int, found bool) {
	name, value, found := strings.Cut(attribute, "=")
	if !found || !strings.EqualFold(strings.Trim(name, " \t"), "path") {
		return 0, 0, false
	}
	start := skipSpace(value, 0)
	path := strings.TrimRight(value[start:], " \t")
	if !strings.HasPrefix(path, "/") || m.under(path) {
		return 0, 0, false
	}
	if path == "/" {
		// Without the slash the cookie is also sent to the address without it.
		cut = 1
	}
	return len(name) + 1 + start, cut, true
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
			return m.join(value[:end-len(raw)], m.jsonURL(raw), value[end:])
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
