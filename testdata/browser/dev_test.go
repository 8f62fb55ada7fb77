package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestDev_OpensTheEditorToItsPassword(t *testing.T) {
	t.Parallel()
	const home = base + "/dev-ada/"
	need(t, "codercom/code-server:latest")
	t.Cleanup(func() { _, _, _ = gateway("rm", "dev-ada", "--yes") })
	_, chatter, err := gateway("add", "dev", "--path", "/dev-ada", "--owner", "ada@school.example")
	if err != nil {
		t.Fatalf("gateway add dev: %v\n%s", err, chatter)
	}
	password := printed(t, chatter)
	tab := newTab(t, nowhereElse)
	seen := watch(t, tab)
	if res := visit(t, tab, home); res.Status != 200 || !strings.HasPrefix(res.URL, home+"login") {
		t.Fatalf("a stranger is led to %d %s", res.Status, res.URL)
	}
	pictures(t, tab, "dev-login")
	act(t, tab, chromedp.SendKeys(chromedp.CSS("input[type=password]"), password+"\r"))
	awaitPage(t, tab, "the editor", fmt.Sprintf("location.href === %q && document.getElementById('editor')", home))
	const save = "fetch('files/notes.txt', { method: 'PUT', body: 'of mine' }).then(r => r.text().then(() => r.status))"
	if status := eval[int](t, tab, save); status != 204 {
		t.Errorf("saving a file: %d", status)
	}
	act(t, tab, chromedp.Click(chromedp.CSS("a[href='files/notes.txt']")))
	awaitPage(t, tab, "the file", fmt.Sprintf("location.href === %q && document.body.innerText === 'of mine'", home+"files/notes.txt"))
	visit(t, tab, home)
	const echo = `new Promise((done, fail) => {
		const socket = new WebSocket(new URL('socket', location.href.replace('http', 'ws')))
		socket.onopen = () => socket.send('are you there?')
		socket.onmessage = (event) => done(event.data)
		socket.onerror = () => fail(new Error('the WebSocket failed'))
	})`
	if text := eval[string](t, tab, echo); text != "are you there?" {
		t.Errorf("the WebSocket sends back %q", text)
	}
	seen.clean(t, "/dev-ada/")
}

// printed is the password as `gateway add` tells it once.
func printed(t *testing.T, chatter string) string {
	t.Helper()
	for line := range strings.Lines(chatter) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "password:" {
			return words[1]
		}
	}
	t.Fatalf("no password is told:\n%s", chatter)
	return ""
}
