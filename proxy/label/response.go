package label

import (
	"fmt"
	"slices"
	"strings"

	"gateway/proxy/header"
	"gateway/proxy/route"
)

// maxHeaders is how many response fields a route may set.
const maxHeaders = 50

func readCompress(c *Claim, value string) *fault {
	switch value {
	case "on", "off":
		c.Policy.Compress = value == "on"
		return nil
	}
	return choice(value, "on", "off")
}

// readResponseHeader reads what a response field is set to: a value, one to add behind a plus sign, or nothing to remove it.
func readResponseHeader(c *Claim, name, value string) *fault {
	if bad := settable(name); bad != nil {
		return bad
	}
	text, adds := strings.CutPrefix(value, "+")
	text = strings.TrimSpace(text)
	switch {
	case adds && text == "":
		return &fault{"there is nothing behind the +", "write the value to add, or nothing to remove the field"}
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }):
		return &fault{"it has characters other than visible ASCII, spaces and tabs, which no field has", "write it in one line of ASCII"}
	case len(c.Policy.ResponseHeaders) == maxHeaders:
		return &fault{fmt.Sprintf("the route sets more than %d fields", maxHeaders), "remove some of them"}
	}
	for _, other := range c.Policy.ResponseHeaders {
		if header.EqualFold(other.Name, name) {
			return &fault{fmt.Sprintf("%s is set already, as %s; case makes no difference", quote(name), other.Name), "remove one of the two labels"}
		}
	}
	// What was read before a proposal shares its memory.
	c.Policy.ResponseHeaders = append(slices.Clip(c.Policy.ResponseHeaders), route.HeaderEdit{Name: name, Value: text, Add: adds})
	return nil
}

// settable returns why a label cannot set a response field of that name, nil if one can.
func settable(name string) *fault {
	const fix = "remove the label"
	switch kind := header.KindOf(name); {
	case name == "" || strings.ContainsFunc(name, func(r rune) bool { return !fieldRune(r) }):
		return &fault{quote(name) + " is no name of a field", "write a name such as X-Frame-Options"}
	case header.Hop.Has(kind), kind == header.Host, kind == header.Trailer, kind == header.Date,
		header.EqualFold(name, "Content-Encoding"), header.EqualFold(name, "Content-Range"):
		return &fault{name + " says how the response is sent, which the gateway and the app do", fix}
	case kind == header.Forged:
		return &fault{name + " is a field that the gateway alone sets", fix}
	case kind == header.SetCookie:
		return &fault{name + " is the app's: the gateway keeps its cookies below its prefix", fix + ", and let the app set the cookie"}
	}
	return nil
}

// fieldRune reports whether names of fields may have the character (RFC 9110 section 5.1).
func fieldRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// overreaching are the problems of response fields that browsers apply to the whole host, on a route that may not send
// such fields.
func (g *group) overreaching(c Claim) []Problem {
	if c.Policy.KeepOrigin || c.Key.Prefix.Root() {
		return nil
	}
	var problems []Problem
	for _, edit := range c.Policy.ResponseHeaders {
		kind := header.KindOf(edit.Name)
		if edit.Value == "" || kind != header.OriginWide && kind != header.WorkerScope {
			continue
		}
		label := g.labels["headers.response."+edit.Name]
		problems = append(problems, Problem{
			Label:   label,
			Message: fmt.Sprintf("%s: browsers apply %s to the whole host, and the route is below a prefix", label, edit.Name),
			Fix:     fmt.Sprintf("remove it, or add %s=keep if the route may speak for the whole host", g.spell("headers.origin")),
		})
	}
	return problems
}
