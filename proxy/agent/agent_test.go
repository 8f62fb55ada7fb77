package agent

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/docker"
)

func TestAgent_PushesEachTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, p := newEngine("/a"), &proxy{}
		start(t, e, p, false)
		synctest.Wait()
		p.serves(t, "/a")
		e.set("/a", "/b")
		pass(time.Second)
		p.serves(t, "/a", "/b")
		if len(p.seen().tables) != 2 {
			t.Errorf("%d pushes", len(p.seen().tables))
		}
	})
}

func TestAgent_ReportsWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &proxy{}
		start(t, newEngine("/a"), p, false)
		pass(time.Minute)
		for i := 1; i < len(p.seen().at); i++ {
			if gap := p.seen().at[i].Sub(p.seen().at[i-1]); gap > 5*time.Second {
				t.Errorf("%v between two reports", gap)
			}
		}
		last := p.seen().reports[len(p.seen().reports)-1]
		if last.Agent.Version != "v1" || last.Agent.PID == 0 || !last.Connected || last.Version != "Docker 20.10.24 (API 1.41)" || last.Listed.IsZero() {
			t.Errorf("report %+v", last)
		}
		if len(p.seen().reports) > 20 || len(p.seen().tables) != 1 {
			t.Errorf("%d reports and %d pushes in a minute", len(p.seen().reports), len(p.seen().tables))
		}
	})
}

func TestAgent_ReportsAtOnceWhenTheEngineChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, p := newEngine("/a"), &proxy{}
		start(t, e, p, false)
		pass(time.Second)
		e.stop(errors.New("gone"))
		synctest.Wait()
		if last := p.seen().reports[len(p.seen().reports)-1]; last.Connected || last.Error != "gone" || last.Version == "" {
			t.Errorf("report %+v", last)
		}
		p.serves(t, "/a")
		if len(p.seen().tables) != 1 {
			t.Errorf("%d pushes", len(p.seen().tables))
		}
	})
}

func TestAgent_PushesNothingBeforeTheFirstListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, p := newEngine("/a"), &proxy{digest: "kept on disk"}
		e.stop(errors.New("gone"))
		start(t, e, p, false)
		pass(time.Minute)
		if len(p.seen().tables) != 0 || len(p.seen().reports) == 0 {
			t.Fatalf("%d pushes, %d reports", len(p.seen().tables), len(p.seen().reports))
		}
		e.stop(nil)
		pass(10 * time.Second)
		p.serves(t, "/a")
	})
}

func TestAgent_PushesAgainToARestartedProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &proxy{boot: "first"}
		start(t, newEngine("/a"), p, false)
		pass(time.Second)
		p.set(func(p *proxy) { p.boot = "second" })
		pass(5 * time.Second)
		if len(p.seen().tables) != 2 {
			t.Fatalf("%d pushes after the restart", len(p.seen().tables))
		}
		p.set(func(p *proxy) { p.digest = "another agent's" })
		pass(5 * time.Second)
		if len(p.seen().tables) != 3 {
			t.Fatalf("%d pushes after another table", len(p.seen().tables))
		}
		pass(time.Minute)
		if len(p.seen().tables) != 3 {
			t.Errorf("%d pushes in the end", len(p.seen().tables))
		}
	})
}

func TestAgent_WaitsForTheProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, p := newEngine("/a"), &proxy{err: errAway}
		start(t, e, p, false)
		pass(30 * time.Second)
		e.set("/b")
		pass(30 * time.Second)
		if p.seen().tries < 30 || p.seen().tries > 60 {
			t.Errorf("%d tries in a minute", p.seen().tries)
		}
		p.set(func(p *proxy) { p.err = nil })
		pass(lastRetry)
		p.serves(t, "/b")
		if len(p.seen().tables) != 1 {
			t.Errorf("%d pushes", len(p.seen().tables))
		}
	})
}

func TestAgent_ASlowProxyGetsTheNewestTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, p := newEngine("/0"), &proxy{slow: 3 * time.Second}
		start(t, e, p, false)
		for i := range 20 {
			pass(300 * time.Millisecond)
			e.set(fmt.Sprintf("/%d", i)) // never blocks for long, or the engine's events would pile up
		}
		pass(20 * time.Second)
		p.serves(t, "/19")
		if len(p.seen().tables) > 4 {
			t.Errorf("%d pushes", len(p.seen().tables))
		}
	})
}

func TestAgent_AHungProxyIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, p := newEngine("/a"), &proxy{slow: time.Hour}
		start(t, e, p, false)
		pass(5 * time.Second)
		p.set(func(p *proxy) { p.slow = 0 })
		pass(pushTimeout)
		p.serves(t, "/a")
	})
}

func TestAgent_ExitsWhenTheSocketIsLost(t *testing.T) {
	lost := fmt.Errorf("dialling: %w", docker.ErrUnreachable)
	hung := fmt.Errorf("%w: %w", docker.ErrUnreachable, context.DeadlineExceeded)
	tests := []struct {
		name  string
		exit  bool
		err   error
		exits bool
	}{
		{"lost", true, lost, true},
		{"lost, and not asked to exit", false, lost, false},
		{"hung", true, hung, false},
		{"refusing for another reason", true, errors.New("permission denied"), false},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			e := newEngine("/a")
			done := start(t, e, &proxy{}, tt.exit)
			pass(time.Second)
			e.stop(tt.err)
			pass(lostAfter - time.Second)
			select {
			case err := <-done:
				t.Fatalf("%s: too early: %v", tt.name, err)
			default:
			}
			pass(10 * time.Second)
			select {
			case err := <-done:
				if !tt.exits || !errors.Is(err, ErrLost) || !errors.Is(err, tt.err) {
					t.Errorf("%s: %v", tt.name, err)
				}
			default:
				if tt.exits {
					t.Errorf("%s: it goes on", tt.name)
				}
			}
		})
	}
}

func TestAgent_AShortOutageIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine("/a")
		done := start(t, e, &proxy{}, true)
		for range 5 {
			pass(time.Second)
			e.stop(docker.ErrUnreachable)
			pass(9 * time.Second)
			e.stop(nil)
			pass(6 * time.Second)
		}
		select {
		case err := <-done:
			t.Errorf("it ended: %v", err)
		default:
		}
	})
}

func TestRun_ReturnsNilWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		a := New(config(newEngine("/a"), &proxy{}, false))
		go func() { done <- a.Run(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
