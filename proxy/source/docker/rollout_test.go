package docker

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// copyOf is a container of service web or api in project p.
func copyOf(service, id string, labels map[string]string) docker.Container {
	c := box(map[string]string{composeProject: "p", composeService: service, label.Path: "/" + service}, "p_web")
	maps.Copy(c.Labels, labels)
	c.ID, c.Name = id, "p-"+id
	return c
}

// next is a container that a deployment makes in place of others.
func next(service, id, replaces string) docker.Container {
	return copyOf(service, id, map[string]string{label.Rollout: "r1", label.Replaces: replaces})
}

// serving are the targets that get requests, by their names.
func serving(containers ...docker.Container) string {
	return targetsIn(newObservation(world(containers...), false).table(marks{}), route.Ready)
}

func targetsIn(t *route.Table, state route.State) string {
	var all []string
	for _, r := range t.Routes() {
		for _, target := range r.Targets {
			if target.State == state {
				all = append(all, target.Name)
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestObservation_SwitchesToADeploymentAtOnce(t *testing.T) {
	old, oldAPI := copyOf("web", "web1", nil), copyOf("api", "api1", nil)
	web, api := next("web", "web2", "web1,api1"), next("api", "api2", "web1,api1")
	named := func(c docker.Container, suffix, state string) docker.Container {
		c.Name += suffix
		if c.State = state; state == "created" {
			c.Networks = slices.Clone(c.Networks)
			c.Networks[0].Address = noAddress
		}
		return c
	}
	const before, after = "p-api1 p-web1", "p-api2 p-web2"
	for _, step := range []struct {
		name      string
		web, api  docker.Container
		want      string
		isDrained bool
	}{
		{"created", named(web, "", "created"), named(api, "", "created"), before, false},
		{"one is held", named(web, label.Next, "created"), named(api, "", "created"), before, false},
		{"both are held", named(web, label.Next, "created"), named(api, label.Next, "created"), before, false},
		{"they run", named(web, label.Next, "running"), named(api, label.Next, "running"), before, false},
		{"one is released", named(web, "", "running"), named(api, label.Next, "running"), before, false},
		{"both are", web, api, after, true},
		{"held again", named(web, label.Next, "running"), api, before, false},
	} {
		if got := serving(old, oldAPI, step.web, step.api); got != step.want {
			t.Errorf("%s: %s serve", step.name, got)
		}
		table := newObservation(world(old, oldAPI, step.web, step.api), false).table(marks{})
		if drained := targetsIn(table, route.Draining); step.isDrained != (drained == before) {
			t.Errorf("%s: %s drain", step.name, drained)
		}
		if n := len(table.Routes()); n != 2 || len(table.Problems()) > 0 {
			t.Errorf("%s: %d routes, problems %v", step.name, n, table.Problems())
		}
	}
	if got := serving(old, web, api); got != after {
		t.Errorf("with one of the old ones removed, %s serve", got)
	}
	if got := serving(web, api); got != after {
		t.Errorf("at last %s serve", got)
	}
}

func TestObservation_ServesCopiesThatNoDeploymentReplaces(t *testing.T) {
	// A copy that somebody adds by hand after a deployment serves beside it.
	if got := serving(next("web", "web2", "web1"), copyOf("web", "web3", nil)); got != "p-web2 p-web3" {
		t.Errorf("%s serve", got)
	}
	// A later deployment replaces the one before.
	later := copyOf("web", "web4", map[string]string{label.Rollout: "r2", label.Replaces: "web2"})
	if got := serving(next("web", "web2", "web1"), later); got != "p-web4" {
		t.Errorf("%s serve", got)
	}
}

func TestObservation_ReplacesNothingOfAnotherProject(t *testing.T) {
	stranger := next("web", "web9", "web1,lone")
	stranger.Labels[composeProject] = "q"
	lone := copyOf("lone", "lone", nil)
	delete(lone.Labels, composeProject)
	got := newObservation(world(copyOf("web", "web1", nil), lone, stranger), false)
	if len(got.found) != 3 || targetsIn(got.table(marks{}), route.Draining) != "" {
		t.Errorf("found %+v", got.found)
	}
	alone := next("web", "web9", "web1")
	delete(alone.Labels, composeProject)
	alone.Name += label.Next
	if got := serving(alone); got != "p-web9.next" {
		t.Errorf("without a project %s serves", got)
	}
}

func TestObservation_GivesAPrefixToTheNewService(t *testing.T) {
	old, renamed := copyOf("web", "web1", nil), next("shop", "shop2", "web1")
	renamed.Labels[label.Path] = "/web"
	gone := copyOf("api", "api1", nil)
	renamed.Labels[label.Replaces] = "web1,api1"
	table := newObservation(world(old, gone, renamed), false).table(marks{})
	if len(table.Routes()) != 1 || table.Routes()[0].Service != "shop" || len(table.Problems()) > 0 {
		t.Errorf("routes %+v, problems %v", table.Routes(), table.Problems())
	}
}

func TestMembership_JoinsTheNetworksOfHeldContainers(t *testing.T) {
	proxy := proxyBox(HomeNetwork)
	held := next("web", "web2", "web1")
	held.Name += label.Next
	l := world(proxy, held)
	o := newObservation(l, true)
	m := newMembership(Config{Logger: discard})
	if steps := m.plan(l, o, born); len(steps) != 1 || steps[0].network != "p_web" || steps[0].leave {
		t.Errorf("steps %+v", steps)
	}
}
