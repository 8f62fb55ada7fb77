package page

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
)

var (
	//go:embed page.css
	style string
	//go:embed page.html
	source string

	layout = template.Must(template.New("page").Parse(source))
	policy = "default-src 'none'; style-src '" + styleHash() + "'; base-uri 'none'; form-action 'none'"
)

// styleHash names the style sheet so that the policy allows no other.
func styleHash() string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// view is what the template reads.
type view struct {
	Language, Title, Text, Request, ID string
	Status                             int
	Tone                               string
	// Reload is after how many seconds the page loads again, 0 for never; Reloading says so.
	Reload    int
	Reloading string
	// Home leads to the start of the site, Start labels it.
	Home, Start string
	Style       template.CSS
}

// html writes the page for browsers. It reloads itself only where that repeats what the client did.
func (p Page) html(words words, language string, repeatable bool) []byte {
	v := view{
		Language: language, Title: words.title, Text: words.text, Request: words.request, ID: p.RequestID,
		Home: cmp.Or(p.Moved, p.Home), Start: words.home, Status: p.Status(), Tone: p.face().tone, Style: template.CSS(style), //nolint:gosec // Our own style sheet.
	}
	if repeatable && p.retry() > 0 && !still[p.Kind] {
		v.Reload, v.Reloading = p.retry(), words.reload
	}
	var b bytes.Buffer
	if err := layout.Execute(&b, v); err != nil {
		return []byte(template.HTMLEscapeString(words.title)) // A test executes the template with every kind.
	}
	return b.Bytes()
}
