package docker_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
	"gateway/proxy/label"
	"gateway/proxy/route"
	"gateway/proxy/source"
	dockersource "gateway/proxy/source/docker"
)

// await reads tables until one is as it should be.
func await(t *testing.T, tables <-chan *route.Table, what string, good func(*route.Table) bool) {
	t.Helper()
	last := &route.Table{}
	for deadline := time.After(20 * time.Second); ; {
		select {
		case last = <-tables:
			if good(last) {
				return
			}
		case <-deadline:
			text, _ := last.MarshalJSON()
			t.Fatalf("%s: the last table is %s", what, text)
		}
	}
}

// has is true of tables where the path has that state; the empty state is that of a route that is not there.
func has(t *testing.T, path string, state route.State) func(*route.Table) bool {
	key, err := route.ParseKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return func(tab *route.Table) bool {
		r := tab.Lookup(key)
		return r == nil && state == "" || r != nil && r.State() == state
	}
}

// watchEngine runs a watcher with the real client until the test ends.
func watchEngine(t *testing.T, e *dockertest.Engine) <-chan *route.Table {
	t.Helper()
	client, err := docker.New(e.Host())
	if err != nil {
		t.Fatal(err)
	}
	tables := make(chan *route.Table, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	w := dockersource.New(dockersource.Config{
		Engine: client, Join: true, Hosts: []string{"example.org"}, Logger: slog.New(slog.DiscardHandler),
	})
	go func() {
		done <- w.Run(ctx, source.Listing{}, source.Receiver{
			Publish: func(l source.Listing) { tables <- route.Build(l.Routes, l.Problems) },
			Report:  func(source.Status) {},
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return tables
}

func TestSource_FollowsAnEngine(t *testing.T) {
	e := dockertest.Start(t)
	e.AddNetwork(dockertest.Network{Name: dockersource.HomeNetwork})
	e.AddNetwork(dockertest.Network{Name: "blog_web"})
	e.AddContainer(dockertest.Container{
		Name: "gateway-proxy", Networks: []string{dockersource.HomeNetwork}, Labels: map[string]string{label.Role: label.RoleProxy},
	})
	tables := watchEngine(t, e)
	await(t, tables, "at the start", has(t, "/blog", ""))
	e.AddContainer(dockertest.Container{
		Name: "blog-app-1", Networks: []string{"blog_web"}, Ports: []uint16{8080},
		Labels: map[string]string{label.Path: "/blog", "com.docker.compose.project": "blog", label.Network: "web"},
	})
	await(t, tables, "after the start", has(t, "/blog", route.Ready))
	if !slices.ContainsFunc(e.Calls(), func(c dockertest.Call) bool { return strings.HasSuffix(c.Path, "/connect") }) {
		t.Errorf("the proxy joined nothing: %v", e.Calls())
	}
	e.Pause("blog-app-1")
	await(t, tables, "when it is paused", has(t, "/blog", route.Stopped))
	e.Unpause("blog-app-1")
	await(t, tables, "when it goes on", has(t, "/blog", route.Ready))
	e.Stop("blog-app-1")
	await(t, tables, "when it is told to stop", has(t, "/blog", route.Draining))
	await(t, tables, "when it stopped", has(t, "/blog", route.Stopped))
	e.Start("blog-app-1")
	await(t, tables, "when it was started again", has(t, "/blog", route.Ready))
	e.Remove("blog-app-1")
	await(t, tables, "when it is removed", has(t, "/blog", ""))
}

func TestSource_FollowsHealth(t *testing.T) {
	e := dockertest.Start(t)
	e.AddContainer(dockertest.Container{Name: "a", Labels: map[string]string{label.Path: "/a"}, Health: "starting"})
	tables := watchEngine(t, e)
	await(t, tables, "at the start", has(t, "/a", route.Starting))
	e.SetHealth("a", "healthy")
	await(t, tables, "when it is healthy", has(t, "/a", route.Ready))
	e.SetHealth("a", "unhealthy")
	await(t, tables, "when it is unhealthy", has(t, "/a", route.Unhealthy))
}

func TestSource_ConvergesAfterTheEngineWasAway(t *testing.T) {
	e := dockertest.Start(t)
	e.AddContainer(dockertest.Container{Name: "a", Labels: map[string]string{label.Path: "/a"}})
	tables := watchEngine(t, e)
	await(t, tables, "at the start", has(t, "/a", route.Ready))
	e.Down()
	e.AddContainer(dockertest.Container{Name: "b", Labels: map[string]string{label.Path: "/b"}})
	e.Remove("a")
	e.Up()
	await(t, tables, "when it is back", func(tab *route.Table) bool {
		if len(tab.Routes()) == 0 {
			t.Error("a table without routes was published")
		}
		return has(t, "/a", "")(tab) && has(t, "/b", route.Ready)(tab)
	})
}

func TestSource_OutlivesAFailedListing(t *testing.T) {
	e := dockertest.Start(t)
	e.AddContainer(dockertest.Container{Name: "a", Labels: map[string]string{label.Path: "/a"}})
	tables := watchEngine(t, e)
	await(t, tables, "at the start", has(t, "/a", route.Ready))
	e.FailNext("GET /networks", 2)
	e.AddContainer(dockertest.Container{Name: "b", Labels: map[string]string{label.Path: "/b"}})
	await(t, tables, "in the end", func(tab *route.Table) bool {
		if has(t, "/a", "")(tab) {
			t.Errorf("a partial table was published: %+v", tab.Routes())
		}
		return has(t, "/b", route.Ready)(tab)
	})
}
