package site

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// shelf is a folder of versions.
type shelf struct {
	t   *testing.T
	dir string
}

// put makes a version and puts it in force, as a deployment does.
func (v shelf) put(number int, files map[string]string) {
	v.t.Helper()
	write(v.t, filepath.Join(v.dir, strconv.Itoa(number), filesFolder), files)
	v.force(number)
}

func (v shelf) force(number int) {
	v.t.Helper()
	link := filepath.Join(v.dir, ".link")
	if err := os.Symlink(strconv.Itoa(number), link); err != nil {
		v.t.Fatal(err)
	}
	if err := os.Rename(link, filepath.Join(v.dir, currentLink)); err != nil {
		v.t.Fatal(err)
	}
}

func (v shelf) drop(number int) {
	v.t.Helper()
	if err := os.RemoveAll(filepath.Join(v.dir, strconv.Itoa(number))); err != nil {
		v.t.Fatal(err)
	}
}

// shelved serves a root with a page of its own, and a folder of versions that is empty yet.
func shelved(t *testing.T, config Config) (*Site, shelf) {
	t.Helper()
	v := shelf{t, t.TempDir()}
	config.Versions = v.dir
	return serve(t, config, map[string]string{"index.html": "root"}), v
}

func wants(t *testing.T, s *Site, target string, status int, text string) {
	t.Helper()
	r := ask(t, s, "GET", target)
	if got := body(t, r); r.StatusCode != status || !strings.Contains(got, text) {
		t.Errorf("%s: %d %q, want %d %q", target, r.StatusCode, got, status, text)
	}
}

func TestSite_ServesTheVersionInForce(t *testing.T) {
	s, v := shelved(t, Config{})
	wants(t, s, "/", 200, "root")
	v.put(1, map[string]string{"index.html": "one", "style.css": "one"})
	wants(t, s, "/", 200, "one")
	v.put(2, map[string]string{"index.html": "two"})
	wants(t, s, "/", 200, "two")
	wants(t, s, "/style.css", 404, "")
	v.force(1)
	wants(t, s, "/", 200, "one")
	// What was opened first is what is in force then.
	again, err := Open(Config{Root: t.TempDir(), Versions: v.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	wants(t, again, "/", 200, "one")
}

func TestSite_ShowsEditsOfTheVersionInForce(t *testing.T) {
	s, v := shelved(t, Config{})
	v.put(1, map[string]string{"index.html": "one"})
	wants(t, s, "/", 200, "one")
	write(t, filepath.Join(v.dir, currentLink, filesFolder), map[string]string{"index.html": "edited"})
	wants(t, s, "/", 200, "edited")
}

func TestSite_KeepsTheVersionWhileTheLinkLeadsNowhere(t *testing.T) {
	s, v := shelved(t, Config{})
	v.put(1, map[string]string{"index.html": "one"})
	wants(t, s, "/", 200, "one")
	v.force(7)
	wants(t, s, "/", 200, "one")
	if err := os.Remove(filepath.Join(v.dir, currentLink)); err != nil {
		t.Fatal(err)
	}
	wants(t, s, "/", 200, "one")
	// A file in the place of the folder of files is no version either.
	write(t, filepath.Join(v.dir, "8"), map[string]string{filesFolder: "a file"})
	v.force(8)
	wants(t, s, "/", 200, "one")
}

func TestSite_TellsVersionsOfOneNumberApart(t *testing.T) {
	s, v := shelved(t, Config{})
	v.put(1, map[string]string{"index.html": "one"})
	v.put(2, map[string]string{"index.html": "failed"})
	wants(t, s, "/", 200, "failed")
	// Nobody asks while a failed version is taken back and its number is given again.
	v.force(1)
	v.drop(2)
	v.put(2, map[string]string{"index.html": "fixed"})
	wants(t, s, "/", 200, "fixed")
}

func TestSite_FinishesDownloadsOfAVersionThatIsGone(t *testing.T) {
	const size = 8 << 20
	s, v := shelved(t, Config{})
	v.put(1, map[string]string{"film.mp4": strings.Repeat("1", size)})
	out, in := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), "GET", "/film.mp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		s.ServeHTTP(&piped{in, http.Header{}}, request)
		in.Close()
	}()
	head := make([]byte, 1000)
	if _, err := io.ReadFull(out, head); err != nil {
		t.Fatal(err)
	}
	v.put(2, map[string]string{"film.mp4": strings.Repeat("2", size)})
	v.drop(1)
	for range lingerCount + 2 {
		v.force(2)
		wants(t, s, "/film.mp4", 200, "2222")
	}
	rest, err := io.ReadAll(out)
	if err != nil || len(rest) != size-1000 || strings.Contains(string(rest), "2") {
		t.Errorf("the download went on with %d bytes, %v", len(rest), err)
	}
}

// piped is a response whose reader decides when it goes on.
type piped struct {
	io.Writer
	header http.Header
}

func (p *piped) Header() http.Header { return p.header }
func (p *piped) WriteHeader(int)     {}

func TestSite_LetsPartsOfOpenPagesLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, v := shelved(t, Config{SPA: true})
		v.put(1, map[string]string{
			"index.html": "one", "assets/index-BkX3k9_a.js": "script", "app.3f2a9c1b.css": "style", "img/logo.0123abcd.png": "logo",
			"secret.html": "secret", "secret-0123abcd.html": "secret", "letter.pdf": "secret", "photo-IMG20240.jpg": "secret", "main.js": "plain",
		})
		wants(t, s, "/", 200, "one")
		v.put(2, map[string]string{"index.html": "two"})
		for target, text := range map[string]string{"/assets/index-BkX3k9_a.js": "script", "/app.3f2a9c1b.css": "style", "/img/logo.0123abcd.png": "logo"} {
			wants(t, s, target, 200, text)
		}
		for _, gone := range []string{"/secret.html", "/secret-0123abcd.html", "/letter.pdf", "/photo-IMG20240.jpg", "/main.js", "/assets/index-BkX3k9_a.js/"} {
			wants(t, s, gone, 404, "Page not found")
		}
		time.Sleep(lingerTime - time.Minute)
		v.put(3, map[string]string{"index.html": "three", "app.3f2a9c1b.css": "newer"})
		wants(t, s, "/assets/index-BkX3k9_a.js", 200, "script")
		wants(t, s, "/app.3f2a9c1b.css", 200, "newer")
		time.Sleep(time.Minute)
		wants(t, s, "/assets/index-BkX3k9_a.js", 404, "")
	})
}

func TestSite_BoundsWhatLingers(t *testing.T) {
	s, v := shelved(t, Config{})
	for n := 1; n <= lingerCount+2; n++ {
		v.put(n, map[string]string{"index.html": strconv.Itoa(n), "app-0000000" + strconv.Itoa(n) + "a.js": "script"})
		wants(t, s, "/", 200, strconv.Itoa(n))
	}
	wants(t, s, "/app-00000001a.js", 404, "")
	wants(t, s, "/app-00000002a.js", 200, "script")
	if n := len(s.earlier); n > lingerCount {
		t.Errorf("%d editions are kept open", n)
	}
}

func TestLingers_TellsHashesFromWords(t *testing.T) {
	for name, want := range map[string]bool{
		"index-BkX3k9_a.js": true, "index-D-x8_a1B.css": true, "chunk-ABCD2345.js": true, "main.0a1b2c3d4e5f60718293.js": true,
		"inter.DiVDrmQJ.woff2": true, "app.3f2a9c1b.js.map": true,
		"app-settings.js": false, "report-20240101.js": false, "main.js": false, "-ABCD2345.js": false, "xABCD2345.js": false,
		"index-BkX3k9_a.html": false, "a.3f2a9c1b.html": false, "index-BkX3k9_a.pdf": false, "index-BkX3k9 a.js": false, "": false,
	} {
		if got := lingers(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestSite_AnswersFromOneVersionWhileVersionsChange(t *testing.T) {
	s, v := shelved(t, Config{})
	page := func(n int) map[string]string {
		id := strconv.Itoa(n)
		return map[string]string{"index.html": strings.Repeat(id+" ", 2000), "app-0000000" + id + "a.js": id}
	}
	v.put(1, page(1))
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				text := body(t, ask(t, s, "GET", "/"))
				if id, _, _ := strings.Cut(text, " "); id == "" || text != strings.Repeat(id+" ", 2000) {
					t.Errorf("a mixed page: %.40q", text)
				}
			}
		})
	}
	for n := range 200 {
		if n < 8 {
			v.put(n+2, page(n+2))
		} else {
			v.force(n%9 + 1)
		}
	}
	close(stop)
	readers.Wait()
	for _, e := range append(s.earlier, s.current) {
		if e.users != 0 {
			t.Errorf("%d users are left of an edition", e.users)
		}
	}
}
