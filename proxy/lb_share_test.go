package proxy

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"gateway/proxy/route"
)

// load has that many clients make requests at the same time, each over a connection of its own.
func load(t *testing.T, p *running, clients, requests int) {
	t.Helper()
	var all sync.WaitGroup
	for range clients {
		conn := p.dial(t)
		if err := conn.SetDeadline(time.Now().Add(10 * patience)); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			r := bufio.NewReader(conn)
			for range requests / clients {
				_, _ = io.WriteString(conn, "GET /x/ HTTP/1.1\r\nHost: example.org\r\n\r\n")
				resp, err := http.ReadResponse(r, nil)
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("an answer is %v, %v", resp, err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
			}
		})
	}
	all.Wait()
}

// takesFor takes that long, as what an app does.
func takesFor(r *http.Request, long time.Duration) {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

func TestBalance_GivesEqualsEqualShares(t *testing.T) {
	// Of independent random draws, five standard deviations: on a busy machine the requests under way say little of the targets.
	requests, most := 15_000, 0.06
	if os.Getenv("GATEWAY_LONG") != "" {
		requests, most = 100_000, 0.025
	}
	for how, c := range map[route.Balance]struct {
		requests int
		most     float64
	}{route.P2C: {requests, most}, route.RoundRobin: {3000, 0.005}} {
		// An answer takes longer than the machine may be busy with other things.
		f := newFleet(t, 3, func(_ int, _ string, _ http.ResponseWriter, r *http.Request) { takesFor(r, 2*time.Millisecond) })
		r := mount(t, "/x", route.Strip, f.targets...)
		r.Balance = how
		p := start(t, Config{}, r)
		load(t, p, 60, c.requests)
		shares := map[string]int{}
		for _, name := range f.requests() {
			shares[name]++
		}
		for name, n := range shares {
			if off := float64(n)*3/float64(c.requests) - 1; off > c.most || off < -c.most {
				t.Errorf("%s: %s got %d of %d requests", how, name, n, c.requests)
			}
		}
		t.Logf("%s: %v", how, shares)
		p.stop()
	}
}

func TestBalance_AsksASlowTargetLittle(t *testing.T) {
	const requests = 600
	f := newFleet(t, 3, func(_ int, name string, _ http.ResponseWriter, r *http.Request) {
		if name == "b" {
			takesFor(r, 200*time.Millisecond)
		} else {
			takesFor(r, 20*time.Millisecond)
		}
	})
	p := start(t, Config{}, mount(t, "/x", route.Strip, f.targets...))
	load(t, p, 12, requests)
	t.Logf("the slow one got %d of %d requests", f.count("b"), requests)
	if n := f.count("b"); n > requests/3/5 || n == 0 {
		t.Errorf("the slow one got %d of %d requests", n, requests)
	}
}
