package http1

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"gateway/proxy/header"
)

// ample are limits that nothing here reaches.
var ample = Limits{Bytes: 64 << 10, Fields: 128}

const smallHead = "GET /robots/page?x=1 HTTP/1.1\r\nHost: example.org\r\nUser-Agent: load/1.0\r\nAccept: */*\r\n" +
	"Accept-Encoding: gzip, deflate\r\nX-Session: 0123456789abcdef\r\n\r\n"

var browserHead = "GET /robots/assets/app.js?v=1f3870be274f6c49b3e31a0c6728957f HTTP/1.1\r\n" + strings.Join([]string{
	"Host: example.org",
	"Connection: keep-alive",
	`sec-ch-ua: "Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"`,
	"sec-ch-ua-mobile: ?0",
	`sec-ch-ua-platform: "Windows"`,
	"Upgrade-Insecure-Requests: 1",
	"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
	"Sec-Fetch-Site: same-origin",
	"Sec-Fetch-Mode: navigate",
	"Sec-Fetch-Dest: document",
	"Referer: https://example.org/robots/index.html?from=newsletter",
	"Accept-Encoding: gzip, deflate, br, zstd",
	"Accept-Language: en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7",
	"Cookie: session=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.Et9HFtf9R3GEMA0IICOfFMVXY7kkTX1wr4qCyIf58; theme=dark",
}, "\r\n") + "\r\n\r\n"

const responseHead = "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\n" +
	"Content-Length: 1024\r\nConnection: keep-alive\r\nVary: Accept-Encoding\r\nETag: \"5e5b9c5a-400\"\r\nCache-Control: max-age=0\r\n\r\n"

func benchmarkRequest(b *testing.B, head string) {
	buf := []byte(head)
	r := Request{Header: make(header.Header, 0, 32)}
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := ParseRequest(&r, buf, ample); n != len(buf) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkParseRequest_Small(b *testing.B) { benchmarkRequest(b, smallHead) }

func BenchmarkParseRequest_Browser(b *testing.B) { benchmarkRequest(b, browserHead) }

func BenchmarkParseResponse(b *testing.B) {
	buf := []byte(responseHead)
	r := Response{Header: make(header.Header, 0, 32)}
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := ParseResponse(&r, buf, "GET", ample); n != len(buf) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkAppendFields(b *testing.B) {
	var r Request
	if _, err := ParseRequest(&r, []byte(browserHead), ample); err != nil {
		b.Fatal(err)
	}
	out := make([]byte, 0, 2*len(browserHead))
	b.SetBytes(int64(len(browserHead)))
	b.ReportAllocs()
	for b.Loop() {
		out = AppendFields(out[:0], r.Header)
	}
}

func BenchmarkDecoder(b *testing.B) {
	for _, size := range []int{16, 1024, 16 << 10} {
		chunk := AppendChunk(nil, size)
		chunk = append(append(chunk, bytes.Repeat([]byte("x"), size)...), "\r\n"...)
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			var d Decoder
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if piece, n, _, err := d.Next(chunk); len(piece) != size || n != len(chunk) || err != nil {
					b.Fatal(len(piece), n, err)
				}
			}
		})
	}
}
