package main_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// site is where clients reach the lane's gateway by its name.
const site = "http://gw.test:" + port

// need fails the test when the engine lacks an image of a template, which a machine without a registry builds itself.
func need(t *testing.T, images ...string) {
	t.Helper()
	for _, image := range images {
		if out := docker(t, "images", "-q", image); out == "" {
			t.Fatalf("the engine has no image %s; build it with: testdata/images/build.sh", image)
		}
	}
}

// browser keeps cookies, finds gw.test without a name server, and follows redirects.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var dialer net.Dialer
	return &http.Client{Jar: jar, Timeout: time.Minute, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, "127.0.0.1:"+port)
		},
	}}
}

// send makes one request, given as method and address, and returns the answer, read whole, and the address that it came from.
func send(t *testing.T, c *http.Client, line, body string, headers ...string) (answer, string) {
	t.Helper()
	method, to, _ := strings.Cut(line, " ")
	r, err := http.NewRequestWithContext(t.Context(), method, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}, res.Request.URL.String()
}

const form = "application/x-www-form-urlencoded"

func TestDev_LetsInWhoHasThePasswordAndKeepsTheHome(t *testing.T) {
	need(t, "codercom/code-server:latest")
	must(t, "add", "dev", "--path", "/e2e-dev/ada")
	t.Cleanup(func() { gateway("rm", "e2e-dev-ada", "--yes") })
	secret, err := os.ReadFile(filepath.Join(lane.projects, "e2e-dev-ada", "secrets", "password"))
	if err != nil {
		t.Fatal(err)
	}
	at, c := site+"/e2e-dev/ada", browser(t)
	if a, from := send(t, c, "GET "+at+"/", ""); a.status != http.StatusOK || !strings.HasPrefix(from, at+"/login") {
		t.Errorf("a stranger gets %d from %s", a.status, from)
	}
	if a, _ := send(t, c, "POST "+at+"/login", "password=guess", "Content-Type", form); a.status != http.StatusUnauthorized {
		t.Errorf("a guess gets %d", a.status)
	}
	right := url.Values{"password": {strings.TrimSpace(string(secret))}}.Encode()
	if a, from := send(t, c, "POST "+at+"/login", right, "Content-Type", form); !strings.Contains(a.body, "editor is open") || from != at+"/" {
		t.Errorf("the password gets %d from %s: %s", a.status, from, a.body)
	}
	if a, _ := send(t, c, "PUT "+at+"/files/notes.txt", "of mine"); a.status != http.StatusNoContent {
		t.Errorf("saving: %d %s", a.status, a.body)
	}
	if a, _ := send(t, c, "GET "+at+"/socket", "", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Key", "eA==", "Sec-WebSocket-Version", "13", "Origin", "http://evil.test"); a.status != http.StatusForbidden {
		t.Errorf("a WebSocket from elsewhere gets %d", a.status)
	}
	docker(t, "rm", "-f", "e2e-dev-ada-editor-1")
	must(t, "deploy", "e2e-dev-ada")
	send(t, c, "POST "+at+"/login", right, "Content-Type", form)
	if a, _ := send(t, c, "GET "+at+"/files/notes.txt", ""); a.body != "of mine" {
		t.Errorf("after the container was replaced: %d %s", a.status, a.body)
	}
}

// wordpress is one site and who administers it.
type wordpress struct {
	client *http.Client
	at     string
}

// install goes through the installer and logs in.
func (w wordpress) install(t *testing.T) {
	t.Helper()
	fields := url.Values{
		"weblog_title": {"Club"}, "user_name": {"admin"}, "admin_password": {"correct-horse-7"}, "admin_password2": {"correct-horse-7"},
		"admin_email": {"owner@example.org"}, "pw_weak": {"1"}, "language": {""},
	}
	if a, from := send(t, w.client, "GET "+w.at+"/", ""); a.status != http.StatusOK || from != w.at+"/wp-admin/install.php" {
		t.Fatalf("a new site says %d from %s", a.status, from)
	}
	if a, _ := send(t, w.client, "POST "+w.at+"/wp-admin/install.php?step=2", fields.Encode(), "Content-Type", form); !strings.Contains(a.body, "wp-login.php") {
		t.Fatalf("installing: %d %.500s", a.status, a.body)
	}
	send(t, w.client, "GET "+w.at+"/wp-login.php", "")
	login := url.Values{"log": {"admin"}, "pwd": {"correct-horse-7"}}.Encode()
	if a, from := send(t, w.client, "POST "+w.at+"/wp-login.php", login, "Content-Type", form); a.status != http.StatusOK || from != w.at+"/wp-admin/" {
		t.Fatalf("logging in: %d from %s", a.status, from)
	}
}

var (
	nonceForm = regexp.MustCompile(`createNonceMiddleware\( "([0-9a-f]+)"`)
	linkForm  = regexp.MustCompile(`(?:href|src|action)=['"](http://gw\.test:[0-9]+/[^'"]*)`)
)

// picture is a PNG that no program makes twice.
var picture = sync.OnceValue(func() string {
	var text strings.Builder
	drawn := image.NewRGBA(image.Rect(0, 0, 640, 480))
	_, _ = rand.Read(drawn.Pix)
	_ = png.Encode(&text, drawn)
	return text.String()
})

// upload puts a file into the library, as the editor does, and returns its address.
func (w wordpress) upload(t *testing.T, nonce, name, kind, content string) string {
	t.Helper()
	var upload struct {
		Source string `json:"source_url"`
	}
	a, _ := send(t, w.client, "POST "+w.at+"/wp-json/wp/v2/media", content, "X-WP-Nonce", nonce,
		"Content-Type", kind, "Content-Disposition", "attachment; filename="+name)
	if err := json.Unmarshal([]byte(a.body), &upload); err != nil || !strings.HasPrefix(upload.Source, w.at+"/wp-content/uploads/") {
		t.Fatalf("uploading %s: %d %.300s", name, a.status, a.body)
	}
	if a, _ := send(t, w.client, "GET "+upload.Source, ""); a.body != content || !strings.HasPrefix(a.header.Get("Content-Type"), kind) {
		t.Errorf("the upload %s: %d %s %.100q", name, a.status, a.header.Get("Content-Type"), a.body)
	}
	return upload.Source
}

// publish uploads a file and an image and publishes a post that has them, and returns the post's permalink.
func (w wordpress) publish(t *testing.T) string {
	t.Helper()
	editor, _ := send(t, w.client, "GET "+w.at+"/wp-admin/post-new.php", "")
	found := nonceForm.FindStringSubmatch(editor.body)
	if found == nil {
		t.Fatalf("the editor says %d and has no nonce", editor.status)
	}
	file := w.upload(t, found[1], "mine.txt", "text/plain", "of mine")
	drawn := w.upload(t, found[1], "robot.png", "image/png", picture())
	content := `<a href="` + file + `">mine</a> <img src="` + drawn + `" alt="a robot">`
	text, err := json.Marshal(map[string]string{"title": "Hello", "status": "publish", "content": content})
	if err != nil {
		t.Fatal(err)
	}
	var post struct{ Link string }
	a, _ := send(t, w.client, "POST "+w.at+"/wp-json/wp/v2/posts", string(text), "X-WP-Nonce", found[1], "Content-Type", "application/json")
	if err := json.Unmarshal([]byte(a.body), &post); err != nil || !strings.HasPrefix(post.Link, w.at+"/20") {
		t.Fatalf("publishing: %d %.300s", a.status, a.body)
	}
	page, _ := send(t, w.client, "GET "+post.Link, "")
	links := linkForm.FindAllStringSubmatch(page.body, -1)
	if page.status != http.StatusOK || len(links) < 5 {
		t.Errorf("the permalink %s says %d with %d links", post.Link, page.status, len(links))
	}
	for _, link := range links {
		if link[1] != w.at && !strings.HasPrefix(link[1], w.at+"/") {
			t.Errorf("%s leads out of the site: %s", post.Link, link[1])
		}
	}
	return post.Link
}

// TestWordPress_IsReadyOnlyWithItsDatabase holds the health check of a site, which decides whether clients get in, to what
// WordPress itself can do, from the first start on and for one that finds no database.
func TestWordPress_IsReadyOnlyWithItsDatabase(t *testing.T) {
	need(t, "wordpress:apache", "mariadb:10.11")
	t.Cleanup(func() { gateway("rm", "e2e-ready", "--yes") })
	must(t, "add", "wordpress", "e2e-ready", "--path", "/e2e-ready")
	// The first client of all.
	if a, from := send(t, browser(t), "GET "+site+"/e2e-ready/", ""); a.status != http.StatusOK || !strings.HasSuffix(from, "/wp-admin/install.php") {
		t.Errorf("a new site says %d from %s: %.300s", a.status, from, a.body)
	}
	// The app itself is asked: the gateway would go on for three checks.
	status := func() string {
		return docker(t, "exec", "e2e-ready-cron-1", "php", "-r", `echo get_headers("http://wordpress/e2e-ready/.gateway-ready")[0];`)
	}
	if got := status(); !strings.Contains(got, "204") {
		t.Errorf("with its database it answers %s", got)
	}
	docker(t, "stop", "e2e-ready-db-1")
	if got := status(); !strings.Contains(got, "503") {
		t.Errorf("without its database it answers %s", got)
	}
	docker(t, "restart", "e2e-ready-wordpress-1")
	docker(t, "start", "e2e-ready-db-1")
	await(t, "an answer with the database", func() bool {
		a, from := send(t, browser(t), "GET "+site+"/e2e-ready/", "")
		return a.status == http.StatusOK && strings.HasSuffix(from, "/wp-admin/install.php")
	}, func() string { return must(t, "routes", "e2e-ready") })
}
