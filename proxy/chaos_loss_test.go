package proxy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/proxy/certificate/certificatetest"
	"gateway/proxy/engine"
	"gateway/proxy/route"
)

// TestChaos_NoRequestIsLostOrSentTwice has clients ask apps whose replicas start, end, break off, fail, hang and move,
// while the table changes ten times a second. Nobody gets an error that another attempt would have avoided, no request
// reaches two replicas that must not, and the figures, the access log and the clients agree on what happened.
//
// GATEWAY_CHAOS_SEED and GATEWAY_CHAOS_MINUTES are as above.
func TestChaos_NoRequestIsLostOrSentTwice(t *testing.T) {
	seed := uint64(number(t, "GATEWAY_CHAOS_SEED", int(time.Now().UnixNano()&0xffffff)))
	until := time.Now().Add(time.Duration(number(t, "GATEWAY_CHAOS_MINUTES", 0)) * time.Minute)
	t.Logf("GATEWAY_CHAOS_SEED=%d", seed)
	files := descriptors(t)
	pprof.Do(t.Context(), pprof.Labels("chaos", "loss"), func(context.Context) {
		for round := uint64(0); round == 0 || time.Now().Before(until) && !t.Failed(); round++ {
			newShow(t, seed+round).perform()
		}
	})
	nobody(t, "chaos")
	eventually(t, "all descriptors are closed", func() bool { runtime.GC(); return open() <= files })
}

const (
	// showing is how long the clients come.
	showing = 3 * time.Second
	callers = 36
	pairs   = 12
)

// show is a proxy with its apps, and all that happens there.
type show struct {
	*running
	t      *testing.T
	book   *book
	seed   uint64
	casts  []*cast
	access *journal
	// secure is where clients come with TLS.
	secure string
	// opened is when it began, swapped when the current table came.
	opened, swapped time.Time
}

func newShow(t *testing.T, seed uint64) *show {
	t.Helper()
	hold := time.Minute
	if seed%3 == 0 {
		// Nobody waits then: who asks an app that has no target for a while gets an error.
		hold = 0
	}
	s := &show{t: t, book: newBook(t), seed: seed, opened: time.Now()}
	s.cast("rolling", 3, startFirst, route.Policy{}).quiet = true
	lone := s.cast("lone", 1, stopFirst, route.Policy{})
	lone.quiet, lone.waits, lone.rests = hold > 0, true, 8
	s.cast("rolling2", 2, startFirst, route.Policy{}).quiet = true
	taken := s.cast("taken", 1, takeover, route.Policy{})
	taken.repeats, taken.rests = true, 6
	s.cast("turns2", 3, mishap, route.Policy{Balance: route.RoundRobin})
	s.cast("pairs", 3, mishap, route.Policy{})
	s.cast("turns", 4, mishap, route.Policy{Balance: route.RoundRobin})
	s.cast("sticky", 3, mishap, route.Policy{Balance: route.Sticky})
	s.cast("checked", 3, mishap, route.Policy{Check: route.Check{
		Path: checkPath, Interval: 100 * time.Millisecond, Timeout: time.Minute, Rise: 1, Fall: 2,
	}})
	// It has so few replicas that do well that its budget of retries is spent.
	s.cast("storm", 6, nothing, route.Policy{})
	fleeting := s.cast("fleeting", 1, nothing, route.Policy{})
	fleeting.quiet, fleeting.waits = hold > 0, true
	s.access = keepJournal(t, true)
	other := httptest.NewUnstartedServer(nil)
	other.EnableHTTP2 = true
	other.StartTLS()
	other.Close()
	config := other.TLS.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	s.running = start(t, Config{
		Hold: hold, AccessLog: s.access.Log, Certificates: &certificatetest.Manager{Config: config}, TLSListen: []string{"127.0.0.1:0"},
		// A busy machine may be long about it.
		Timeouts: engine.Timeouts{Connect: time.Minute}, hurry: time.Minute,
	})
	for _, url := range s.Status().Proxy.Listeners {
		if address, secure := strings.CutPrefix(url, "https://"); secure {
			s.secure = address
		}
	}
	return s
}

// cast adds an app with that many replicas, which speak HTTP/2 if its name ends with a 2.
func (s *show) cast(name string, slots int, change func(*slot) []step, policy route.Policy) *cast {
	scheme := route.HTTP
	if strings.HasSuffix(name, "2") {
		scheme = route.H2C
	}
	c := &cast{name: name, scheme: scheme, policy: policy, change: change, rests: 1, show: s}
	for i := range slots {
		added := &slot{cast: c, rng: rand.New(rand.NewPCG(s.seed, uint64(len(s.casts)*100+i)))}
		added.now = added.hire("")
		added.now.state = route.Ready
		c.slots = append(c.slots, added)
	}
	s.casts = append(s.casts, c)
	return c
}

// perform has clients come while the tables change, and judges what happened.
func (s *show) perform() {
	rng := rand.New(rand.NewPCG(s.seed, 6))
	for _, spoiled := range s.named("storm").slots[1:] {
		spoiled.now.turn(doesBreak)
	}
	s.swap(rng)
	stop := make(chan struct{})
	var changing, visiting sync.WaitGroup
	changing.Go(func() { s.direct(rng, stop) })
	closing := time.Now().Add(showing)
	for i := range callers + pairs {
		visiting.Go(func() {
			v := &caller{show: s, rng: rand.New(rand.NewPCG(s.seed, 1000+uint64(i))), name: fmt.Sprintf("id-%d-%d", s.seed, i)}
			defer v.depart()
			for time.Now().Before(closing) {
				v.come(i >= callers)
			}
		})
	}
	visiting.Wait()
	close(stop)
	changing.Wait()
	eventually(s.t, "no request is under way", func() bool { return s.Status().Proxy.Inflight == 0 })
	s.end()
	s.access.end()
	oracle{s, s.visited(auditOf(s.Server, s.access, s.book.wrong))}.judge()
}

// named finds an app.
func (s *show) named(name string) *cast {
	for _, c := range s.casts {
		if c.name == name {
			return c
		}
	}
	return nil
}

// direct has things happen and the table follow.
func (s *show) direct(rng *rand.Rand, stop <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		for _, c := range s.casts {
			for _, slot := range c.slots {
				slot.act()
			}
		}
		s.swap(rng)
	}
}

// swap puts the next table in force.
func (s *show) swap(rng *rand.Rand) {
	var routes []route.Route
	there := map[*cast]bool{}
	for _, c := range s.casts {
		// A route that never was is not waited for.
		if c.name != "fleeting" || s.swapped.IsZero() || rng.IntN(4) > 0 {
			routes = append(routes, c.route(rng))
			there[c] = true
		}
	}
	table := route.Build(routes, nil)
	before := time.Now()
	s.SetTable(table)
	s.swapped = time.Now()
	for _, c := range s.casts {
		ready := c.readies()
		for _, r := range c.all {
			r.tabled(there[c] && ready[r], before, s.swapped)
		}
	}
}

// end stops the proxy and its replicas.
func (s *show) end() {
	s.stop()
	if err := <-s.ended; err != nil {
		s.t.Errorf("Serve = %v", err)
	}
	for _, c := range s.casts {
		for _, r := range c.all {
			r.turn(isDead)
			r.running.Wait()
		}
	}
	if strings.Contains(s.log.String(), "panic") {
		s.t.Error(s.log)
	}
}
