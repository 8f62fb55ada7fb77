package docker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
)

func TestClient_ComesBackWithTheEngine(t *testing.T) {
	l := memoryLane(t)
	c := l.run(t, docker.Spec{Command: []string{"serve"}})
	for _, version := range []struct{ engine, api string }{{"29.0.0", "1.52"}, {"20.10.24", "1.41"}, {"99.0.0", "1.99"}} {
		l.memory.Down()
		if _, err := l.client.Containers(t.Context()); !errors.Is(err, docker.ErrUnreachable) || !strings.Contains(err.Error(), l.client.Host()) {
			t.Fatalf("with the engine down: %v", err)
		}
		if err := l.client.RemoveNetwork(t.Context(), "x"); !errors.Is(err, docker.ErrUnreachable) {
			t.Fatalf("with the engine down: %v", err)
		}
		l.memory.SetVersion(version.engine, version.api)
		l.memory.Up()
		if list, err := l.client.Containers(t.Context()); err != nil || len(list) != 1 || list[0].ID != c.ID {
			t.Fatalf("with %s it lists %v, %v", version.engine, list, err)
		}
		e, err := l.client.Engine(t.Context())
		if err != nil || e.Version != version.engine || e.APIVersion != min(version.api, "1.56") {
			t.Errorf("%s is %+v, %v", version.engine, e, err)
		}
	}
}

func TestClient_NoticesAnotherVersionBehindItsBack(t *testing.T) {
	l := memoryLane(t)
	for _, api := range []string{"1.52", "1.41", "1.52"} {
		l.memory.SetVersion("of "+api, api)
		if _, err := l.client.Networks(t.Context()); err != nil {
			t.Errorf("reading with %s: %v", api, err)
		}
		name, err := l.client.CreateNetwork(t.Context(), docker.NetworkSpec{Name: "net" + strings.ReplaceAll(api, ".", "")})
		if err == nil {
			err = l.client.RemoveNetwork(t.Context(), name)
		}
		if err != nil {
			t.Errorf("writing with %s: %v", api, err)
		}
	}
	l.memory.SetVersion("1.12.0", "1.24")
	if _, err := l.client.Engine(t.Context()); err == nil || !strings.Contains(err.Error(), "20.10") || errors.Is(err, docker.ErrUnreachable) {
		t.Errorf("an engine that is too old: %v", err)
	}
}

func TestContainers_NeverReturnsPartOfAListing(t *testing.T) {
	l := memoryLane(t)
	l.run(t, docker.Spec{Command: []string{"serve"}})
	l.memory.FailNext("GET /containers/json", 1)
	if list, err := l.client.Containers(t.Context()); err == nil || list != nil || errors.Is(err, docker.ErrUnreachable) {
		t.Errorf("a failed listing is %v, %v", list, err)
	}
	if list, err := l.client.Containers(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("the next is %v, %v", list, err)
	}
}

func TestEvents_EndWithTheEngineAndOpenAgain(t *testing.T) {
	l := memoryLane(t)
	for range 2 {
		var seen []string
		err := l.client.Events(t.Context(), func(e docker.Event) {
			seen = append(seen, e.Type+" "+e.Action)
			if e.Type == "stream" {
				l.memory.Down()
			}
		})
		if !errors.Is(err, docker.ErrUnreachable) || len(seen) == 0 || seen[0] != "stream open" {
			t.Errorf("after %q watching ended with %v", seen, err)
		}
		if err := l.client.Events(t.Context(), func(e docker.Event) { t.Errorf("a dead engine tells %v", e) }); !errors.Is(err, docker.ErrUnreachable) {
			t.Errorf("watching a dead engine: %v", err)
		}
		l.memory.SetVersion("29.0.0", "1.52")
		l.memory.Up()
	}
	l.memory.FailNext("GET /events", 1)
	if err := l.client.Events(t.Context(), func(e docker.Event) { t.Errorf("a refused stream tells %v", e) }); err == nil || errors.Is(err, docker.ErrUnreachable) {
		t.Errorf("a refused stream: %v", err)
	}
}

func TestEvents_AskForNoNoise(t *testing.T) {
	l := memoryLane(t)
	c := l.run(t, docker.Spec{Command: []string{"serve"}})
	w := watch(t, l)
	l.memory.Noise(c.Name, 1000)
	l.memory.SetHealth(c.Name, "unhealthy")
	for _, action := range w.until(c.ID, "health_status") {
		if strings.HasPrefix(action, "exec") {
			t.Errorf("it tells of %s", action)
		}
	}
	for _, call := range l.memory.Calls() {
		if call.Path == "/events" && (!strings.Contains(call.Query, "health_status") || strings.Contains(call.Query, "exec") || !strings.Contains(call.Query, "since=")) {
			t.Errorf("the engine is asked for %s", call.Query)
		}
	}
}

func TestRun_GivesTheFirstNetworkTheGateway(t *testing.T) {
	for api, want := range map[string]int{"1.41": 0, "1.47": 0, "1.48": 1<<31 - 1, "1.52": 1<<31 - 1} {
		l := memoryLane(t)
		l.memory.SetVersion("of "+api, api)
		if _, err := l.client.Engine(t.Context()); err != nil {
			t.Fatal(err)
		}
		name, _ := l.network(t, docker.NetworkSpec{})
		l.run(t, docker.Spec{Command: []string{"serve"}, Network: name})
		for _, call := range l.memory.Calls() {
			if call.Path != "/containers/create" {
				continue
			}
			var sent struct {
				NetworkingConfig *struct {
					EndpointsConfig map[string]struct{ GwPriority int }
				}
			}
			if err := json.Unmarshal([]byte(call.Body), &sent); err != nil {
				t.Fatal(err)
			}
			if sent.NetworkingConfig == nil {
				sent.NetworkingConfig = &struct {
					EndpointsConfig map[string]struct{ GwPriority int }
				}{}
			}
			if got := sent.NetworkingConfig.EndpointsConfig[name].GwPriority; got != want {
				t.Errorf("API %s: the priority is %d", api, got)
			}
		}
	}
}

func TestClient_GivesUpOnAHungEngine(t *testing.T) {
	socket := filepath.Join(shortDir(t), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := docker.New("unix://" + socket)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for what, call := range map[string]func(context.Context) error{
		"listing": func(ctx context.Context) error { _, err := client.Containers(ctx); return err },
		"asking":  func(ctx context.Context) error { _, err := client.Engine(ctx); return err },
		"exec":    func(ctx context.Context) error { _, err := client.Exec(ctx, "x", []string{"y"}); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := call(ctx); !errors.Is(err, docker.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", what, err)
		}
		cancel()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Containers(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, docker.ErrUnreachable) {
		t.Errorf("cancelled: %v", err)
	}
}

// shortDir is a folder whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "reach")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestExec_BreaksWithTheEngine(t *testing.T) {
	l := memoryLane(t)
	c := l.run(t, docker.Spec{Command: []string{"serve"}})
	conn, err := l.client.Exec(t.Context(), c.ID, []string{"/probe", "cat"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	l.memory.Down()
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) && !errors.Is(err, docker.ErrUnreachable) {
		t.Errorf("reading from a lost command: %v", err)
	}
}

func TestClient_IsSafeForConcurrentUse(t *testing.T) {
	l := memoryLane(t)
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("app%d", i))
		l.memory.AddContainer(dockertest.Container{Name: names[i], Health: "healthy", Labels: map[string]string{"odd": fmt.Sprint(i % 2)}})
	}
	var all sync.WaitGroup
	for worker := range 6 {
		all.Go(func() {
			for i := range 20 {
				l.memory.SetHealth(names[i], []string{"healthy", "unhealthy"}[worker%2])
				if list, err := l.client.Containers(t.Context(), "odd=1"); err != nil || len(list) != 10 {
					t.Errorf("listed %d, %v", len(list), err)
				}
				if i%5 == 0 {
					_, err := l.client.Engine(t.Context())
					if err = errors.Join(err, l.client.Close()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
}
