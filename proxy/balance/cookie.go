package balance

import "strings"

// StripCookies returns a Cookie field (RFC 6265 section 4.2.1) without the cookies that have our name, whatever they
// hold, so that no app sees them. The rest does not change; if nothing is left, there should be no field. It allocates
// only when others are left on both sides of ours.
func StripCookies(field string) string {
	if _, _, found := nextCookie(field); !found {
		return field
	}
	var left rest
	from := -1 // Where those that stay began, if the one before stays.
	for at := 0; at <= len(field); {
		end := at + len(firstPair(field[at:]))
		name, _ := splitCookie(field[at:end])
		switch ours := name == CookieName; {
		case ours && from >= 0:
			left.add(field[from : at-1])
			from = -1
		case !ours && from < 0:
			from = at
		}
		at = end + 1
	}
	if from >= 0 {
		left.add(field[from:])
	}
	return left.String()
}

// rest is what is left of a field. It is copied when it is in more than one piece.
type rest struct {
	first string
	whole strings.Builder
}

func (r *rest) add(piece string) {
	if r.first == "" {
		r.first = strings.TrimLeft(piece, " \t")
		return
	}
	if r.whole.Len() == 0 {
		r.whole.WriteString(r.first)
	}
	r.whole.WriteByte(';')
	r.whole.WriteString(piece)
}

// String returns all of it.
func (r *rest) String() string {
	if r.whole.Len() == 0 {
		return r.first
	}
	return r.whole.String()
}

// nextCookie returns the value of the first cookie with our name and what follows it.
func nextCookie(field string) (value, rest string, found bool) {
	if !strings.Contains(field, CookieName) {
		return "", "", false
	}
	for field != "" {
		pair := firstPair(field)
		field = field[min(len(pair)+1, len(field)):]
		var name string
		if name, value = splitCookie(pair); name == CookieName {
			return value, field, true
		}
	}
	return "", "", false
}

func firstPair(field string) string {
	pair, _, _ := strings.Cut(field, ";")
	return pair
}

func splitCookie(pair string) (name, value string) {
	name, value, _ = strings.Cut(pair, "=")
	return strings.Trim(name, " \t"), strings.Trim(value, " \t")
}
