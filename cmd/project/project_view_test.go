package project

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/label"
)

func TestView_SaysWhatNeedsALook(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	claims, _ := label.Parse(map[string]string{label.Path: "/robots"})
	p := projects.Project{Name: "robots", Document: projects.Document{Claims: claims}}
	p.Expires = time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC)
	up := map[string][]docker.Container{"robots": {{Name: "robots-site-1", State: "running"}}}
	down := map[string][]docker.Container{"robots": {{Name: "robots-site-1", State: "exited"}}}
	served := &admin.Routes{Routes: []admin.Route{{Key: "/robots", Project: "robots", Source: "docker", State: "ready"}}}
	paused := &admin.Routes{Routes: []admin.Route{{Key: "/robots", Project: "robots", Source: "docker", State: "ready", Paused: &admin.Pause{Since: now}}}}
	at := cli.Address{Base: &url.URL{Scheme: "http", Host: "localhost"}}
	broken := p
	broken.Err = errors.New("line 3")
	for name, c := range map[string]struct {
		o    observation
		p    projects.Project
		want string
	}{
		"served":             {observation{containers: up, routes: served, at: at}, p, "ready"},
		"paused":             {observation{containers: up, routes: paused, at: at}, p, "paused"},
		"not routed":         {observation{containers: up, routes: &admin.Routes{}, at: at}, p, "not routed"},
		"not deployed":       {observation{containers: map[string][]docker.Container{}, routes: &admin.Routes{}, at: at}, p, "not deployed"},
		"no gateway":         {observation{containers: up}, p, "running"},
		"no gateway, down":   {observation{containers: down}, p, "stopped"},
		"no engine":          {observation{routes: served, at: at}, p, "ready"},
		"neither":            {observation{}, p, "unknown"},
		"a broken file":      {observation{containers: up, routes: served, at: at}, broken, "broken"},
		"of another engine":  {observation{containers: up, routes: &admin.Routes{Routes: []admin.Route{{Key: "/robots", Project: "robots", Source: "lab", State: "ready"}}}, at: at}, p, "not routed"},
		"one of two is away": {observation{containers: up, routes: &admin.Routes{Routes: append(slices.Clone(served.Routes), admin.Route{Key: "/b", Project: "robots", Source: "docker", State: "unhealthy"})}, at: at}, p, "unhealthy"},
	} {
		v := c.o.view(c.p, now)
		if (v.State == "paused") != strings.Contains(v.Routes[0].Reason, "paused since 2026-11-20 ") {
			t.Errorf("%s: the reason is %q", name, v.Routes[0].Reason)
		}
		if v.State != c.want {
			t.Errorf("%s: %s, want %s", name, v.State, c.want)
		}
		if v.expiry() != "2026-11-19 (past)" {
			t.Errorf("%s: expires %s", name, v.expiry())
		}
	}
}

func TestView_TellsNotRoutedFromNotKnown(t *testing.T) {
	claims, _ := label.Parse(map[string]string{label.Path: "/robots"})
	p := projects.Project{Name: "robots", Document: projects.Document{Claims: claims}}
	for want, o := range map[string]observation{"unknown": {}, "not routed": {routes: &admin.Routes{}}} {
		if v := o.view(p, time.Now()); len(v.Routes) != 1 || v.Routes[0].State != want {
			t.Errorf("routes %+v, want one that is %s", v.Routes, want)
		}
	}
}
