// Package header holds the fields of HTTP messages (RFC 9110 section 5) in the order and spelling in which they were
// sent. It knows which names the gateway treats specially, and nothing of how messages are read or written. Strings in a
// Header may be borrowed from a buffer of the connection: they are valid while the message is processed. Clone a string to
// keep it longer.
package header

import "slices"

// Field is one field line. Name is case-insensitive; Kind is that of Name, so that the name need not be compared again.
type Field struct {
	Name, Value string
	Kind        Kind
}

// Header is a list of field lines. The zero value is empty. Its methods never change the bytes of its strings.
type Header []Field

// Add appends a field.
func (h *Header) Add(name, value string) {
	*h = append(*h, Field{Name: name, Value: value, Kind: KindOf(name)})
}

// Append is Add for a field whose kind is known, which saves looking it up.
func (h *Header) Append(kind Kind, name, value string) {
	*h = append(*h, Field{Name: name, Value: value, Kind: kind})
}

// Del removes all fields of that name.
func (h *Header) Del(name string) {
	kind := KindOf(name)
	*h = slices.DeleteFunc(*h, func(f Field) bool { return f.is(kind, name) })
}

// Drop removes all fields of the kinds in the set.
func (h *Header) Drop(kinds Set) {
	kept := (*h)[:0]
	for _, f := range *h {
		if !kinds.Has(f.Kind) {
			kept = append(kept, f)
		}
	}
	*h = kept
}

// Lookup returns the first value of that name, and whether there is one.
func (h Header) Lookup(name string) (string, bool) {
	kind := KindOf(name)
	for i := range h {
		if h[i].is(kind, name) {
			return h[i].Value, true
		}
	}
	return "", false
}

// First returns the first value of that kind, and whether there is one. It is Lookup for a kind that one name has.
func (h Header) First(kind Kind) (string, bool) {
	for i := range h {
		if h[i].Kind == kind {
			return h[i].Value, true
		}
	}
	return "", false
}

func (f *Field) is(kind Kind, name string) bool {
	return f.Kind == kind && (!grouped.Has(kind) || EqualFold(f.Name, name))
}

// EqualFold compares names without regard to ASCII case. Unlike strings.EqualFold it folds nothing else.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower[a[i]] != lower[b[i]] {
			return false
		}
	}
	return true
}

// lower maps each octet to its lower case.
var lower = func() (table [256]byte) {
	for c := range table {
		table[c] = byte(c)
		if 'A' <= c && c <= 'Z' {
			table[c] += 'a' - 'A'
		}
	}
	return table
}()
