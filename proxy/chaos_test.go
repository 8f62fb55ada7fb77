package proxy

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/proxy/route"
)

// TestChaos_NoAnswerIsAnothers has clients of all kinds ask targets that do all that targets should not, while the table
// changes ten times a second. Each request gets exactly one well-formed answer, its own or the gateway's, or its
// connection ends; what broke off shows that it did; and requests to targets that do no harm are all answered. Figures and
// access log agree on all of them.
//
//	GATEWAY_CHAOS_SEED=n      repeats what was drawn in another run
//	GATEWAY_CHAOS_MINUTES=n   goes on for that long
func TestChaos_NoAnswerIsAnothers(t *testing.T) {
	seed := uint64(number(t, "GATEWAY_CHAOS_SEED", int(time.Now().UnixNano()&0xffffff)))
	until := time.Now().Add(time.Duration(number(t, "GATEWAY_CHAOS_MINUTES", 0)) * time.Minute)
	t.Logf("GATEWAY_CHAOS_SEED=%d", seed)
	files := descriptors(t)
	pprof.Do(t.Context(), pprof.Labels("chaos", "yes"), func(context.Context) {
		s := newStage(t, seed)
		for round := uint64(0); round == 0 || time.Now().Before(until) && !t.Failed(); round++ {
			s.play(seed + round)
		}
		s.end()
	})
	nobody(t, "chaos")
	eventually(t, "all descriptors are closed", func() bool { runtime.GC(); return open() <= files })
}

// number is what an environment variable says.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// open is the number of open descriptors, 0 where the system does not say.
func open() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// descriptors waits until earlier tests have left, and returns the number of open descriptors.
func descriptors(t *testing.T) int {
	t.Helper()
	last, since := -1, time.Now()
	eventually(t, "the number of descriptors stands still", func() bool {
		runtime.GC()
		if now := open(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > 100*time.Millisecond
	})
	return last
}

// nobody waits until there is no goroutine with that label.
func nobody(t *testing.T, label string) {
	t.Helper()
	var left string
	defer func() {
		if t.Failed() {
			t.Log(left)
		}
	}()
	eventually(t, "all goroutines have ended", func() bool { left = labelled(label); return left == "" })
}

// labelled returns the stacks of the goroutines with that label.
func labelled(label string) string {
	var all bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
	var found []string
	for group := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(group, `"`+label+`":`) {
			found = append(found, group)
		}
	}
	return strings.Join(found, "\n\n")
}

// stage is a proxy with its targets and what the clients saw.
type stage struct {
	*running
	t       *testing.T
	wild    []*jester
	calm    []*jester
	mu      sync.Mutex
	seen    map[string]int
	mistook int
	access  *journal
	// home is which of calm the calm route has, and moved how often it got the other one. visits are those of calm guests
	// under way, with what moved was when they came. mu guards both.
	home, moved int
	visits      map[*guest]int
}

func newStage(t *testing.T, seed uint64) *stage {
	s := &stage{t: t, seen: map[string]int{}, visits: map[*guest]int{}}
	for i := range 4 {
		s.wild = append(s.wild, jest(t, "wild"+strconv.Itoa(i), seed+uint64(i), s.wrong))
	}
	for i := range 2 {
		s.calm = append(s.calm, jest(t, "calm"+strconv.Itoa(i), seed, s.wrong))
	}
	s.access = keepJournal(t, false)
	s.running = start(t, Config{AccessLog: s.access.Log})
	return s
}

// wrong notes a mistake of the gateway; the first few are enough.
func (s *stage) wrong(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mistook++; s.mistook <= 10 {
		s.t.Errorf(format, args...)
	}
}

// came notes that a calm guest is there, until the function is called.
func (s *stage) came(g *guest) (left func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visits[g] = s.moved
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.visits, g)
	}
}

// move gives the calm route the target with that index, and returns the one that it has then. A request whose target is
// Gone is sent again twice at most, so no guest sees more than two moves, however long a busy machine takes for it.
func (s *stage) move(to int) *jester {
	s.mu.Lock()
	defer s.mu.Unlock()
	may := true
	for _, moved := range s.visits {
		may = may && moved == s.moved
	}
	if may && to != s.home {
		s.home = to
		s.moved++
	}
	return s.calm[s.home]
}

func (s *stage) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[what]++
}

// end stops the proxy and its targets.
func (s *stage) end() {
	eventually(s.t, "no request is under way", func() bool { return s.Status().Proxy.Inflight == 0 })
	s.stop()
	if err := <-s.ended; err != nil {
		s.t.Errorf("Serve = %v", err)
	}
	s.access.end()
	auditOf(s.Server, s.access, s.wrong).check()
	for _, j := range append(s.wild, s.calm...) {
		j.close()
	}
	for _, what := range slices.Sorted(maps.Keys(s.seen)) {
		s.t.Logf("%6d %s", s.seen[what], what)
	}
	s.t.Logf("%6d moves of the calm route", s.moved)
	if s.seen["answered"] == 0 || s.seen["the gateway's page"] == 0 || s.seen["broken off"] == 0 || s.seen["left"] == 0 {
		s.t.Error("there was no chaos")
	}
	if strings.Contains(s.log.String(), "panic") {
		s.t.Error(s.log)
	}
}

const (
	guests   = 16
	sessions = 50
	wildest  = 6
)

// play has the guests come while the table changes.
func (s *stage) play(seed uint64) {
	s.shuffle(rand.New(rand.NewPCG(seed, 2)))
	stop := make(chan struct{})
	var changing, visiting sync.WaitGroup
	changing.Go(func() {
		rng := rand.New(rand.NewPCG(seed, 3))
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.shuffle(rng)
			case <-stop:
				return
			}
		}
	})
	for i := range guests {
		visiting.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 100+uint64(i)))
			for n := range sessions {
				g := &guest{stage: s, rng: rng, name: fmt.Sprintf("id-%d-%d-%d", seed, i, n), calm: n%4 == 0}
				g.visit()
			}
		})
	}
	visiting.Wait()
	close(stop)
	changing.Wait()
}

// shuffle puts another table in force: wild routes come, go and change their targets; the calm one only moves.
func (s *stage) shuffle(rng *rand.Rand) {
	mounts := []route.Mount{route.Strip, route.Preserve}
	routes := []route.Route{mount(s.t, "/calm", mounts[rng.IntN(2)], s.move(rng.IntN(2)).Target)}
	for i := range wildest {
		if rng.IntN(8) == 0 {
			continue
		}
		targets := []route.Target{s.wild[rng.IntN(len(s.wild))].Target}
		if other := s.wild[rng.IntN(len(s.wild))].Target; other.ID != targets[0].ID {
			targets = append(targets, other)
		}
		routes = append(routes, mount(s.t, "/wild"+strconv.Itoa(i), mounts[rng.IntN(2)], targets...))
	}
	s.SetTable(route.Build(routes, nil))
}
