package browser_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestDeploy_SwapsVersionsUnderAnOpenPage(t *testing.T) {
	t.Parallel()
	const home = base + "/browser-build/"
	dist := t.TempDir()
	built(t, dist, "one", "chunk-a1b2c3d4.js")
	add(t, "browser-build", "/browser-build", "--dir", dist)
	tab := newTab(t)
	seen := watch(t, tab)
	visit(t, tab, home)
	awaitPage(t, tab, "the first version", "document.querySelector('h1').innerText === 'version one'")

	built(t, dist, "two", "chunk-e5f6a7b8.js")
	must(t, "deploy", "browser-build", "--dir", dist)
	// The page that is open loads what belongs to it, which is in no folder of the new version.
	act(t, tab, chromedp.Click(chromedp.CSS("button")))
	awaitPage(t, tab, "the chunk of the first version", "document.querySelector('output').value === 'chunk of one'")
	act(t, tab, chromedp.Reload())
	opened(t, tab, "two")

	must(t, "rollback", "browser-build")
	act(t, tab, chromedp.Click(chromedp.CSS("button")))
	awaitPage(t, tab, "the chunk of the second version", "document.querySelector('output').value === 'chunk of two'")
	act(t, tab, chromedp.Reload())
	opened(t, tab, "one")
	act(t, tab, chromedp.Click(chromedp.CSS("button")))
	awaitPage(t, tab, "the chunk of the first version again", "document.querySelector('output').value === 'chunk of one'")
	seen.clean(t, "/browser-build/")
}

// opened waits for a page of a version with the style of that version.
func opened(t *testing.T, tab context.Context, version string) {
	t.Helper()
	awaitPage(t, tab, "version "+version, fmt.Sprintf("document.querySelector('h1')?.innerText === 'version %[1]s' && "+
		"getComputedStyle(document.body).getPropertyValue('--version') === '%[1]s'", version))
}

// built writes what a bundler leaves: a page, a style, and a script by a hash that is loaded when it is needed.
func built(t *testing.T, dist, version, chunk string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dist, "assets")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dist, "assets"), 0o755); err != nil {
		t.Fatal(err)
	}
	page := strings.NewReplacer("VERSION", version, "CHUNK", chunk).Replace(`<!doctype html>
<meta charset="utf-8"><title>VERSION</title><link rel="icon" href="data:,"><link rel="stylesheet" href="style.css">
<h1>version VERSION</h1><button>more</button><output></output>
<script type="module">
document.querySelector("button").onclick = async () => {
  document.querySelector("output").value = (await import("./assets/CHUNK")).says;
};
</script>
`)
	for name, text := range map[string]string{
		"index.html": page, "style.css": "body { --version:" + version + "; }",
		"assets/" + chunk: "export const says = 'chunk of " + version + "';\n",
	} {
		if err := os.WriteFile(filepath.Join(dist, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
