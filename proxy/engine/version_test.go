package engine

import (
	"net/http"
	"strings"
	"testing"
)

// For a client of HTTP/1.0 the end of the connection ends a body of unknown length, and there are no informational
// responses.
func TestVersion_OfOldClients(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct {
		connection, response string
		stays                bool
	}{
		"a length":               {"close", head + "Content-Length: 4\r\n\r\nbody", false},
		"a length, and stays":    {"keep-alive", head + "Content-Length: 4\r\n\r\nbody", true},
		"chunks":                 {"keep-alive", head + "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n", false},
		"hints":                  {"keep-alive", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + head + "Content-Length: 4\r\n\r\nbody", true},
		"neither":                {"keep-alive", head + "\r\nbody", false},
		"neither, of HTTP/1.0":   {"keep-alive", "HTTP/1.0 200 OK\r\n\r\nbody", false},
		"a length, of HTTP/1.0":  {"keep-alive", "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", true},
		"a promise, of HTTP/1.0": {"keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody", true},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := before(t, Config{}, func(p *peer, _ int) {
				for p.head() != "" {
					p.send("%s", c.response)
					if !strings.Contains(c.response, "Content-Length") {
						return
					}
				}
			})
			v := dial(t, r.address)
			v.send("GET / HTTP/1.0\r\nConnection: %s\r\n\r\n", c.connection)
			got := v.head()
			if !strings.HasPrefix(got, head) || strings.Contains(got, "Transfer-Encoding") || strings.Contains(got, "Connection: keep-alive") != c.stays {
				t.Errorf("it became %q", got)
			}
			v.expect("body")
			if c.stays {
				v.send("GET / HTTP/1.0\r\n\r\n")
				if _, body := v.response(http.MethodGet); body != "body" {
					t.Errorf("the next response is %q", body)
				}
			} else if rest, err := v.rest(); rest != "" || err != nil {
				t.Errorf("behind the body comes %q, %v", rest, err)
			}
		})
	}
}

// A target of HTTP/1.0 may keep its connection, and clients of HTTP/1.1 get their own version.
func TestVersion_OfOldTargets(t *testing.T) {
	for name, c := range map[string]struct {
		response string
		kept     bool
	}{
		"a length":             {"Content-Length: 4\r\n\r\nbody", false},
		"a length, and stays":  {"Connection: keep-alive\r\nContent-Length: 4\r\n\r\nbody", true},
		"neither":              {"\r\nbody", false},
		"neither, and a close": {"Connection: close\r\n\r\nbody", false},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := before(t, Config{}, func(p *peer, n int) {
				if n > 0 && c.kept {
					t.Error("the connection was not used again")
				}
				for p.head() != "" {
					p.send("HTTP/1.0 200 OK\r\n%s", c.response)
					if !c.kept {
						return
					}
				}
			})
			v := dial(t, r.address)
			for range 3 {
				resp, body := v.get("/")
				if resp.Proto != "HTTP/1.1" || body != "body" || resp.Close {
					t.Errorf("%s %s %q, close %v", resp.Proto, resp.Status, body, resp.Close)
				}
			}
		})
	}
}
