package balance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// CookieName is the name of the cookie that binds a client to a target.
const CookieName = "gateway_target"

// token is what a cookie holds: the first half of a keyed hash (HMAC-SHA256, RFC 2104) of route and target, which says
// nothing about either without the key.
type token [2]uint64

// valueLength is how long the value of a cookie is.
const valueLength = 22

// encoding is that of values. It is strict, so that a value is not written in several ways.
var encoding = base64.RawURLEncoding.Strict()

// Signer makes cookies that cannot be forged. It is immutable and safe for concurrent use.
type Signer struct{ key [32]byte }

// NewSigner returns a signer with a key, which must be secret and random. Another key makes its cookies worthless.
func NewSigner(key [32]byte) *Signer { return &Signer{key} }

func (s *Signer) tokens(route string, targets []*Target) []token {
	all := make([]token, len(targets))
	mac := hmac.New(sha256.New, s.key[:])
	var message, sum []byte
	for i, t := range targets {
		message = append(message[:0], "gateway sticky 1\x00"...)
		// With its length, route and target cannot be divided in another way.
		message = binary.BigEndian.AppendUint64(message, uint64(len(route)))
		message = append(message, route...)
		message = append(message, t.ID...)
		mac.Reset()
		mac.Write(message)
		sum = mac.Sum(sum[:0])
		all[i] = token{binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])}
	}
	return all
}

// parseToken reads the value of a cookie.
func parseToken(value string) (token, bool) {
	if len(value) != valueLength {
		return token{}, false
	}
	var text [valueLength]byte
	var raw [valueLength]byte
	copy(text[:], value)
	if n, err := encoding.Decode(raw[:], text[:]); err != nil || n != 16 {
		return token{}, false
	}
	return token{binary.BigEndian.Uint64(raw[:]), binary.BigEndian.Uint64(raw[8:])}, true
}

func (t token) String() string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], t[0])
	binary.BigEndian.PutUint64(raw[8:], t[1])
	return encoding.EncodeToString(raw[:])
}

// Sticky reports whether clients get cookies.
func (g *Group) Sticky() bool { return g.values != nil }

// Find returns which target the value of a cookie names. It returns false for a value that is forged, of another route, or
// of a target that the group does not have. It takes the same time however much of the value is right.
func (g *Group) Find(value string) (index int, found bool) {
	t, ok := parseToken(value)
	if !ok {
		return 0, false
	}
	for i := range g.values {
		if g.values[i][0]^t[0]|g.values[i][1]^t[1] == 0 {
			index, found = i, true
		}
	}
	return index, found
}

// ReadCookie returns which target a Cookie field names: that of the first cookie with our name that Find knows. There may
// be several, of nested prefixes, and a field for each.
func (g *Group) ReadCookie(field string) (index int, found bool) {
	if !g.Sticky() {
		return 0, false
	}
	for field != "" {
		var value string
		if value, field, found = nextCookie(field); !found {
			return 0, false
		}
		if index, found = g.Find(value); found {
			return index, true
		}
	}
	return 0, false
}

// SetCookie returns a Set-Cookie field (RFC 6265) that binds the client to a target until the browser is closed. Prefix is
// where the route is mounted, and secure says whether the client uses TLS. It is empty for a group that is not sticky.
func (g *Group) SetCookie(index int, prefix string, secure bool) string {
	if !g.Sticky() {
		return ""
	}
	field := CookieName + "=" + g.values[index].String() + "; Path=" + cookiePath(prefix) + "; HttpOnly; SameSite=Lax"
	if secure {
		field += "; Secure"
	}
	return field
}

// cookiePath is the path of a prefix's cookies. A segment with characters that an attribute cannot hold is cut off, with
// all that follows: the cookie then goes to more addresses, where it has no meaning.
func cookiePath(prefix string) string {
	bad := strings.IndexFunc(prefix, func(r rune) bool { return r == ';' || r < ' ' || r >= 0x7f })
	if bad >= 0 {
		prefix = prefix[:strings.LastIndexByte(prefix[:bad], '/')+1]
	}
	if !strings.HasPrefix(prefix, "/") {
		return "/"
	}
	return prefix
}
