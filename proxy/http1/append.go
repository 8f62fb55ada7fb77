package http1

import (
	"strconv"

	"gateway/proxy/header"
)

// AppendField appends one field line. It replaces line breaks and NUL, which only an edited field can have, with spaces
// (RFC 9110 section 5.5), so that no edit can inject another line.
func AppendField(b []byte, name, value string) []byte {
	start := len(b)
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	if !plain(b, start) {
		oneLine(b[start:])
	}
	return append(b, "\r\n"...)
}

// oneLine replaces what could end a line with spaces.
func oneLine(b []byte) {
	for i, c := range b {
		if c == '\r' || c == '\n' || c == 0 {
			b[i] = ' '
		}
	}
}

// AppendFields appends all fields of h.
func AppendFields(b []byte, h header.Header) []byte {
	for i := range h {
		b = AppendField(b, h[i].Name, h[i].Value)
	}
	return b
}

// AppendRequestLine appends the first line of a request. It replaces line breaks and NUL with spaces, which servers refuse
// there.
func AppendRequestLine(b []byte, method, path, query string) []byte {
	start := len(b)
	b = append(b, method...)
	b = append(b, ' ')
	b = append(b, path...)
	b = append(b, query...)
	if !plain(b, start) {
		oneLine(b[start:])
	}
	return append(b, " HTTP/1.1\r\n"...)
}

// AppendStatusLine appends the first line of a response. The reason may be empty; the space before it stays.
func AppendStatusLine(b []byte, status int, reason string) []byte {
	start := len(b)
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, reason...)
	if !plain(b, start) {
		oneLine(b[start:])
	}
	return append(b, "\r\n"...)
}

// AppendLength appends a Content-Length field.
func AppendLength(b []byte, length int64) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, length, 10)
	return append(b, "\r\n"...)
}

// AppendChunk appends the line that begins a chunk of n bytes; the bytes and a CRLF follow it.
func AppendChunk(b []byte, n int) []byte {
	b = strconv.AppendInt(b, int64(n), 16)
	return append(b, "\r\n"...)
}

// AppendLastChunk appends the end of a chunked body with its trailer fields.
func AppendLastChunk(b []byte, trailers header.Header) []byte {
	b = append(b, "0\r\n"...)
	b = AppendFields(b, trailers)
	return append(b, "\r\n"...)
}
