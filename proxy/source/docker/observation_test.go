package docker

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

func TestObservation_TellsTheState(t *testing.T) {
	tests := []struct {
		state, health, status string
		want                  route.State
		reason                string
	}{
		{"running", "", "Up 3 minutes", route.Ready, ""},
		{"running", "healthy", "Up 3 minutes (healthy)", route.Ready, ""},
		{"running", "starting", "Up 1 second (health: starting)", route.Starting, "its health check has not passed yet"},
		{"running", "unhealthy", "Up 3 minutes (unhealthy)", route.Unhealthy, "its health check fails"},
		{"created", "", "Created", route.Starting, "it was created and has not started yet"},
		{"restarting", "", "Restarting (1) 5 seconds ago", route.Crashing, "crashes: exit 1"},
		{"paused", "", "Up 3 minutes (Paused)", route.Stopped, "paused"},
		{"exited", "", "Exited (137) 2 hours ago", route.Stopped, "exited (137)"},
		{"dead", "", "Dead", route.Stopped, "dead"},
		{"removing", "", "Removal In Progress", route.Stopped, "it is being removed"},
		{"unheard-of", "", "", route.Stopped, "unheard-of"},
	}
	for _, tt := range tests {
		c := box(nil, "x")
		c.State, c.Health, c.Status = tt.state, tt.health, tt.status
		o := newObservation(world(c), false)
		if len(o.found) != 1 {
			t.Fatalf("%s: got %+v", tt.status, o)
		}
		if target := o.found[0].route.Targets[0]; target.State != tt.want || target.Reason != tt.reason {
			t.Errorf("%s: got %s, %q", tt.status, target.State, target.Reason)
		}
	}
}

func TestObservation_KeepsTheRouteOfAStoppedContainer(t *testing.T) {
	for _, networks := range [][]string{{"x"}, nil} {
		c := box(nil, networks...)
		c.State, c.Status = "exited", "Exited (0) 1 second ago"
		for i := range c.Networks {
			c.Networks[i].Address = noAddress
		}
		o := newObservation(world(c), false)
		if len(o.found) != 1 || len(o.problems) != 0 {
			t.Fatalf("got %+v, %+v", o.found, o.problems)
		}
		if target := o.found[0].route.Targets[0]; target.State != route.Stopped || target.Address != "" {
			t.Errorf("got %+v", target)
		}
	}
}

func TestObservation_TellsWhatHasExpired(t *testing.T) {
	day := func(d int) string { return born.AddDate(0, 0, d).Format(time.DateOnly) }
	for _, tt := range []struct {
		state, status, expires string
		want                   route.State
	}{
		{"exited", "Exited (0) 2 hours ago", day(-1), route.Expired},
		{"exited", "Exited (137) 2 hours ago", day(-400), route.Expired},
		{"created", "Created", day(-1), route.Expired},
		{"exited", "Exited (0) 2 hours ago", day(0), route.Expired}, // It is over where days begin first.
		{"exited", "Exited (0) 2 hours ago", day(1), route.Stopped},
		{"exited", "Exited (0) 2 hours ago", "", route.Stopped},
		{"created", "Created", day(1), route.Starting},
		{"running", "Up 3 minutes", day(-400), route.Ready},
		{"running", "Up 1 second (health: starting)", day(-400), route.Starting},
		{"restarting", "Restarting (1) 5 seconds ago", day(-400), route.Crashing},
	} {
		c := box(nil, "x")
		if tt.expires != "" {
			c.Labels[label.Expires] = tt.expires
		}
		c.State, c.Status, c.Health = tt.state, tt.status, ""
		if strings.Contains(tt.status, "starting") {
			c.Health = "starting"
		}
		l := world(c)
		l.begun = born.Add(10 * time.Hour)
		got := newObservation(l, false).table(marks{}).Routes()[0]
		if got.State() != tt.want || (tt.want == route.Expired) != (got.Targets[0].Reason == "its last day was "+tt.expires) {
			t.Errorf("%s, until %s: got %s, %q", tt.status, tt.expires, got.State(), got.Targets[0].Reason)
		}
	}
}

func TestObservation_WaitsForAnAddress(t *testing.T) {
	c := box(nil, "x")
	c.Networks[0].Address = noAddress
	o := newObservation(world(c), false)
	if target := o.found[0].route.Targets[0]; target.State != route.Starting || target.Reason != "it has no address yet" {
		t.Errorf("got %+v", target)
	}
}

func TestObservation_LeavesOutWhatIsNotToBeRouted(t *testing.T) {
	for name, labels := range map[string]map[string]string{
		ProxyName:   {label.Role: label.RoleProxy},
		AgentName:   {label.Role: label.RoleAgent},
		"p-run-012": {composeOneOff: "True"},
	} {
		c := box(labels, "x")
		c.Name = name
		o := newObservation(world(c), false)
		if len(o.found)+len(o.problems) != 0 {
			t.Errorf("%s: got %+v, %+v", name, o.found, o.problems)
		}
	}
	c := box(nil, "x")
	c.Labels = map[string]string{composeOneOff: "False", "other": "label"}
	if o := newObservation(world(c), false); len(o.found)+len(o.problems) != 0 {
		t.Errorf("no label: got %+v, %+v", o.found, o.problems)
	}
}

func TestObservation_NamesServiceAndProject(t *testing.T) {
	bare := newObservation(world(box(nil, "x")), false).listing("docker", nil).Routes[0]
	if bare.Service != "app" || bare.Project != "" || bare.Source != "docker" {
		t.Errorf("got %+v", bare)
	}
	composed := newObservation(world(box(map[string]string{composeProject: "p", composeService: "web"}, "p_web")), false).found[0].route
	if composed.Service != "web" || composed.Project != "p" {
		t.Errorf("got %+v", composed)
	}
}

func TestObservation_PassesProblemsOfLabelsOn(t *testing.T) {
	o := newObservation(world(box(map[string]string{"gateway.prot": "80", composeProject: "p", "gateway.routes.b.path": "/b"}, "x")), false)
	if len(o.found) != 1 || o.found[0].route.Key.String() != "/b" || len(o.problems) != 1 {
		t.Fatalf("got %+v, %+v", o.found, o.problems)
	}
	p := o.problems[0]
	if p.Subject != "app" || p.Project != "p" || p.Route != "/app" || !strings.Contains(p.Fix, "gateway.port") {
		t.Errorf("got %+v", p)
	}
}

func TestProxyOf_WantsTheNameAndTheLabel(t *testing.T) {
	proxy, fake, bare := proxyBox(), proxyBox(), proxyBox()
	fake.ID, fake.Name, fake.Created = "fake", "other", born.AddDate(0, 0, 1)
	bare.Labels = nil
	if got := proxyOf([]docker.Container{fake, proxy, fake}); got == nil || got.ID != proxy.ID {
		t.Errorf("got %v", got)
	}
	proxy.State = "exited"
	if got := proxyOf([]docker.Container{fake, proxy}); got == nil || got.ID != proxy.ID {
		t.Errorf("one that is stopped: got %v", got)
	}
	for _, none := range [][]docker.Container{nil, {fake}, {bare}} {
		if got := proxyOf(none); got != nil {
			t.Errorf("got %v", got)
		}
	}
}

func TestObservation_TellsWhoTakesARoleThatIsNotTheirs(t *testing.T) {
	for _, role := range []string{label.RoleProxy, label.RoleAgent, ""} {
		c := box(map[string]string{label.Role: role, composeProject: "p"}, "x")
		o := newObservation(world(c, proxyBox("y")), true)
		if o.proxy == nil || o.proxy.Name != ProxyName || len(o.found) != 0 || len(o.problems) != 1 {
			t.Fatalf("%q: got %+v", role, o)
		}
		p := o.problems[0]
		if p.Subject != "app" || p.Project != "p" || p.Route != "/app" || !strings.Contains(p.Message, "set by gateway itself") {
			t.Errorf("%q: got %+v", role, p)
		}
		delete(c.Labels, label.Path)
		if o := newObservation(world(c), true); o.proxy != nil || len(o.found)+len(o.problems) != 0 {
			t.Errorf("%q without a route: got %+v", role, o)
		}
	}
}

func TestObservation_PassesPoliciesOn(t *testing.T) {
	o := newObservation(world(box(map[string]string{
		label.Balance: "sticky", label.Drain: "1m", "gateway.routes.b.path": "/b", "gateway.routes.b.rate": "60/m",
	}, "x")), false)
	if len(o.found) != 2 || len(o.problems) != 0 {
		t.Fatalf("got %+v, %+v", o.found, o.problems)
	}
	want := []route.Policy{
		{Balance: route.Sticky, Drain: time.Minute},
		{Rate: route.Rate{Requests: 60, Per: time.Minute, Burst: 1}},
	}
	for i, c := range o.found {
		if !reflect.DeepEqual(c.route.Policy, want[i]) {
			t.Errorf("%s: got %+v", c.route.Key, c.route.Policy)
		}
	}
}

func TestObservation_EndsRedirects(t *testing.T) {
	for days, want := range map[int]int{1: 1, 0: 1, -1: 1, -2: 0} {
		c := box(map[string]string{label.Redirect: "/notes", label.Expires: born.AddDate(0, 0, days).Format(time.DateOnly)}, "x")
		c.State, c.Status = "exited", "Exited (0) 2 hours ago"
		c.Networks = nil
		l := world(c)
		l.begun = born
		if got := newObservation(l, false).table(marks{}).Routes(); len(got) != want || want > 0 && got[0].Redirect != "/notes" {
			t.Errorf("with its last day in %d days: %+v", days, got)
		}
	}
}

func TestObservation_NeedsNoAddressForARedirect(t *testing.T) {
	routes := newObservation(world(box(map[string]string{label.Redirect: "/notes"}, "none")), false).table(marks{}).Routes()
	if len(routes) != 1 || routes[0].State() != route.Ready {
		t.Errorf("on no network: %+v", routes)
	}
}
