package site

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// old is a time of change that nothing in the cache mistrusts.
var old = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// write puts files into dir, all of the same age.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(full, old, old); err != nil {
			t.Fatal(err)
		}
	}
}

// serve opens a site of the files.
func serve(t *testing.T, config Config, files map[string]string) *Site {
	t.Helper()
	if config.Root == "" {
		config.Root = t.TempDir()
	}
	write(t, config.Root, files)
	s, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// ask sends one request; headers come in pairs.
func ask(t *testing.T, s *Site, method, target string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSite_AnswersWithFilesAndIndexes(t *testing.T) {
	s := serve(t, Config{}, map[string]string{
		"index.html": "home", "sub/index.html": "sub", "sub/a b+c.txt": "plain", "한글.html": "korean",
		".well-known/security.txt": "contact",
	})
	for target, want := range map[string]string{
		"/": "home", "/index.html": "home", "/sub/": "sub", "/sub/a%20b+c.txt": "plain",
		"/%ED%95%9C%EA%B8%80.html": "korean", "/.well-known/security.txt": "contact",
	} {
		r := ask(t, s, "GET", target)
		if got := body(t, r); r.StatusCode != 200 || got != want {
			t.Errorf("%s: %d %q, want 200 %q", target, r.StatusCode, got, want)
		}
		if got := r.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options %q", target, got)
		}
		if head := ask(t, s, "HEAD", target); head.StatusCode != 200 || body(t, head) != "" || head.ContentLength != int64(len(want)) {
			t.Errorf("HEAD %s: %d, length %d", target, head.StatusCode, head.ContentLength)
		}
	}
}

func TestSite_RedirectsFoldersRelatively(t *testing.T) {
	s := serve(t, Config{}, map[string]string{"sub/index.html": "", "sub/a:b/index.html": "", "bare/file.txt": "x"})
	for target, want := range map[string]string{
		"/sub": "./sub/", "/sub?x=%2F&y": "./sub/?x=%2F&y", "/sub/a:b": "./a:b/", "/sub/a%3Ab": "./a:b/",
	} {
		r := ask(t, s, "GET", target)
		if got := r.Header.Get("Location"); r.StatusCode != http.StatusPermanentRedirect || got != want {
			t.Errorf("%s: %d to %q, want 308 to %q", target, r.StatusCode, got, want)
		}
	}
	for _, target := range []string{"/bare", "/bare/", "/sub/index.html/"} {
		if r := ask(t, s, "GET", target); r.StatusCode != 404 {
			t.Errorf("%s: %d, want 404: no listing, no folder without an index", target, r.StatusCode)
		}
	}
}

func TestSite_IgnoresAFolderNamedLikeAnIndex(t *testing.T) {
	s := serve(t, Config{SPA: true}, map[string]string{"index.html/x.txt": "", "sub/index.html/x.txt": ""})
	for _, target := range []string{"/", "/sub", "/sub/", "/app"} {
		if r := ask(t, s, "GET", target, "Accept", "text/html"); r.StatusCode != 404 {
			t.Errorf("%s: %d to %q, want 404", target, r.StatusCode, r.Header.Get("Location"))
		}
	}
}

func TestSite_HidesWhatIsNotPlainlyThere(t *testing.T) {
	dir := t.TempDir()
	outside := t.TempDir()
	write(t, outside, map[string]string{"secret.txt": "SECRET", "d/index.html": "SECRET"})
	write(t, dir, map[string]string{
		"index.html": "home", "a.txt": "a", ".env": "SECRET", ".git/config": "SECRET", "sub/.htpasswd": "SECRET",
		"sub/..data/x": "SECRET", ".well-known/.hidden": "SECRET", "sub/.well-known/x": "SECRET",
	})
	links := map[string]string{
		"out.txt": filepath.Join(outside, "secret.txt"), "up.txt": "../" + filepath.Base(outside) + "/secret.txt",
		"out": filepath.Join(outside, "d"), "loop": "loop", "gone": "nothing",
	}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, Config{Root: dir}, nil)
	for _, target := range []string{
		"/.env", "/%2eenv", "/.git/config", "/%2egit/config", "/sub/.htpasswd", "/sub/..data/x", "/.well-known/.hidden",
		"/sub/.well-known/x", "/..", "/../secret.txt", "/%2e%2e/secret.txt", "/%2E%2E%2Fsecret.txt", "/..%2fsecret.txt",
		"/sub/../a.txt", "/sub/%2e%2e/a.txt", "/./a.txt", "/%2e/a.txt", "/sub%2f..%2fa.txt", "/sub%2Fx", "//a.txt",
		"/sub//x", "/%2fa.txt", "/%2f%2fetc/passwd", `/..%5c..%5csecret.txt`, "/a.txt%00", "/a.txt%00.html",
		"/a%0a.txt", "/%ff.txt", "/%c0%ae%c0%ae/secret.txt", "/a.txt/", "/a.txt/b", "/out.txt", "/up.txt", "/out", "/out/",
		"/loop", "/gone", "/" + strings.Repeat("n", 300), "/" + strings.Repeat("d/", 3000) + "x",
	} {
		r := ask(t, s, "GET", target)
		if got := body(t, r); r.StatusCode != 404 || strings.Contains(got, "SECRET") {
			t.Errorf("%.60s: %d %.60q, want 404", target, r.StatusCode, got)
		}
	}
	if r := ask(t, s, "GET", "/a.txt"); r.StatusCode != 200 {
		t.Errorf("/a.txt: %d, want 200", r.StatusCode)
	}
}

func TestSite_FollowsLinksInside(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"releases/5/index.html": "five"})
	if err := os.Symlink("releases/5", filepath.Join(dir, "current")); err != nil {
		t.Fatal(err)
	}
	if got := body(t, ask(t, serve(t, Config{Root: dir}, nil), "GET", "/current/")); got != "five" {
		t.Errorf("/current/: %q, want the file behind the link", got)
	}
}

func TestSite_TellsTheOwnerOfUnreadableFiles(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, nil)
	for cause, status := range map[error]int{fs.ErrPermission: 403, syscall.EIO: 500} {
		w := httptest.NewRecorder()
		s.current.refuse(w, httptest.NewRequest("GET", "/", nil), target{name: "private.txt"}, &fs.PathError{Op: "openat", Err: cause})
		if w.Code != status || !strings.Contains(log.String(), "file=private.txt") {
			t.Errorf("%v: %d, log %q; want %d and the file's name", cause, w.Code, log.String(), status)
		}
		log.Reset()
	}
}

func TestSite_RefusesOtherMethods(t *testing.T) {
	s := serve(t, Config{SPA: true}, map[string]string{"index.html": "home"})
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"} {
		r := ask(t, s, method, "/")
		if r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, r.StatusCode, r.Header.Get("Allow"))
		}
	}
}

func TestSite_SPAFallsBackForPagesOnly(t *testing.T) {
	files := map[string]string{"index.html": "app", "real.txt": "file", "404.html": "own"}
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	on, off := serve(t, Config{SPA: true}, files), serve(t, Config{}, files)
	for _, c := range []struct {
		site           *Site
		target, accept string
		status         int
	}{
		{on, "/users/7", browser, 200},
		{on, "/users/", browser, 200},
		{on, "/users/7", "*/*", 404},
		{on, "/users/7", "", 404},
		{on, "/users/7", "text/html;q=0", 404},
		{on, "/app.js", browser, 404},
		{on, "/.env", browser, 404},
		{on, "/%2e%2e/x", browser, 404},
		{on, "/real.txt", browser, 200},
		{off, "/users/7", browser, 404},
	} {
		r := ask(t, c.site, "GET", c.target, "Accept", c.accept)
		if r.StatusCode != c.status {
			t.Errorf("SPA %v %s Accept %q: %d, want %d", c.site.spa, c.target, c.accept, r.StatusCode, c.status)
		}
	}
	r := ask(t, on, "GET", "/users/7", "Accept", browser)
	if r.Header.Get("Cache-Control") != "no-cache" || !strings.Contains(strings.Join(r.Header.Values("Vary"), ","), "Accept") || body(t, r) != "app" {
		t.Errorf("fallback: %v", r.Header)
	}
}

func TestSite_NotFoundUsesTheSitesOwnPage(t *testing.T) {
	r := ask(t, serve(t, Config{}, map[string]string{"404.html": "<p>own"}), "GET", "/nothing")
	if got := body(t, r); r.StatusCode != 404 || got != "<p>own" || r.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("own page: %d %q %v", r.StatusCode, got, r.Header)
	}
	if r.Header.Get("ETag") != "" || r.Header.Get("Last-Modified") != "" {
		t.Errorf("a 404 carries validators: %v", r.Header)
	}
	bare := serve(t, Config{}, nil)
	if got := body(t, ask(t, bare, "GET", "/nothing")); !strings.Contains(got, "Page not found") {
		t.Errorf("built-in page: %q", got)
	}
	if r := ask(t, bare, "HEAD", "/nothing"); r.StatusCode != 404 || body(t, r) != "" {
		t.Errorf("HEAD: %d with a body", r.StatusCode)
	}
}

func TestSite_ServesNamesByTheirBytes(t *testing.T) {
	const nfc, nfd = "caf\u00e9", "cafe\u0301"
	euckr := "\xc7\xd1\xb1\xb9"
	files := map[string]string{
		euckr + ".txt": "euckr", euckr + "/index.html": "folder", `img\a.png`: "backslash", "new\nline.txt": "newline",
		nfd + ".txt": "nfd", nfc + "-2.txt": "nfc", "both-" + nfc: "composed", "both-" + nfd: "decomposed", "q?.txt": "q", "h#.txt": "h",
	}
	s := serve(t, Config{}, files)
	for name, want := range map[string]string{
		euckr + ".txt": "euckr", euckr + "/": "folder", `img\a.png`: "backslash", "new\nline.txt": "newline", "q?.txt": "q", "h#.txt": "h",
		nfd + ".txt": "nfd", nfc + ".txt": "nfd", nfc + "-2.txt": "nfc", nfd + "-2.txt": "nfc",
		"both-" + nfc: "composed", "both-" + nfd: "decomposed",
	} {
		r := ask(t, s, "GET", "/"+strings.ReplaceAll(url.PathEscape(name), "%2F", "/"))
		if got := body(t, r); r.StatusCode != 200 || got != want {
			t.Errorf("%q: %d %q, want %q", name, r.StatusCode, got, want)
		}
	}
	r := ask(t, s, "GET", "/%C7%D1%B1%B9")
	if r.StatusCode != 308 || r.Header.Get("Location") != "./%C7%D1%B1%B9/" {
		t.Errorf("the folder: %d to %q", r.StatusCode, r.Header.Get("Location"))
	}
}

func TestSite_NotFoundLeadsHome(t *testing.T) {
	s := serve(t, Config{}, nil)
	for target, home := range map[string]string{
		"/x": `href="./"`, "/a/b/x": `href="../../"`, "/a/b/": `href="../../"`, "/" + strings.Repeat("a/", 100): "",
	} {
		r := ask(t, s, "GET", target, "Accept", "text/html", "Accept-Language", "ko", "X-Request-Id", "0123")
		got := body(t, r)
		if r.StatusCode != 404 || !strings.Contains(got, "페이지를 찾을 수 없습니다") || !strings.Contains(got, "0123") || !strings.Contains(got, home) {
			t.Errorf("%.40s: %d\n%s", target, r.StatusCode, got)
		}
		if home == "" && strings.Contains(got, "href") {
			t.Errorf("%.40s has a link", target)
		}
	}
}

func TestOpen_NamesTheFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"file": ""})
	for _, root := range []string{filepath.Join(dir, "nothing"), filepath.Join(dir, "file")} {
		if _, err := Open(Config{Root: root}); err == nil || !strings.Contains(err.Error(), root) {
			t.Errorf("Open(%q): %v, want an error that names it", root, err)
		}
	}
}

func TestSite_ServeFinishesDownloadsUnderWay(t *testing.T) {
	s := serve(t, Config{}, map[string]string{"big.bin": strings.Repeat("x", 32<<20)})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()

	r, err := http.Get("http://" + ln.Addr().String() + "/big.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	stop()
	if n, err := io.Copy(io.Discard, r.Body); err != nil || n != 32<<20 {
		t.Errorf("the download ended after %d bytes: %v", n, err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v, want nil after its context ended", err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("the listener is still open")
	}
}

func TestSite_ServeReportsABrokenListener(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := serve(t, Config{}, nil).Serve(t.Context(), ln); err == nil {
		t.Error("Serve on a closed listener returned nil")
	}
}
