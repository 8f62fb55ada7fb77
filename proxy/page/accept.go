package page

import (
	"strings"

	"golang.org/x/text/language"

	"gateway/proxy/header"
)

// form is how a page is written.
type form int

const (
	formText form = iota
	formHTML
	formJSON
)

// formOf picks HTML or JSON when the Accept field names it, the one it prefers when it names both, and plain text
// otherwise: browsers name HTML, API clients JSON, and curl nothing.
func formOf(h header.Header) form {
	chosen, best := formText, 0.0
	for i := range h {
		if h[i].Kind != header.Accept {
			continue
		}
		for part := range strings.SplitSeq(h[i].Value, ",") {
			kind, weight := header.Weighted(part)
			if f := formOfType(strings.ToLower(kind)); f != formText && weight > best {
				chosen, best = f, weight
			}
		}
	}
	return chosen
}

// ForBrowser reports whether a request with that header prefers HTML, as those for a page that a browser shows do.
func ForBrowser(asked header.Header) bool { return formOf(asked) == formHTML }

func formOfType(kind string) form {
	switch {
	case kind == "text/html", kind == "application/xhtml+xml":
		return formHTML
	case kind == "application/json", strings.HasSuffix(kind, "+json"):
		return formJSON
	}
	return formText
}

// The languages, the default first.
var (
	languages = []string{"en", "ko"}
	matcher   = language.NewMatcher([]language.Tag{language.English, language.Korean})
)

// maxAcceptLanguage bounds what is read of a field that strangers write.
const maxAcceptLanguage = 200

// languageOf picks the language by the Accept-Language field.
func languageOf(h header.Header) string {
	asked, _ := h.First(header.AcceptLanguage)
	if asked == "" || len(asked) > maxAcceptLanguage {
		return languages[0]
	}
	tags, _, err := language.ParseAcceptLanguage(asked)
	if err != nil {
		return languages[0]
	}
	_, index, _ := matcher.Match(tags...)
	return languages[index]
}
