package projects

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker/dockertest"
	"gateway/proxy/route"
)

func TestRestart_StartsWhatRanAndWhatWasStopped(t *testing.T) {
	for _, before := range []string{"running", "exited"} {
		t.Run(before, func(t *testing.T) {
			b := added(t)
			if before == "exited" {
				b.engine.Stop("robots-site-1")
			}
			if _, err := b.Do(t.Context(), Restart{"robots"}); err != nil {
				t.Fatal(err)
			}
			c, err := b.client.Container(t.Context(), "robots-site-1")
			if err != nil || c.State != "running" {
				t.Errorf("the container is %s, %v", c.State, err)
			}
			if !slices.Equal(b.compose.calls, []string{"restart"}) {
				t.Errorf("calls %v, want a restart alone", b.compose.calls)
			}
			if len(b.waited) != 1 || b.waited[0].String() != "/robots" {
				t.Errorf("waited for %v, want the route of the container", b.waited)
			}
		})
	}
}

func TestRestart_RefusesWhatIsNotItsOwn(t *testing.T) {
	b := added(t)
	b.engine.Remove("robots-site-1")
	if _, err := b.Do(t.Context(), Restart{"robots"}); err == nil || !strings.Contains(err.Error(), "gateway deploy robots") {
		t.Errorf("without containers it says %v", err)
	}
	b.engine.AddContainer(dockertest.Container{
		Name: "robots-web-1", Image: "gateway:latest",
		Labels: map[string]string{composeProject: "robots", composeService: "web", composeDir: "/home/ada/robots"},
	})
	if _, err := b.Do(t.Context(), Restart{"robots"}); err == nil || !strings.Contains(err.Error(), "/home/ada/robots") {
		t.Errorf("with the containers of another folder it says %v", err)
	}
	if len(b.compose.calls) > 0 {
		t.Errorf("calls %v, want none", b.compose.calls)
	}
}

func TestRestart_KeepsOthersOutUntilItIsDone(t *testing.T) {
	b := added(t)
	var held error
	b.Life.Ready = func(ctx context.Context, name Name, _ []route.Key) error {
		unlock, err := b.Store.lock(ctx, string(name), time.Millisecond)
		if held = err; err == nil {
			unlock()
		}
		return nil
	}
	if _, err := b.Do(t.Context(), Restart{"robots"}); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(held, ErrBusy) {
		t.Errorf("while it waits for the routes the lock says %v", held)
	}
	unlock, err := b.Store.Lock(t.Context(), "robots")
	if err != nil {
		t.Fatalf("afterwards the lock says %v", err)
	}
	unlock()
}

func TestRestart_SaysWhyItFailed(t *testing.T) {
	b := added(t)
	b.compose.again = errors.New("the engine stumbled")
	_, err := b.Do(t.Context(), Restart{"robots"})
	if failure, is := errors.AsType[*Failure](err); !is || !strings.Contains(failure.Error(), "the engine stumbled") {
		t.Errorf("it says %v", err)
	}
	b.ready = errors.New("route /robots is starting")
	if _, err := b.Do(t.Context(), Restart{"robots"}); err == nil || !strings.Contains(err.Error(), "route /robots is starting") {
		t.Errorf("when its route is not served it says %v", err)
	}
}

func TestStop_KeepsWhatIsStoppedAndStartBringsItBack(t *testing.T) {
	b := added(t)
	state := func() string {
		c, err := b.client.Container(t.Context(), "robots-site-1")
		if err != nil {
			t.Fatal(err)
		}
		return c.State
	}
	for range 2 {
		if _, err := b.Do(t.Context(), Stop{"robots"}); err != nil || state() != "exited" {
			t.Fatalf("it is %s, %v", state(), err)
		}
	}
	b.waited = nil
	if _, err := b.Do(t.Context(), Start{"robots"}); err != nil || state() != "running" || len(b.waited) != 1 {
		t.Errorf("it is %s, waited for %v, %v", state(), b.waited, err)
	}
	onlyProjects(t, b.Store, "robots")
}
