package projects

import (
	"maps"
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker/dockertest"
	"gateway/proxy/label"
)

func TestWithIdle_EditsTheLabelsOfRoutes(t *testing.T) {
	const file = `services:
  web:
    image: web
    labels:
      gateway.path: /shop # the front
      gateway.health.path: /up
      gateway.routes.api.path: /api
      gateway.routes.api.health.path: /up
  list:
    labels:
      - gateway.path=/list
  db:
    image: db
`
	set, err := withIdle([]byte(file), 90*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"      gateway.idle: \"1h30m\"\n", "      gateway.routes.api.idle: \"1h30m\"\n", "      - \"gateway.idle=1h30m\"\n", "/shop # the front\n"} {
		if strings.Count(string(set), want) != 1 {
			t.Errorf("%q is not once in\n%s", want, set)
		}
	}
	if strings.Count(string(set), "idle") != 3 {
		t.Errorf("too many labels in\n%s", set)
	}
	again, err := withIdle(set, 10*time.Second)
	if err != nil || strings.Count(string(again), "10s") != 3 || strings.Contains(string(again), "1h30m") {
		t.Errorf("set again: %v\n%s", err, again)
	}
	if gone, err := withIdle(again, 0); err != nil || string(gone) != file {
		t.Errorf("taken out again: %v\n%s", err, gone)
	}
	if _, err := withIdle([]byte("services:\n  db:\n    image: db\n"), time.Hour); err == nil || !strings.Contains(err.Error(), "gateway.path") {
		t.Errorf("without a route: %v", err)
	}
}

// maySleep gives the site of project robots an idle time.
func (b *bench) maySleep(t *testing.T) {
	t.Helper()
	c, err := b.client.Container(t.Context(), "robots-site-1")
	if err != nil {
		t.Fatal(err)
	}
	labels := maps.Clone(c.Labels)
	labels[label.Idle] = "1h"
	b.engine.Remove("robots-site-1")
	b.engine.AddContainer(dockertest.Container{Name: "robots-site-1", Image: "gateway:latest", Labels: labels})
}

// sleep puts project robots to sleep, as the agent does.
func (b *bench) sleep(t *testing.T) {
	t.Helper()
	running, err := Look(t.Context(), b.client, "robots")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range running.Containers {
		if err := b.client.Sleep(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLook_ASleepingProjectCountsAsRunning(t *testing.T) {
	b := added(t)
	do := func(v Verb) {
		t.Helper()
		if _, err := b.Do(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	look := func() Running {
		t.Helper()
		running, err := Look(t.Context(), b.Engine, "robots")
		if err != nil || len(running.Containers) == 0 {
			t.Fatalf("%d containers, %v", len(running.Containers), err)
		}
		return running
	}
	asleep := func() {
		t.Helper()
		b.sleep(t)
		if running := look(); !running.Asleep || !running.runs() || running.up() != 0 {
			t.Fatalf("asleep %v, runs %v, %d up", running.Asleep, running.runs(), running.up())
		}
	}
	b.maySleep(t)
	asleep()
	do(Renew{Name: "robots", Until: day(t, "2030-01-02")})
	if running := look(); running.up() == 0 {
		t.Error("a renewal did not deploy it, so that its next request would start it with the old labels")
	}
	asleep()
	do(Start{"robots"})
	if running := look(); running.up() == 0 || running.Asleep {
		t.Error("it was not started")
	}
	asleep()
	do(Stop{"robots"})
	if running := look(); running.runs() {
		t.Error("it is asleep, and was stopped")
	}
}
