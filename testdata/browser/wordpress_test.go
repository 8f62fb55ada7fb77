package browser_test

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// wordpress is one site and the tab of the person who runs it.
type wordpress struct {
	t    *testing.T
	tab  context.Context
	seen *record
	// at is the site's address, without a slash at its end, and origin where it begins.
	name, at, origin, password string
}

func TestWordPress_WorksAtTheRootAndBelowAPathAndMoves(t *testing.T) {
	t.Parallel()
	need(t, "wordpress:apache", "mariadb:10.11")
	// One profile for all: the two sites share cookie jar and origin, as they do with their readers.
	tab := newTab(t, trustsRoot(t), nowhereElse)
	// A browser asks any page's host for /favicon.ico, which is the site's at the root. While somebody installs WordPress,
	// it answers everybody else 500: some of its tables are there, and not all. So the other site is visited after that.
	installed := make(chan struct{})
	atRoot := sync.OnceFunc(func() { close(installed) })
	home, blog := &wordpress{name: "browser-home", at: base, origin: base}, &wordpress{name: "browser-blog", at: base + "/blog", origin: base}
	parent := t
	t.Run("side by side", func(t *testing.T) {
		for _, w := range []*wordpress{home, blog} {
			parent.Cleanup(func() { _, _, _ = gateway("rm", w.name, "--yes") })
			t.Run(w.name, func(t *testing.T) {
				t.Parallel()
				w.t, w.tab = t, anotherTab(t, tab)
				t.Cleanup(w.tellLogs)
				if w == home {
					t.Cleanup(atRoot)
				}
				must(t, "add", "wordpress", w.name, "--path", cmp.Or(strings.TrimPrefix(w.at, base), "/"))
				if w == blog {
					<-installed
				}
				w.seen = watch(t, w.tab)
				w.install()
				if w == home {
					atRoot()
				}
				w.live()
			})
		}
	})
	if t.Failed() {
		return
	}
	for _, w := range []*wordpress{home, blog} {
		w.t, w.tab = t, tab
		w.login()
	}
	home.logout()
	if res := visit(t, tab, blog.at+"/wp-admin/"); res.Status != 200 || res.URL != blog.at+"/wp-admin/" {
		t.Errorf("whoever leaves the site at the root is sent from the other to %d %s", res.Status, res.URL)
	}
	for _, w := range []*wordpress{home, blog} {
		w.liveSecurely()
	}
	blog.move("/notes")
	if res := visit(t, tab, base+"/blog/"); res.Status != 404 {
		t.Errorf("the old path says %d", res.Status)
	}
}

// tellLogs shows what the site's containers said, if the test failed.
func (w *wordpress) tellLogs() {
	if !w.t.Failed() {
		return
	}
	for _, service := range []string{"wordpress", "db"} {
		out, _ := exec.Command("docker", "logs", "--timestamps", "--tail", "50", w.name+"-"+service+"-1").CombinedOutput()
		w.t.Logf("%s says:\n%s", service, out)
	}
}

const (
	greeting = "Hello from the club"
	slug     = "/hello-from-the-club/"
)

// live is the first day of a site that is installed: written to, rearranged and left.
func (w *wordpress) live() {
	t := w.t
	t.Helper()
	w.login()
	link := w.publish()
	if !strings.HasPrefix(link, w.at+"/20") || !strings.HasSuffix(link, slug) {
		t.Errorf("the post is at %s, want a pretty address from the start", link)
	}
	w.reads(link)
	w.usePostNames()
	visit(t, w.tab, w.at+slug)
	w.reads(w.at + slug)
	pictures(t, w.tab, w.name+"-post")
	w.answersPrograms()
	w.logout()
	visit(t, w.tab, w.at+"/")
	awaitPage(t, w.tab, "the post on the front page", fmt.Sprintf("document.querySelector(`a[href=%q]`)", w.at+slug))
	pictures(t, w.tab, w.name+"-front")
	w.stayed()
}

// install goes through the installer, with the password that it proposes.
func (w *wordpress) install() {
	t := w.t
	t.Helper()
	if res := visit(t, w.tab, w.at+"/"); res.Status != 200 || res.URL != w.at+"/wp-admin/install.php" {
		t.Fatalf("a new site leads to %d %s: %.500s", res.Status, res.URL, eval[string](t, w.tab, "document.documentElement.outerHTML"))
	}
	// It asks for a language first if it can reach its maker's servers.
	awaitPage(t, w.tab, "the installer", "document.querySelector('#language-continue, #weblog_title')")
	if eval[bool](t, w.tab, "!!document.getElementById('language-continue')") {
		act(t, w.tab, chromedp.Click(chromedp.ID("language-continue")))
	}
	awaitPage(t, w.tab, "a proposed password", "document.getElementById('pass1')?.value.length > 11 && !document.getElementById('submit').disabled")
	w.password = eval[string](t, w.tab, "document.getElementById('pass1').value")
	w.fill("weblog_title", "The club")
	w.fill("user_login", "ada")
	w.fill("admin_email", "ada@school.example")
	act(t, w.tab, chromedp.Click(chromedp.ID("submit")))
	awaitPage(t, w.tab, "the installer's success", "location.search === '?step=2' && document.querySelector('a[href$=\"wp-login.php\"]')")
}

// fill sets a field at once: the login page moves the focus while somebody types.
func (w *wordpress) fill(id, value string) {
	w.t.Helper()
	act(w.t, w.tab, chromedp.SetValue(chromedp.ID(id), value))
}

func (w *wordpress) login() {
	t := w.t
	t.Helper()
	visit(t, w.tab, w.at+"/wp-login.php")
	w.fill("user_login", "ada")
	w.fill("user_pass", w.password)
	act(t, w.tab, chromedp.Click(chromedp.ID("wp-submit")))
	awaitPage(t, w.tab, "the dashboard", fmt.Sprintf("location.href === %q && document.getElementById('wpadminbar') && document.readyState === 'complete'", w.at+"/wp-admin/"))
}

// logout leaves by the link in the bar at the top, and finds the door closed.
func (w *wordpress) logout() {
	t := w.t
	t.Helper()
	visit(t, w.tab, w.at+"/wp-admin/profile.php")
	eval[any](t, w.tab, "document.querySelector('#wp-admin-bar-logout a').click(), 0")
	awaitPage(t, w.tab, "the end of the session", fmt.Sprintf("location.href.startsWith(%q) && location.search.includes('loggedout=true')", w.at+"/wp-login.php"))
	if res := visit(t, w.tab, w.at+"/wp-admin/"); !strings.HasPrefix(res.URL, w.at+"/wp-login.php") {
		t.Errorf("after logging out the dashboard leads to %s", res.URL)
	}
}

// edit opens a page of the block editor and closes the guide that greets whoever comes first.
func (w *wordpress) edit(page string) {
	t := w.t
	t.Helper()
	visit(t, w.tab, w.at+"/wp-admin/"+page)
	awaitPage(t, w.tab, "the block editor", "window.wp?.data?.select('core/editor')?.getCurrentPostId() && document.querySelector('.editor-post-title__input')")
	awaitPage(t, w.tab, "the editor without its guide", `(() => {
		if (!wp.data.select('core/edit-post').isFeatureActive('welcomeGuide')) return !document.querySelector('.edit-post-welcome-guide')
		document.querySelector('.edit-post-welcome-guide .components-modal__header button')?.click()
	})()`)
}

// publish writes a post with a picture in the block editor and returns the post's address.
func (w *wordpress) publish() string {
	t := w.t
	t.Helper()
	w.edit("post-new.php")
	act(t, w.tab, chromedp.SendKeys(chromedp.CSS(".editor-post-title__input"), greeting))
	act(t, w.tab, chromedp.Click(chromedp.CSS(".block-editor-default-block-appender__content")))
	act(t, w.tab, chromedp.KeyEvent("Written in the block editor."))
	eval[any](t, w.tab, "wp.data.dispatch('core/block-editor').insertBlock(wp.blocks.createBlock('core/image')), 0")
	act(t, w.tab, chromedp.SetUploadFiles(chromedp.CSS(".wp-block-image input[type=file]"), []string{picture(t)}, chromedp.NodeReady))
	awaitPage(t, w.tab, "the picture to be uploaded", w.shown(".wp-block-image img"))
	pictures(t, w.tab, w.name+"-editor")
	act(t, w.tab, chromedp.Click(chromedp.CSS(".editor-post-publish-panel__toggle[aria-disabled=false]")))
	act(t, w.tab, chromedp.Click(chromedp.CSS(".editor-post-publish-panel .editor-post-publish-button[aria-disabled=false]")))
	awaitPage(t, w.tab, "the post to be published",
		"wp.data.select('core/editor').isCurrentPostPublished() && document.querySelector('.post-publish-panel__postpublish-buttons a')")
	link := eval[string](t, w.tab, "wp.data.select('core/editor').getPermalink()")
	act(t, w.tab, chromedp.Click(chromedp.CSS(".post-publish-panel__postpublish-buttons a")))
	return link
}

// shown is an expression: a picture among the site's uploads can be seen.
func (w *wordpress) shown(selector string) string {
	return fmt.Sprintf("(i => i?.src.startsWith(%q) && i.complete && i.naturalWidth > 0)(document.querySelector(%q))", w.at+"/wp-content/uploads/", selector)
}

// reads waits for the post at its address, and holds every link of the page to the site.
func (w *wordpress) reads(address string) {
	t := w.t
	t.Helper()
	awaitPage(t, w.tab, "the post at "+address, fmt.Sprintf("location.href === %q && document.querySelector('h1.wp-block-post-title')?.innerText === %q && ", address, greeting)+w.shown(".wp-block-post-content img"))
	const links = "[...document.querySelectorAll('[href], [src], [action]')].map(e => e.href?.baseVal ?? e.href ?? e.src ?? e.action).filter(u => u && typeof u === 'string')"
	for _, link := range eval[[]string](t, w.tab, links) {
		if strings.HasPrefix(link, w.origin) && link != w.at && !strings.HasPrefix(link, w.at+"/") {
			t.Errorf("%s leads out of the site: %s", address, link)
		}
	}
}

// liveSecurely uses the site over HTTPS, under another host name: it logs in, uploads a picture, publishes, and reads.
func (w *wordpress) liveSecurely() {
	t := w.t
	t.Helper()
	plain, tab, seen := *w, w.tab, w.seen
	defer func() { w.at, w.origin, w.tab, w.seen = plain.at, plain.origin, tab, seen }()
	w.at, w.origin, w.tab = secureBase+strings.TrimPrefix(w.at, w.origin), secureBase, anotherTab(t, w.tab)
	// A link of before leads here.
	if res := visit(t, w.tab, strings.Replace(w.at, secureBase, plainClub, 1)+slug); res.Status != 200 || res.URL != w.at+slug {
		t.Errorf("HTTP leads to %d %s", res.Status, res.URL)
	}
	w.seen = watch(t, w.tab)
	w.login()
	link := w.publish()
	w.reads(link)
	pictures(t, w.tab, w.name+"-https")
	api := eval[string](t, w.tab, "document.querySelector('link[rel=\"https://api.w.org/\"]').href")
	if found := eval[[]string](t, w.tab, "fetch('"+api+"wp/v2/posts?search=club').then(r => r.json()).then(posts => posts.map(p => p.link))"); len(found) != 2 || api != w.at+"/wp-json/" {
		t.Errorf("the API %s finds the posts at %v", api, found)
	}
	w.logout()
	w.stayed()
}

// usePostNames has WordPress make addresses of the posts' names alone.
func (w *wordpress) usePostNames() {
	t := w.t
	t.Helper()
	visit(t, w.tab, w.at+"/wp-admin/options-permalink.php")
	eval[any](t, w.tab, "[...document.querySelectorAll('input[name=selection]')].find(i => i.value === '/%postname%/').click(), 0")
	act(t, w.tab, chromedp.Click(chromedp.ID("submit")))
	awaitPage(t, w.tab, "the permalinks to be saved", "document.querySelector('.notice-success, .updated') && document.querySelector('input[name=selection]:checked').value === '/%postname%/'")
}

// answersPrograms looks for the post in the REST API that the page itself names.
func (w *wordpress) answersPrograms() {
	t := w.t
	t.Helper()
	api := eval[string](t, w.tab, "document.querySelector('link[rel=\"https://api.w.org/\"]').href")
	if api != w.at+"/wp-json/" {
		t.Errorf("the page names %s as its API", api)
	}
	found := eval[[]string](t, w.tab, "fetch('"+api+"wp/v2/posts?search=club').then(r => r.json()).then(posts => posts.map(p => p.link))")
	if len(found) != 1 || found[0] != w.at+slug {
		t.Errorf("the API finds the post at %v", found)
	}
}

// move gives the site another path by one command, where reading and writing go on.
func (w *wordpress) move(path string) {
	t := w.t
	t.Helper()
	must(t, "move", w.name, "--path", path)
	w.at, w.tab = w.origin+path, anotherTab(t, w.tab)
	w.seen = watch(t, w.tab)
	visit(t, w.tab, w.at+slug)
	w.reads(w.at + slug)
	pictures(t, w.tab, w.name+"-moved")
	if eval[bool](t, w.tab, "document.documentElement.outerHTML.includes('/blog/')") {
		t.Error("the page still names the old path")
	}
	w.login()
	id := eval[int](t, w.tab, "fetch('"+w.at+"/wp-json/wp/v2/posts?search=club').then(r => r.json()).then(posts => posts.find(p => p.link === '"+w.at+slug+"').id)")
	w.edit(fmt.Sprintf("post.php?post=%d&action=edit", id))
	awaitPage(t, w.tab, "the picture in the editor", w.shown(".wp-block-image img"))
	w.stayed()
}

// makers are the places of WordPress's makers that it shows pictures from: portraits, and the guide of the editor. Here
// they are out of reach.
var makers = regexp.MustCompile(`https?://(([0-9]|secure)\.gravatar\.com/avatar/|s\.w\.org/images/)`)

// stayed fails the test when something went wrong so far, or was asked for outside of the site.
func (w *wordpress) stayed() {
	t := w.t
	t.Helper()
	for _, fault := range w.seen.failures() {
		// What a page still loads when somebody leaves it is broken off by the browser itself.
		if !strings.HasPrefix(fault, "net::ERR_ABORTED ") && !makers.MatchString(fault) {
			t.Errorf("the browser reports: %s", fault)
		}
	}
	asked := w.seen.asked()
	for _, url := range asked {
		mine := strings.HasPrefix(url, w.at+"/") || strings.HasPrefix(url, "blob:"+w.origin+"/") || strings.HasPrefix(url, "data:")
		if other := w.at == w.origin && strings.HasPrefix(url, w.origin+"/blog"); (!mine || other) && !makers.MatchString(url) {
			t.Errorf("%s asked for %s", w.at, url)
		}
	}
	if len(asked) < 100 {
		t.Errorf("only %d requests were made: little was proved", len(asked))
	}
	t.Logf("%s: %d requests", w.at, len(asked))
}

// picture draws one that WordPress makes smaller ones of, and returns the name of its file.
func picture(t *testing.T) string {
	t.Helper()
	const width, height = 1200, 750
	drawn := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			drawn.Set(x, y, color.RGBA{uint8(x * 255 / width), uint8(y * 255 / height), 160, 255})
		}
	}
	name := filepath.Join(t.TempDir(), "robot.png")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := png.Encode(file, drawn); err != nil {
		t.Fatal(err)
	}
	return name
}
