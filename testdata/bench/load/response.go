package main

import "bytes"

// response is the parsed head of a response.
type response struct {
	status int
	length int // -1 when there is no Content-Length
	size   int // of the head
	close  bool
}

// parse reads the head of a response. It reports false when the head is not complete.
func parse(data []byte) (response, bool) {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		return response{}, false
	}
	a := response{length: -1, size: end + 4}
	if len(data) > 12 && string(data[:7]) == "HTTP/1." {
		a.status = number(data[9:12])
	}
	for rest := data[:end+2]; len(rest) > 0; {
		eol := bytes.IndexByte(rest, '\n')
		a.field(rest[:eol-1])
		rest = rest[eol+1:]
	}
	return a, true
}

// field reads a header line; only those whose first letter and length fit are compared.
func (a *response) field(line []byte) {
	if len(line) < 12 || line[0]|0x20 != 'c' {
		return
	}
	switch {
	case len(line) > 15 && line[14] == ':' && bytes.EqualFold(line[:14], []byte("content-length")):
		a.length = number(bytes.TrimSpace(line[15:]))
	case line[10] == ':' && bytes.EqualFold(line[:10], []byte("connection")):
		a.close = bytes.EqualFold(bytes.TrimSpace(line[11:]), []byte("close"))
	}
}

func number(digits []byte) int {
	n := 0
	for _, d := range digits {
		if d < '0' || d > '9' {
			return -1
		}
		n = n*10 + int(d-'0')
	}
	return n
}
