package invite

import (
	"net/mail"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// request is what somebody wrote who asks for an invitation.
type request struct {
	Name, Email, Note string
	// Faulty names the first field that is wrong, empty when none is.
	Faulty string
	// robot reports that a field was filled in that people do not see.
	robot bool
}

// The longest that fields may be, in characters.
const (
	maxName  = 80
	maxEmail = 254
	maxNote  = 500
)

// parseRequest reads a form. Whatever is wrong with it, the fields hold what was typed, as far as it may be shown again.
func parseRequest(form url.Values) request {
	r := request{
		Name:  oneLine(form.Get("name"), maxName+1),
		Email: oneLine(form.Get("email"), maxEmail+1),
		Note:  clean(form.Get("note"), maxNote+1),
		robot: form.Get("website") != "",
	}
	switch {
	case r.Name == "" || utf8.RuneCountInString(r.Name) > maxName:
		r.Faulty = "name"
	case !isEmail(r.Email):
		r.Faulty = "email"
	case r.Note == "" || utf8.RuneCountInString(r.Note) > maxNote:
		r.Faulty = "note"
	}
	return r
}

// isEmail reports whether s is a bare address with a domain that has a dot.
func isEmail(s string) bool {
	if utf8.RuneCountInString(s) > maxEmail || strings.ContainsAny(s, " \"<>()|`") {
		return false
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || a.Name != "" {
		return false
	}
	_, domain, _ := strings.Cut(s, "@")
	return strings.Contains(strings.Trim(domain, "."), ".")
}

// oneLine makes one line of text.
func oneLine(text string, most int) string {
	return strings.Join(strings.Fields(clean(text, most)), " ")
}

// clean leaves out of text what cannot be seen, or turns it around, and cuts it to so many characters.
func clean(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\r\n", "\n")
	var b strings.Builder
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200d') {
			continue
		}
		if most--; most < 0 {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
