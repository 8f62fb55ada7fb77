package route

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// full has every setting.
var full = Policy{
	Balance:         Sticky,
	Check:           Check{Path: "/health?deep=1", Interval: time.Second, Timeout: 90 * time.Second, Rise: 1, Fall: 7, Start: 5 * time.Minute},
	Drain:           time.Hour,
	Rate:            Rate{Requests: 600, Per: time.Minute, Burst: 20},
	BodyMax:         1 << 40,
	ResponseHeaders: []HeaderEdit{{Name: "Server"}, {Name: "X-Robots-Tag", Value: "noindex", Add: true}},
	Compress:        true,
}

func TestPolicy_SurvivesTheTable(t *testing.T) {
	r := made(t, "/x", "x", 0)
	r.Policy = full
	was := Build([]Route{r, made(t, "/y", "y", 0)}, nil)
	data, err := json.Marshal(was)
	if err != nil {
		t.Fatal(err)
	}
	now, err := ReadTable(bytes.NewReader(data))
	if err != nil || now.Digest() != was.Digest() {
		t.Fatalf("was %s, now %v", data, err)
	}
	for key, want := range map[string]Policy{"/x": full, "/y": {}} {
		if got := now.Lookup(Key{Prefix: prefix(t, key)}).Policy; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v", key, got)
		}
	}
	r.BodyMax--
	if Build([]Route{r, made(t, "/y", "y", 0)}, nil).Digest() == was.Digest() {
		t.Error("the digest does not tell policies apart")
	}
}

// beforePolicies is a table as it was written before there were policies.
const beforePolicies = `{"routes":[{"path":"/x","service":"x","source":"docker","mount":"strip","claimed":"2026-11-20T12:00:00Z",` +
	`"targets":[{"id":"x-id","name":"x","address":"10.0.0.1:80","scheme":"http","state":"ready","created":"2026-11-20T12:00:00Z"}]}]}`

func TestPolicy_IsNotNeededInATable(t *testing.T) {
	tab, err := ReadTable(strings.NewReader(beforePolicies))
	if err != nil {
		t.Fatal(err)
	}
	if r := tab.Lookup(Key{Prefix: prefix(t, "/x")}); r == nil || !reflect.DeepEqual(r.Policy, Policy{}) || r.Targets[0].Address != "10.0.0.1:80" {
		t.Fatalf("got %+v", r)
	}
	// Defaults write nothing, so that an upgrade alone makes no other table.
	if data, err := json.Marshal(tab); err != nil || string(data) != beforePolicies {
		t.Errorf("it is written as %s, %v", data, err)
	}
}

func TestBuild_TakesThePolicyOfTheYoungestReplica(t *testing.T) {
	one, two, three := replica(t, "/shop", "web", 1), replica(t, "/shop", "web", 2), replica(t, "/shop", "web", 3)
	one.Policy, two.Policy = Policy{Drain: time.Minute, Rate: Rate{Requests: 1, Per: time.Second, Burst: 1}}, full
	for _, found := range [][]Route{{one, two}, {two, one}} {
		if got := Build(found, nil).Routes()[0].Policy; !reflect.DeepEqual(got, full) {
			t.Errorf("got %+v", got)
		}
	}
	// One without settings has the defaults, and nothing of the older ones.
	for _, found := range [][]Route{{one, two, three}, {three, two, one}} {
		if got := Build(found, nil).Routes()[0].Policy; !reflect.DeepEqual(got, Policy{}) {
			t.Errorf("got %+v", got)
		}
	}
}
