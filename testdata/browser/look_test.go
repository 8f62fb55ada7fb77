package browser_test

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

//go:embed look.js
var lookScript string

// view is one way to look at a page.
type view struct {
	name          string
	width, height int64
	scheme        string
}

var views = []view{
	{"phone-light", 375, 812, "light"},
	{"phone-dark", 375, 812, "dark"},
	{"desk-light", 1280, 800, "light"},
	{"desk-dark", 1280, 800, "dark"},
}

// What cannot fail proves nothing: a page on which everything is wrong has to be found so.
func TestLook_FindsWhatIsWrong(t *testing.T) {
	add(t, "browser-wrong", "/browser-wrong", "--dir", "sites/wrong")
	tab := newTab(t)
	seen := watch(t, tab)
	visit(t, tab, base+"/browser-wrong/")
	found := strings.Join(insist(t, tab, chromedp.Evaluate[[]string](lookScript)), "\n")
	for _, want := range []string{`"faint" has a contrast of only 1.8`, `"small" is 9 px small`, `"cut" is cut off`, "scrolls sideways", "picture is broken"} {
		if !strings.Contains(found, want) {
			t.Errorf("nobody saw that %s:\n%s", want, found)
		}
	}
	noted := strings.Join(append(seen.failures(), seen.strays("/browser-wrong/")...), "\n")
	for _, want := range []string{"404 " + base + "/browser-no-picture.png", `console.error "told"`, "exception Uncaught", "a request left [/browser-wrong/]"} {
		if !strings.Contains(noted, want) {
			t.Errorf("nobody noted %s:\n%s", want, noted)
		}
	}
}

// look goes through all views of the page that is open: nothing may be cut off, too small or too faint in any, and the
// page follows the scheme. Each is written to the folder $GATEWAY_SCREENSHOTS, when there is one, as NAME-VIEW.png.
func look(t *testing.T, tab context.Context, name string) {
	t.Helper()
	for _, v := range views {
		show(t, tab, v)
		for _, fault := range insist(t, tab, chromedp.Evaluate[[]string](lookScript)) {
			t.Errorf("%s, %s: %s", name, v.name, fault)
		}
		const dark = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).every(v => v < 64)"
		if insist(t, tab, chromedp.Evaluate[bool](dark)) != (v.scheme == "dark") {
			t.Errorf("%s, %s: the page does not follow the colour scheme", name, v.name)
		}
		save(t, name+"-"+v.name, insist(t, tab, chromedp.FullScreenshot(100)))
	}
}

// pictures writes what look would, without a judgement: of pages that are not the gateway's.
func pictures(t *testing.T, tab context.Context, name string) {
	t.Helper()
	if os.Getenv("GATEWAY_SCREENSHOTS") == "" {
		return
	}
	for _, v := range views {
		show(t, tab, v)
		save(t, name+"-"+v.name, insist(t, tab, chromedp.CaptureScreenshot()))
	}
	act(t, tab, chromedp.ResetViewport())
}

// show sets the size of the window, a phone's below 500 pixels, and the colour scheme that the visitor prefers.
func show(t *testing.T, tab context.Context, v view) {
	t.Helper()
	var options []chromedp.EmulateViewportOption
	if v.width < 500 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	act(t, tab, chromedp.EmulateViewport(v.width, v.height, options...))
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: v.scheme},
		// Colours that fade into each other would be looked at half way.
		{Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, params); err != nil {
		t.Fatal(err)
	}
	// A page that ignores or overflows a phone's width makes the window wider than the phone.
	const settled = "innerWidth === %d && matchMedia('(prefers-color-scheme: %s)').matches"
	awaitPage(t, tab, fmt.Sprintf("a page that is %d pixels wide", v.width), fmt.Sprintf(settled, v.width, v.scheme))
}

func save(t *testing.T, name string, picture []byte) {
	t.Helper()
	dir := os.Getenv("GATEWAY_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
