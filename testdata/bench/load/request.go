package main

import (
	"bytes"
	"fmt"
	"strings"
)

// chrome is the head of a page's subrequest as Chrome sends it on Linux, with the cookies of an ordinary shop.
const chrome = `Connection: keep-alive
sec-ch-ua: "Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"
sec-ch-ua-mobile: ?0
sec-ch-ua-platform: "Linux"
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36
Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: no-cors
Sec-Fetch-Dest: image
Referer: http://127.0.0.1/shop/catalogue?category=keyboards&page=3
Accept-Encoding: gzip, deflate, br, zstd
Priority: u=1, i
Accept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7
Cookie: _ga=GA1.1.1263479182.1761234567; session=eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjoiMTAyNCJ9.pV8mXk1c0mB3mGkq0T5l9w; csrftoken=Yk3qfT9uW0aZb7rXo2Nn; consent=necessary.statistics; theme=dark; lang=de; _ga_7ZQ2K=GS2.1.s1761234567$o4$g1$t1761235678$j52$l0$h0; basket=b7d0c1f2-6a53-4c7e-9a42-1f8e3d5c6b70
`

// requests makes the requests that are sent in turn, one for each route.
func (p plan) requests() [][]byte {
	fields := "User-Agent: bench\r\nAccept: */*\r\n"
	if p.browser {
		fields = strings.ReplaceAll(chrome, "\n", "\r\n")
	}
	if p.fresh {
		fields += "Connection: close\r\n"
	}
	method, body := "GET", []byte(nil)
	if p.upload > 0 {
		method, body = "POST", bytes.Repeat([]byte("u"), p.upload)
		fields += fmt.Sprintf("Content-Type: application/octet-stream\r\nContent-Length: %d\r\n", p.upload)
	}
	all := make([][]byte, p.routes)
	for i := range all {
		head := fmt.Appendf(nil, "%s /p%d/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n", method, i+1, p.path, p.port, fields)
		all[i] = append(head, body...)
	}
	return all
}
