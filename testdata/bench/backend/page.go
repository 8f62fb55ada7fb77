package main

import (
	"bytes"
	"fmt"
	"strconv"
)

// pages are the bodies that are served: small ones ready to send, large ones as filler.
type pages struct {
	small  map[string][]byte
	filler []byte
}

func newPages(mark byte) pages {
	p := pages{small: map[string][]byte{}, filler: bytes.Repeat([]byte{mark}, 256<<10)}
	for _, size := range []int{0, 16, 128, 1 << 10, 4 << 10, 16 << 10, 64 << 10} {
		p.small[strconv.Itoa(size)] = page(p.filler[:size])
	}
	return p
}

// make returns a response of any size: its beginning, and how much filler follows.
func (p pages) make(size int) (first []byte, left int) {
	now := min(size, len(p.filler))
	return append(head(size), p.filler[:now]...), size - now
}

func page(body []byte) []byte { return append(head(len(body)), body...) }

// head is that of an ordinary response. The date is fixed: writing a true one would be the backend's work, and the
// proxies that replace it do so either way.
func head(size int) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n", size)
}
