package site

import (
	"fmt"
	"strings"
	"testing"
)

func TestSite_IgnoresRangesAsRFC9110Says(t *testing.T) {
	const content = "0123456789abcdefghij"
	s := serve(t, Config{}, map[string]string{"v.bin": content, "empty.bin": ""})
	many := func(n int) string {
		var specs []string
		for i := range n {
			specs = append(specs, fmt.Sprintf("%d-%d", i, i))
		}
		return "bytes=" + strings.Join(specs, ",")
	}
	for _, c := range []struct {
		name, method, target string
		fields               []string
		status               int
		want                 string
	}{
		{"one range", "GET", "/v.bin", []string{"Range", "bytes=2-4"}, 206, "234"},
		{"open range", "GET", "/v.bin", []string{"Range", "bytes=18-"}, 206, "ij"},
		{"suffix", "GET", "/v.bin", []string{"Range", "bytes=-3"}, 206, "hij"},
		{"unit in another case", "GET", "/v.bin", []string{"Range", "Bytes=2-4"}, 206, "234"},
		{"empty list elements", "GET", "/v.bin", []string{"Range", "bytes=,2-4, ,"}, 206, "234"},
		{"beyond the end", "GET", "/v.bin", []string{"Range", "bytes=99-"}, 416, ""},
		{"another unit", "GET", "/v.bin", []string{"Range", "lines=1-2"}, 200, content},
		{"no unit", "GET", "/v.bin", []string{"Range", "1-2"}, 200, content},
		{"reversed", "GET", "/v.bin", []string{"Range", "bytes=4-2"}, 200, content},
		{"words", "GET", "/v.bin", []string{"Range", "bytes=a-b"}, 200, content},
		{"a sign", "GET", "/v.bin", []string{"Range", "bytes=+1-2"}, 200, content},
		{"empty", "GET", "/v.bin", []string{"Range", "bytes="}, 200, content},
		{"a dash", "GET", "/v.bin", []string{"Range", "bytes=-"}, 200, content},
		{"too large a number", "GET", "/v.bin", []string{"Range", "bytes=0-99999999999999999999"}, 200, content},
		{"two fields", "GET", "/v.bin", []string{"Range", "bytes=0-1", "Range", "bytes=2-3"}, 200, content},
		{"17 ranges", "GET", "/v.bin", []string{"Range", many(17)}, 200, content},
		{"HEAD", "HEAD", "/v.bin", []string{"Range", "bytes=2-4"}, 200, ""},
		{"HEAD beyond the end", "HEAD", "/v.bin", []string{"Range", "bytes=99-"}, 200, ""},
		{"the last 0 bytes", "GET", "/v.bin", []string{"Range", "bytes=-0"}, 416, ""},
		{"the last 0 bytes and others", "GET", "/v.bin", []string{"Range", "bytes=-00,2-4"}, 206, "234"},
		{"more than there is", "GET", "/v.bin", []string{"Range", "bytes=-99"}, 206, content},
		{"a suffix of an empty file", "GET", "/empty.bin", []string{"Range", "bytes=-5"}, 200, ""},
		{"an empty file", "GET", "/empty.bin", []string{"Range", "bytes=0-"}, 200, ""},
	} {
		r := ask(t, s, c.method, c.target, c.fields...)
		got := body(t, r)
		if r.StatusCode != c.status || c.status != 416 && got != c.want {
			t.Errorf("%s: %d %q, want %d %q", c.name, r.StatusCode, got, c.status, c.want)
		}
		if c.method == "HEAD" && r.Header.Get("Content-Length") != "20" {
			t.Errorf("%s: Content-Length %q, want that of the whole file", c.name, r.Header.Get("Content-Length"))
		}
	}
	r := ask(t, s, "GET", "/v.bin", "Range", many(16))
	if got := body(t, r); r.StatusCode != 206 || strings.Count(got, "Content-Range:") != 16 {
		t.Errorf("16 ranges: %d with %d parts", r.StatusCode, strings.Count(got, "Content-Range:"))
	}
}

func TestSite_CompressesWhereARangeIsIgnored(t *testing.T) {
	s := serve(t, Config{}, map[string]string{"a.txt": strings.Repeat("text ", 1000)})
	for _, method := range []string{"GET", "HEAD"} {
		r := ask(t, s, method, "/a.txt", "Range", "lines=1-2", "Accept-Encoding", "gzip")
		if r.StatusCode != 200 || r.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %d, encoding %q", method, r.StatusCode, r.Header.Get("Content-Encoding"))
		}
	}
}
