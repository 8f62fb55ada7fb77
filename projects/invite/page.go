package invite

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"unicode"

	"gateway/projects/invite/link"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// pagePatience hides the button for a while from browsers that run no scripts.
//
//go:embed patience.css
var pagePatience string

//go:embed page.js
var pageJS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// policy lets the page's own script and styles work, by their hashes, and nothing else. Forms may lead to any site over
// HTTPS because browsers hold the redirect behind a form to it.
var policy = fmt.Sprintf("default-src 'none'; script-src %s; style-src %s %s; img-src 'self'; connect-src 'self'; "+
	"form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'", hashOf(pageJS), hashOf(pageCSS), hashOf(pagePatience))

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// The views of the page.
const (
	viewPage  = "page"
	viewSent  = "sent"
	viewError = "error"
)

// pageData is what the template shows.
type pageData struct {
	View     string
	Status   int
	Language string
	Kind     link.Kind
	Words    *words
	// Home leads to the page from where the browser is.
	Home                 string
	Club, Title, Summary string
	Text                 []string
	Logo, Monogram       string
	Notice, FormNotice   string
	Open, Form           bool
	Bits                 int
	JoinToken            string
	RequestToken         string
	Join, Note           string
	School, Signup       string
	Contact, ContactLink string
	Request              request
	Style, Patience      template.CSS
	Script               template.JS
}

// newPage is what all views have in common.
func newPage(s Settings, lang, home string) pageData {
	return pageData{
		View: viewPage, Status: http.StatusOK, Language: lang, Kind: s.Kind, Words: vocabulary[lang], Home: home,
		Club: s.called(), Monogram: monogram(s.called()), Bits: workBits,
		Style: template.CSS(pageCSS), Patience: template.CSS(pagePatience), Script: template.JS(pageJS),
	}
}

// describe adds what the settings say.
func (d *pageData) describe(s Settings, open bool) {
	w := d.Words
	title, text := s.Title, s.Text
	if d.Language == "ko" && s.TitleKorean != "" {
		title = s.TitleKorean
	}
	if d.Language == "ko" && s.TextKorean != "" {
		text = s.TextKorean
	}
	if title == "" {
		title = named(s.Kind, w.Title, w.OtherTitle)
	}
	if text == "" {
		text = w.Text
	}
	d.Title, d.Text, d.Open = title, paragraphs(text), open
	d.Summary = strings.Join(d.Text, " ")
	d.Join, d.Note = named(s.Kind, w.Join, w.OtherJoin), named(s.Kind, w.Note, w.OtherNote)
	if d.Signup = s.signup(); d.Signup != "" {
		d.School = fmt.Sprintf(w.School, s.Domain)
	}
	who := s.Contact
	if who == "" && !open {
		who = s.Owner
	}
	if who != "" {
		d.Contact, d.ContactLink = contact(who)
	}
}

// paragraphs are the lines of a text that say something.
func paragraphs(text string) []string {
	var all []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// monogram is the first letter or digit of a name, or an arrow for one that has none.
func monogram(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return "→"
}

// headers are those of every answer.
func headers(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}

// write sends a view. Pages hold tokens and are kept nowhere.
func (s *Server) write(w http.ResponseWriter, r *http.Request, d pageData) {
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, d); err != nil {
		s.log.Error("the page cannot be written", "error", err)
		http.Error(w, "500: the page cannot be written", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", d.Language)
	h.Set("Content-Length", fmt.Sprint(body.Len()))
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Language")
	w.WriteHeader(d.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body.Bytes())
	}
}

// iconSVG is the monogram as an image.
const iconSVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="18" fill="%s"/>` +
	`<text x="32" y="33" font-family="system-ui,sans-serif" font-size="36" font-weight="700" fill="#fff" text-anchor="middle" dominant-baseline="central">%s</text></svg>`

// tones are the colours of the kinds.
var tones = map[link.Kind]string{link.Slack: "#611f69", link.Discord: "#4752c4", link.Matrix: "#0b6b53", link.Other: "#1f5fbf"}

func icon(s Settings) []byte {
	return []byte(fmt.Sprintf(iconSVG, tones[s.Kind], template.HTMLEscapeString(monogram(s.called()))))
}
