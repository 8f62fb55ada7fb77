package browser_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
)

// trustRoot makes a home folder whose browsers trust the root of the lane's gateway, as gateway trust install does.
func trustRoot(home string) error {
	lane.home = home
	database := filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(database, 0o700); err != nil {
		return err
	}
	if out, err := exec.Command("certutil", "-N", "-d", "sql:"+database, "--empty-password").CombinedOutput(); err != nil {
		return fmt.Errorf("making a database of certificates: %w: %s", err, out)
	}
	root, stderr, err := gateway("trust", "print", "--format", "pem")
	if err != nil {
		return fmt.Errorf("gateway trust print: %w: %s", err, stderr)
	}
	add := exec.Command("certutil", "-A", "-d", "sql:"+database, "-n", "gateway", "-t", "C,,")
	add.Stdin = strings.NewReader(root)
	if out, err := add.CombinedOutput(); err != nil {
		return fmt.Errorf("trusting the root: %w: %s", err, out)
	}
	return nil
}

// trustsRoot starts a browser in that home folder.
func trustsRoot(t *testing.T) chromedp.ExecAllocatorOption {
	t.Helper()
	return chromedp.Env("HOME=" + lane.home)
}

// lock is what the browser shows in front of the address.
func lock(t *testing.T, tab context.Context, address string) security.State {
	t.Helper()
	states := make(chan security.State, 64)
	if err := chromedp.Listen(tab, func(event any) {
		if e, is := event.(*security.EventVisibleSecurityStateChanged); is {
			select {
			case states <- e.VisibleSecurityState.SecurityState:
			default:
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(tab, security.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	visit(t, tab, address)
	var last security.State
	await(t, "the lock of "+address, func() bool {
		select {
		case last = <-states:
		default:
		}
		return last == security.StateSecure
	}, func() string { return fmt.Sprintf("it is %q", last) })
	return last
}

func TestHTTPS_IsTrustedWithTheRootAndRefusedWithoutIt(t *testing.T) {
	t.Parallel()
	const name = "browser-secure"
	run(t, appImage, name)
	address := secureBase + "/" + name + "/"
	awaitCode(t, base+"/"+name+"/", "")

	stranger := newTab(t, nowhereElse, chromedp.Env("HOME="+t.TempDir()))
	if _, err := attempt(stranger, chromedp.NavigateResponse(address)); err == nil || !strings.Contains(err.Error(), "ERR_CERT_AUTHORITY_INVALID") {
		t.Errorf("without the root the browser says %v", err)
	}

	tab := newTab(t, nowhereElse, trustsRoot(t))
	if got := lock(t, tab, address); got != security.StateSecure {
		t.Errorf("with the root the page is %s", got)
	}
	if res := visit(t, tab, plainClub+"/"+name+"/x?y=%2F"); res.Status != 200 || res.URL != address+"x?y=%2F" {
		t.Errorf("HTTP leads to %d %s", res.Status, res.URL)
	}
	if got := eval[string](t, tab, "performance.getEntriesByType('navigation')[0].nextHopProtocol"); got != "h2" {
		t.Errorf("the page came over %q, want h2", got)
	}
	visit(t, tab, address)
	eval[bool](t, tab, streamScript+"true")
	awaitPage(t, tab, "the WebSocket to open", "stream.open()")
	goesOn(t, tab, "over TLS")
	if pages := visit(t, tab, plainClub+"/.gateway/"); pages.Status != 200 {
		t.Errorf("the page with the root says %d", pages.Status)
	}
	pictures(t, tab, "root-page")
}

func TestHTTP3_IsSpokenWithABrowser(t *testing.T) {
	t.Parallel()
	const name = "browser-quic"
	run(t, appImage, name)
	address := secureBase + "/" + name + "/"
	awaitCode(t, base+"/"+name+"/", "")
	tab := newTab(t, nowhereElse, trustsRoot(t), chromedp.Flag("disable-quic", false), chromedp.Flag("enable-quic", true),
		chromedp.Flag("origin-to-force-quic-on", club+":"+securePort))
	visit(t, tab, address)
	if got := eval[string](t, tab, "performance.getEntriesByType('navigation')[0].nextHopProtocol"); got != "h3" {
		t.Errorf("the page came over %q, want h3", got)
	}
}
