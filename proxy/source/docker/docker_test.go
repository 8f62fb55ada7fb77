package docker

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/route"
)

func TestSource_PublishesWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add("hello", path("/hello"), "bridge").Ports = []uint16{8080}
		w := watch(t, f, nil)
		synctest.Wait()
		if len(w.table().Routes()) != 1 {
			t.Fatalf("got %+v", w.table().Routes())
		}
		r := w.table().Routes()[0]
		if r.State() != route.Ready || r.Targets[0].Address != "10.0.0.2:8080" || r.Targets[0].ID != "0123456789ab" {
			t.Errorf("got %+v", r)
		}
		s := w.status()
		if !s.Connected || s.Version != "Docker 20.10.24 (API 1.41)" || !s.Listed.Equal(time.Now()) {
			t.Errorf("status %+v", s)
		}
	})
}

func TestSource_OpensTheStreamBeforeItLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		watch(t, f, nil)
		synctest.Wait()
		if want := []string{"engine", "events", "containers", "networks"}; !slices.Equal(f.calls, want) {
			t.Errorf("calls %v", f.calls)
		}
	})
}

func TestSource_PublishesAnEmptyTableOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		w := watch(t, f, nil)
		pass(10 * time.Minute)
		if w.count() != 1 || len(w.table().Routes()) != 0 {
			t.Errorf("%d tables", w.count())
		}
		if n := f.count("containers"); n < 20 || n > 22 {
			t.Errorf("%d listings in 10 minutes", n)
		}
	})
}

func TestSource_FollowsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add("a", path("/a"), "bridge")
		w := watch(t, f, nil)
		synctest.Wait()
		f.add("b", path("/b"), "bridge")
		f.change("b", func(*docker.Container) {}, "start")
		begun := time.Now()
		pass(time.Second)
		if w.state(t, "/b") != route.Ready || w.count() != 2 {
			t.Fatalf("after the start: %v, %d tables", w.table().Routes(), w.count())
		}
		if took := w.times[1].Sub(begun); took != settleQuiet {
			t.Errorf("it took %v", took)
		}
		f.change("a", func(c *docker.Container) { c.Labels = path("/moved") }, "rename")
		pass(time.Second)
		if w.state(t, "/a") != "" || w.state(t, "/moved") != route.Ready {
			t.Errorf("after the rename: %v", w.table().Routes())
		}
	})
}

func TestSource_SettlesForAtMost200Milliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		w := watch(t, f, nil)
		synctest.Wait()
		begun, before := time.Now(), f.count("containers")
		for i := range 50 {
			f.add(fmt.Sprintf("c%d", i), path(fmt.Sprintf("/%d", i)), "bridge")
			f.emit(docker.Event{Type: "container", Action: "start", ID: "x"})
			pass(20 * time.Millisecond)
		}
		pass(time.Second)
		if took := w.times[1].Sub(begun); took != settleMost {
			t.Errorf("the first table came after %v", took)
		}
		if n := f.count("containers") - before; n > 7 {
			t.Errorf("a burst of one second led to %d listings", n)
		}
		if len(w.table().Routes()) != 50 {
			t.Errorf("%d routes", len(w.table().Routes()))
		}
	})
}

func TestSource_KeepsWhatItHasWhileTheEngineIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add("a", path("/a"), "bridge")
		w := watch(t, f, nil)
		synctest.Wait()
		f.stop()
		delete(f.containers, "a")
		f.add("b", path("/b"), "bridge")
		pass(10 * time.Minute)
		if w.count() != 1 || w.status().Connected || !errors.Is(w.status().Err, errGone) || w.status().Version == "" {
			t.Fatalf("%d tables, %+v", w.count(), w.status())
		}
		// With a delay between 2.5 and 5 seconds each.
		if n := f.count("engine"); n < 120 || n > 260 {
			t.Errorf("%d attempts in 10 minutes", n)
		}
		f.start()
		pass(lastRetry)
		if w.count() != 2 || w.state(t, "/a") != "" || w.state(t, "/b") != route.Ready || !w.status().Connected {
			t.Errorf("after it came back: %d tables, %+v, %+v", w.count(), w.table().Routes(), w.status())
		}
	})
}

func TestSource_StartsWithoutAnEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.stop()
		w := watch(t, f, nil)
		pass(time.Minute)
		if w.count() != 0 || w.status().Connected || w.status().Err == nil {
			t.Errorf("%d tables, %+v", w.count(), w.status())
		}
	})
}

func TestSource_NegotiatesAgainAtEveryReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		w := watch(t, f, nil)
		synctest.Wait()
		f.stop()
		f.version = docker.Engine{Version: "29.0.0", APIVersion: "1.52"}
		f.start()
		pass(time.Second)
		if got := w.status().Version; got != "Docker 29.0.0 (API 1.52)" {
			t.Errorf("the version is still %s", got)
		}
	})
}

func TestSource_GivesUpAnEngineThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add("a", path("/a"), "bridge")
		f.slow = time.Hour
		w := watch(t, f, nil)
		pass(callTimeout + time.Second)
		if w.count() != 0 || w.status().Connected || w.status().Err == nil {
			t.Errorf("%d tables, %+v", w.count(), w.status())
		}
	})
}

func TestSource_DrainsAtOnceWhenAContainerIsToldToStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add("a", path("/a"), "bridge")
		w := watch(t, f, nil)
		synctest.Wait()
		f.slow = 5 * time.Second
		f.emit(docker.Event{Type: "network", Action: "connect"})
		pass(time.Second) // a listing is under way, and takes its time
		f.kill("a", "15")
		synctest.Wait()
		if w.state(t, "/a") != route.Draining {
			t.Fatalf("the state is %s", w.state(t, "/a"))
		}
		pass(4500 * time.Millisecond) // the listing from before the kill is overtaken
		if w.state(t, "/a") != route.Draining {
			t.Fatalf("a listing from before made it %s", w.state(t, "/a"))
		}
		f.slow = 0
		f.change("a", func(c *docker.Container) {
			c.State, c.Status, c.Networks[0].Address = "exited", "Exited (143) Less than a second ago", noAddress
		}, "die")
		pass(time.Second)
		if r := w.table().Routes()[0]; r.State() != route.Stopped || r.Targets[0].Reason != "exited (143)" || r.Targets[0].Address != "" {
			t.Errorf("got %+v", r)
		}
	})
}

func TestSource_SendsNothingToTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add("a", path("/a"), "bridge")
		w := watch(t, f, nil)
		synctest.Wait()
		f.slow = time.Second
		f.emit(docker.Event{Type: "network", Action: "connect"})
		pass(500 * time.Millisecond) // the listing under way has seen it running
		f.change("a", func(c *docker.Container) { c.State, c.Status = "exited", "Exited (1) 1 second ago" }, "die")
		synctest.Wait()
		if w.state(t, "/a") != route.Stopped {
			t.Fatalf("after die: %s", w.state(t, "/a"))
		}
		pass(700 * time.Millisecond)
		if w.state(t, "/a") != route.Stopped {
			t.Fatalf("the listing from before die made it %s", w.state(t, "/a"))
		}
		pass(2 * time.Second)
		if r := w.table().Routes()[0]; r.State() != route.Stopped || r.Targets[0].Reason != "exited (1)" {
			t.Errorf("after the next listing: %+v", r)
		}
	})
}

func TestSource_DoesNotTrustAListingThatLagsBehindADeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add("a", path("/a"), "bridge")
		w := watch(t, f, nil)
		synctest.Wait()
		f.kill("a", "15")
		synctest.Wait()
		if w.state(t, "/a") != route.Draining {
			t.Fatalf("after kill: %s", w.state(t, "/a"))
		}
		f.change("a", func(*docker.Container) {}, "die") // listed as running for a while, as engine 20.10 does
		pass(time.Second)
		if w.state(t, "/a") != route.Stopped {
			t.Fatalf("after die: %s", w.state(t, "/a"))
		}
		f.mu.Lock()
		f.containers["a"].State, f.containers["a"].Status = "exited", "Exited (143) 1 second ago" // and no event tells
		f.mu.Unlock()
		pass(time.Second)
		if reason := w.table().Routes()[0].Targets[0].Reason; reason != "exited (143)" {
			t.Errorf("in the end: %s", reason)
		}
	})
}

func TestSource_LooksAgainWhenAnEventComesBeforeWhatItTells(t *testing.T) {
	for _, e := range []docker.Event{
		{Type: "container", Action: "unpause", ID: "x"},
		{Type: "network", Action: "connect", ID: "x"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.add("a", path("/a"), "bridge").State = "paused"
			w := watch(t, f, nil)
			synctest.Wait()
			f.emit(e)
			pass(100 * time.Millisecond) // the listing for the event is over
			before := f.count("containers")
			f.mu.Lock()
			f.containers["a"].State = "running"
			f.mu.Unlock()
			pass(time.Second)
			if w.state(t, "/a") != route.Ready {
				t.Errorf("a second after %s: %s", e.Action, w.state(t, "/a"))
			}
			if n := f.count("containers") - before; n > 1 {
				t.Errorf("%s led to %d more listings", e.Action, n)
			}
		})
	}
}

func TestSource_RestartEndsDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add("a", path("/a"), "bridge")
		w := watch(t, f, nil)
		synctest.Wait()
		f.kill("a", "SIGTERM")
		f.change("a", func(*docker.Container) {}, "die")
		f.change("a", func(*docker.Container) {}, "start")
		synctest.Wait()
		if w.state(t, "/a") != route.Stopped {
			t.Fatalf("the state is %s", w.state(t, "/a"))
		}
		pass(time.Second)
		if w.state(t, "/a") != route.Ready {
			t.Errorf("after the start: %s", w.state(t, "/a"))
		}
	})
}

func TestSource_ForgivesAKillThatDidNotKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add("a", path("/a"), "bridge")
		w := watch(t, f, nil)
		synctest.Wait()
		f.kill("a", "15")
		pass(killForgiven - time.Second)
		if w.state(t, "/a") != route.Draining {
			t.Fatalf("too early: %s", w.state(t, "/a"))
		}
		pass(resync + 2*time.Second)
		if w.state(t, "/a") != route.Ready {
			t.Errorf("after all: %s", w.state(t, "/a"))
		}
	})
}

func TestSource_AnEngineRestartEndsDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add("a", path("/a"), "bridge")
		w := watch(t, f, nil)
		synctest.Wait()
		f.kill("a", "15")
		synctest.Wait()
		f.stop()
		f.start()
		pass(time.Second)
		if w.state(t, "/a") != route.Ready {
			t.Errorf("the state is %s", w.state(t, "/a"))
		}
	})
}

func TestSource_IgnoresSignalsThatDoNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.add("a", path("/a"), "bridge")
		w := watch(t, f, nil)
		synctest.Wait()
		before := f.count("containers")
		for _, signal := range []string{"1", "10", "12", "SIGHUP", "HUP", "17", "19", "SIGSTOP", "20"} {
			f.kill("a", signal)
		}
		pass(time.Second)
		if w.count() != 1 || f.count("containers") != before {
			t.Errorf("%d tables, %d listings", w.count(), f.count("containers")-before)
		}
		f.kill("a", "28")
		synctest.Wait()
		if w.state(t, "/a") != route.Draining {
			t.Error("WINCH, httpd's stop signal, was ignored")
		}
	})
}
