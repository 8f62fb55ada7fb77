package docker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

func TestJoin_ComesBeforeReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.withProxy()
		f.network("blog_web", nil)
		f.add("blog", path("/blog"), "blog_web")
		f.joinSlow = 300 * time.Millisecond
		w := watch(t, f, joining)
		synctest.Wait()
		r := w.table().Routes()[0]
		if r.State() != route.Starting || !strings.Contains(r.Targets[0].Reason, "joining its network blog_web") {
			t.Fatalf("before it joined: %+v", r)
		}
		pass(time.Second)
		if w.state(t, "/blog") != route.Ready || w.count() != 2 {
			t.Errorf("after: %+v, %d tables", w.table().Routes(), w.count())
		}
		if f.count("connect id-blog_web [example.org]") != 1 {
			t.Errorf("calls %v", f.calls)
		}
	})
}

func TestJoin_GivesNoAliasOnTheDefaultBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.withProxy()
		f.add("hello", path("/hello"), "bridge")
		w := watch(t, f, joining)
		synctest.Wait()
		if f.count("connect id-bridge []") != 1 || w.state(t, "/hello") != route.Ready {
			t.Errorf("calls %v", f.calls)
		}
	})
}

func TestJoin_OnlyWhenAskedAndThereIsAProxy(t *testing.T) {
	for name, edit := range map[string]func(*Config){"not asked": nil, "no proxy": joining} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			if edit == nil {
				f.withProxy()
			}
			f.add("hello", path("/hello"), "bridge")
			w := watch(t, f, edit)
			synctest.Wait()
			if f.count("connect id-bridge []") != 0 || w.state(t, "/hello") != route.Ready {
				t.Errorf("%s: calls %v", name, f.calls)
			}
		})
	}
}

func TestJoin_NeedsNoNetworkOfWhatDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.withProxy()
		f.network("blog_web", nil)
		f.add("blog", path("/blog"), "blog_web").State = "exited"
		w := watch(t, f, joining)
		synctest.Wait()
		if slices.ContainsFunc(f.calls, func(s string) bool { return strings.HasPrefix(s, "connect") }) {
			t.Errorf("calls %v", f.calls)
		}
		if w.state(t, "/blog") != route.Stopped {
			t.Errorf("state %s", w.state(t, "/blog"))
		}
	})
}

func TestJoin_FailureIsAProblemAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.withProxy()
		f.network("blog_web", nil)
		f.add("blog", path("/blog"), "blog_web")
		f.add("hello", path("/hello"), "bridge")
		f.refuse["id-blog_web"] = errors.New("no available IPv4 addresses")
		w := watch(t, f, joining)
		synctest.Wait()
		if w.state(t, "/hello") != route.Ready || w.state(t, "/blog") != route.Unhealthy {
			t.Fatalf("got %+v", w.table().Routes())
		}
		problems := w.table().Problems()
		if len(problems) != 1 || problems[0].Subject != "blog" || problems[0].Route != "/blog" ||
			!strings.Contains(problems[0].Message, "no available IPv4 addresses") || problems[0].Fix == "" {
			t.Fatalf("problems %+v", problems)
		}
		pass(10 * time.Minute)
		if n := f.count("connect id-blog_web [example.org]"); n < 20 || n > 60 {
			t.Errorf("tried %d times in 10 minutes", n)
		}
		if w.count() > 2 {
			t.Errorf("%d tables for one problem", w.count())
		}
		f.mu.Lock()
		delete(f.refuse, "id-blog_web")
		f.mu.Unlock()
		pass(lastJoin)
		if w.state(t, "/blog") != route.Ready || len(w.table().Problems()) != 0 {
			t.Errorf("after it was fixed: %+v", w.table().Problems())
		}
	})
}

func TestJoin_AHungEngineDelaysNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.withProxy("bridge")
		f.network("blog_web", nil)
		f.add("blog", path("/blog"), "blog_web")
		f.add("hello", path("/hello"), "bridge")
		f.joinSlow = time.Hour
		w := watch(t, f, joining)
		synctest.Wait()
		if w.state(t, "/hello") != route.Ready || w.state(t, "/blog") != route.Starting {
			t.Fatalf("got %+v", w.table().Routes())
		}
		pass(joinTimeout)
		if w.state(t, "/blog") != route.Unhealthy {
			t.Errorf("after the timeout: %s", w.state(t, "/blog"))
		}
	})
}

func TestJoin_ManyNetworksComeInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.withProxy()
		for i := range 50 {
			n := fmt.Sprintf("p%02d_web", i)
			f.network(n, nil)
			f.add(n, path("/"+n), n)
		}
		f.joinSlow = 100 * time.Millisecond
		w := watch(t, f, joining)
		pass(2500 * time.Millisecond)
		ready := 0
		for _, r := range w.table().Routes() {
			if r.State() == route.Ready {
				ready++
			}
		}
		if ready < 10 || ready > 30 {
			t.Errorf("%d are ready half way", ready)
		}
		pass(5 * time.Second)
		for _, r := range w.table().Routes() {
			if r.State() != route.Ready {
				t.Errorf("%s is %s", r.Key, r.State())
			}
		}
	})
}

func TestJoin_LeavesWhatNothingNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.network("blog_web", map[string]string{label.Role: label.RoleEdge})
		f.network("stopped_web", map[string]string{label.Role: label.RoleEdge})
		f.network("shop_default", map[string]string{composeNetwork: "default"})
		f.network("byhand", nil)
		f.withProxy("blog_web", "stopped_web", "shop_default", "byhand")
		f.add("stopped", path("/stopped"), "stopped_web").State = "exited"
		f.add("unlabelled", nil, "shop_default")
		f.add("hello", path("/hello"), "bridge")
		watch(t, f, joining)
		synctest.Wait()
		left := slices.DeleteFunc(slices.Clone(f.calls), func(s string) bool { return !strings.HasPrefix(s, "disconnect") })
		slices.Sort(left)
		if want := []string{"disconnect id-blog_web", "disconnect id-shop_default"}; !slices.Equal(left, want) {
			t.Errorf("left %v", left)
		}
		// The bridge was joined by this run, and is left again when nobody is there any more.
		f.mu.Lock()
		delete(f.containers, "hello")
		f.mu.Unlock()
		f.emit(docker.Event{Type: "container", Action: "destroy", ID: "x"})
		pass(time.Second)
		if f.count("disconnect id-bridge") != 1 || f.count("disconnect id-"+HomeNetwork) != 0 {
			t.Errorf("calls %v", f.calls)
		}
	})
}

func TestPlan_NeverMovesTheDefaultGateway(t *testing.T) {
	tests := []struct {
		network, api string
		internal     bool
		joins        bool
	}{
		{"0-a", "1.41", false, false},
		{"0-a", "1.47", false, false},
		{"0-a", "", false, false},
		{"0-a", "1.48", false, true},
		{"0-a", "2.0", false, true},
		{"0-a", "1.41", true, true},
		{"x", "1.41", false, true},
	}
	for _, tt := range tests {
		l := world(box(nil, tt.network), proxyBox(HomeNetwork))
		l.engine.APIVersion = tt.api
		for i := range l.networks {
			l.networks[i].Internal = tt.internal
		}
		o := newObservation(l, true)
		m := newMembership(Config{})
		steps := m.plan(l, o, born)
		if joins := len(steps) == 1 && steps[0] == (step{network: tt.network, ref: "id-" + tt.network}); joins != tt.joins {
			t.Errorf("%+v: got %+v", tt, steps)
		}
		o.links = m.links()
		tab := o.table(nil)
		if blocked := len(tab.Problems()) == 1 && tab.Routes()[0].State() == route.Unhealthy; blocked == tt.joins {
			t.Errorf("%+v: got %+v", tt, tab.Problems())
		}
	}
}

func TestPlan_JoinsWhatANewEngineAllows(t *testing.T) {
	m := newMembership(Config{})
	l := world(box(nil, "0-a"), proxyBox(HomeNetwork))
	if steps := m.plan(l, newObservation(l, true), born); len(steps) != 0 {
		t.Fatalf("got %+v", steps)
	}
	l.engine.APIVersion = "1.52"
	if steps := m.plan(l, newObservation(l, true), born); len(steps) != 1 {
		t.Errorf("got %+v", steps)
	}
	m.log = discard
	m.note(step{network: "0-a"}, errors.New("refused"))
	if next := m.failures["0-a"].next; next.IsZero() {
		t.Error("a join that failed is not tried again")
	}
}
