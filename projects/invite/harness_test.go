package invite

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gateway/projects/invite/link"
)

// TestMain lets the test binary be the process of a page, to be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("GATEWAY_TEST_INVITE"); dir != "" {
		servePage(dir)
		return
	}
	os.Exit(m.Run())
}

// servePage serves the page in dir until it is killed, and prints where.
func servePage(dir string) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s, err := Open(folders(dir, slog.New(slog.NewTextHandler(os.Stderr, nil))))
	if err != nil {
		panic(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("GATEWAY_TEST_PORT"))
	if err != nil {
		panic(err)
	}
	fmt.Println(ln.Addr())
	if err := s.Serve(ctx, ln); err != nil {
		panic(err)
	}
}

// folders is the configuration of a page below dir.
func folders(dir string, log *slog.Logger) Config {
	return Config{Page: filepath.Join(dir, "page"), Private: filepath.Join(dir, "private"), State: filepath.Join(dir, "state"), Log: log}
}

// secret is a link that no page may tell.
const secret = "https://join.slack.com/t/robots/shared_invite/zt-2secret~Token"

// lay makes the folders of a page with those settings and links.
func lay(t *testing.T, settings string, links ...link.Link) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"page", "private", "state"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "page", SettingsFile), settings)
	setLinks(t, dir, links...)
	return dir
}

func setLinks(t *testing.T, dir string, links ...link.Link) {
	t.Helper()
	var list link.List
	for _, l := range links {
		var err error
		if list, err = list.Set(l, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := list.Write(filepath.Join(dir, "private", LinksFile)); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// open prepares the page in dir.
func open(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Open(folders(dir, slog.New(slog.NewTextHandler(t.Output(), nil))))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answer is what a page answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// all is everything that came, for the sake of what must not be in it.
func (a answer) all() string { return fmt.Sprint(a.status, a.header, a.body) }

// ask makes a request from a client; form is nil for a GET.
func ask(s http.Handler, client, method, target string, form url.Values) answer {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, target, body)
	r.RemoteAddr = "172.18.0.2:40000"
	if client != "" {
		r.Header.Set("X-Forwarded-For", client)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

func get(s http.Handler, target string) answer { return ask(s, "", http.MethodGet, target, nil) }

// asked is a GET with one field.
func asked(s http.Handler, target, field, value string) answer {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set(field, value)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

var tokenForm = regexp.MustCompile(`action="\./(join|request)[^>]*>\s*<input type="hidden" name="token" value="([^"]+)"`)

// tokenIn is the token of a form on a page.
func tokenIn(t *testing.T, form, body string) string {
	t.Helper()
	for _, found := range tokenForm.FindAllStringSubmatch(body, -1) {
		if found[1] == form {
			return found[2]
		}
	}
	t.Fatalf("the page has no token to %s:\n%s", form, body)
	return ""
}

// prove does the work that the page's script does.
func prove(token string) string {
	for n := uint64(0); ; n++ {
		if zeros(token, n) >= workBits {
			return strconv.FormatUint(n, 10)
		}
	}
}

// proven is the form that the script of a page sends.
func provenForm(token string) url.Values {
	return url.Values{"token": {token}, "proof": {prove(token)}}
}

// countsIn are those on the disk.
func countsIn(t *testing.T, dir string) Counts {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "state", countsFile))
	if err != nil {
		t.Fatal(err)
	}
	var c Counts
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return c
}

// within waits for what has to come true.
func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(20*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("in vain waited for: %s", what)
		case <-tick.C:
		}
	}
}
