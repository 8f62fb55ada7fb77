//go:build unix

package invite

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gateway/projects/invite/link"
)

// A page that is killed in the middle of counting comes back with what was on the disk, and what is there can always be
// read.
func TestServe_CountsOutliveAKill(t *testing.T) {
	dir := lay(t, "kind: slack", link.Link{URL: secret})
	// The key is known before the first start, so that the test can make tokens that are old enough.
	maker, err := openTokens(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		page, base := startPage(t, dir)
		before, seen := kept(dir), 0
		var clients sync.WaitGroup
		var led atomic.Int64
		stop := make(chan struct{})
		for v := range 4 {
			clients.Go(func() { led.Add(visit(stop, base, maker, v)) })
		}
		// In the middle of it: some were led there, and more are on their way.
		within(t, "some joins are on the disk", func() bool { seen = kept(dir); return seen >= before+20 })
		if err := page.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		close(stop)
		clients.Wait()
		_ = page.Wait()
		// Each client may have been counted once without hearing of it.
		if now := kept(dir); now < seen || int64(now) > int64(before)+led.Load()+4 {
			t.Fatalf("%d joins were on the disk, %d of now %d were heard of, and %d are kept", seen, led.Load(), before, now)
		}
	}
	s := open(t, dir)
	if want := kept(dir); s.tally.counts.Joins(link.IDOf(secret)) != want {
		t.Errorf("it goes on from %d, not %d", s.tally.counts.Joins(link.IDOf(secret)), want)
	}
	if err := s.tally.write(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "state", ".*.part")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A page that is told to end keeps every join.
func TestServe_CountsAllWhenItIsToldToEnd(t *testing.T) {
	dir := lay(t, "kind: slack", link.Link{URL: secret})
	maker, err := openTokens(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	page, base := startPage(t, dir)
	var led int64
	stop := make(chan struct{})
	var clients sync.WaitGroup
	clients.Go(func() { led = visit(stop, base, maker, 1) })
	within(t, "some joins are on the disk", func() bool { return kept(dir) >= 20 })
	close(stop)
	clients.Wait()
	if err := page.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := page.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if got := kept(dir); int64(got) != led {
		t.Errorf("%d joins, and %d are kept", led, got)
	}
}

// kept is how many joins the disk has. Whatever is there at any time can be read.
func kept(dir string) int {
	c, err := ReadCounts(filepath.Join(dir, "state"))
	if err != nil {
		panic(err)
	}
	return c.Joins(link.IDOf(secret))
}

// startPage starts a process that serves the page in dir.
func startPage(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	page := exec.Command(os.Args[0])
	page.Env = append(os.Environ(), "GATEWAY_TEST_INVITE="+dir, "GATEWAY_TEST_PORT=0")
	page.Stderr = t.Output()
	out, err := page.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := page.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = page.Process.Kill() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return page, "http://" + strings.TrimSpace(address)
}

// visit joins until it is stopped or nobody answers, and returns how often it was led to the link.
func visit(stop chan struct{}, base string, maker *tokens, nth int) int64 {
	client := &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	var led int64
	for i := 0; ; i++ {
		select {
		case <-stop:
			return led
		default:
		}
		form := url.Values{"token": {maker.issue(toJoin, time.Now().Add(-time.Minute))}}
		r, err := http.NewRequest(http.MethodPost, base+"/join", strings.NewReader(form.Encode()))
		if err != nil {
			panic(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.%d.%d", nth, i%250))
		res, err := client.Do(r)
		if err != nil {
			return led
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.Header.Get("Location") == secret {
			led++
		}
	}
}
