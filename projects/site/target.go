package site

import (
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/text/unicode/norm"

	"gateway/proxy/header"
)

// indexFile stands for its folder.
const indexFile = "index.html"

// target is what a request's path asks for. It can only name visible things below the root.
type target struct {
	// name is slash-separated and relative to the root, "." for the root itself.
	name string
	// folder reports that the path ended with a slash.
	folder bool
}

// parseTarget reads the escaped path of a URL. A name may hold any bytes, as those of files do: text in an older encoding
// and backslashes too. It refuses, rather than repairs, what a careful client does not send: dot segments and empty
// segments, which clients resolve themselves; encoded slashes, which are no separators; and names that begin with a
// dot, except the first segment /.well-known (RFC 8615).
func parseTarget(escaped string) (target, bool) {
	rest, ok := strings.CutPrefix(escaped, "/")
	if !ok && escaped != "" {
		return target{}, false
	}
	if rest == "" {
		return target{name: ".", folder: true}, true
	}
	rest, folder := strings.CutSuffix(rest, "/")
	var names []string
	for raw := range strings.SplitSeq(rest, "/") {
		name, err := url.PathUnescape(raw)
		wellKnown := len(names) == 0 && name == ".well-known"
		if err != nil || !visible(name) && !wellKnown {
			return target{}, false
		}
		names = append(names, name)
	}
	return target{name: strings.Join(names, "/"), folder: folder}, true
}

// visible reports whether a file or folder of this name may be seen.
func visible(name string) bool {
	return name != "" && name[0] != '.' && !strings.ContainsAny(name, forbidden)
}

// forbidden are the characters that no file's name has on this system, or that separate names.
var forbidden = func() string {
	if filepath.Separator == '\\' {
		return "/\x00\\:"
	}
	return "/\x00"
}()

// otherForms returns the names that look the same in Unicode's other normalization forms: a page may say é in one code
// point (NFC) where macOS wrote the file's name with two (NFD).
func (t target) otherForms() []target {
	var others []target
	for _, form := range []norm.Form{norm.NFC, norm.NFD} {
		if name := form.String(t.name); name != t.name {
			others = append(others, target{name, t.folder})
		}
	}
	return others
}

// lastEscaped is the last segment as it stands in a URL.
func (t target) lastEscaped() string { return url.PathEscape(path.Base(t.name)) }

// page reports whether the path could be a route of a single-page app: one that looks like a file is none, so that
// a missing script is answered with 404 and not with a page.
func (t target) page() bool { return path.Ext(path.Base(t.name)) == "" || t.name == "." }

// acceptsHTML reports whether the client asks for pages by name, as browsers do when they navigate; "*/*" is what
// scripts and images send.
func acceptsHTML(h http.Header) bool {
	for _, line := range h.Values("Accept") {
		for item := range strings.SplitSeq(line, ",") {
			kind, weight := header.Weighted(item)
			kind = strings.ToLower(kind)
			if (kind == "text/html" || kind == "application/xhtml+xml") && weight > 0 {
				return true
			}
		}
	}
	return false
}
