package engine

import (
	"net/http"
	"net/textproto"
	"slices"

	"gateway/proxy/header"
	"gateway/proxy/http1"
)

// gather adds the fields that are not hop-by-hop to the library's header. It copies the strings, which are borrowed in
// h, since the library keeps them. text is memory for the copies, and is returned to be reused.
func gather(out http.Header, h header.Header, text []byte) []byte {
	text = text[:0]
	count := 0
	for i := range h {
		if f := &h[i]; !header.Hop.Has(f.Kind) {
			text = append(append(text, f.Name...), f.Value...)
			count++
		}
	}
	own, values := string(text), make([]string, 0, count)
	for i := range h {
		f := &h[i]
		if header.Hop.Has(f.Kind) {
			continue
		}
		name, value := own[:len(f.Name)], own[len(f.Name):len(f.Name)+len(f.Value)]
		own = own[len(f.Name)+len(f.Value):]
		name = textproto.CanonicalMIMEHeaderKey(name)
		if before, several := out[name]; several {
			out[name] = append(before, value)
			continue
		}
		values = append(values, value)
		out[name] = values[len(values)-1 : len(values) : len(values)]
	}
	return text
}

// listed appends the library's fields to a header, sorted by name, without hop-by-hop fields.
func listed(h header.Header, fields http.Header) header.Header {
	for _, name := range sorted(nil, fields) {
		kind := header.KindOf(name)
		if header.Hop.Has(kind) {
			continue
		}
		for _, value := range fields[name] {
			h.Append(kind, name, value)
		}
	}
	return h
}

// trailersIn returns the library's trailer fields, without those that HTTP/1.1 does not allow in a trailer section.
func trailersIn(fields http.Header) header.Header {
	return slices.DeleteFunc(listed(nil, fields), func(f header.Field) bool { return !http1.IsTrailer(f.Kind, f.Name) })
}

// sorted appends the names of a header in sorted order.
func sorted(names []string, fields http.Header) []string {
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
