package route

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// claimant is a route of a project, claimed on that day of a month, whose clients need certificates.
func claimant(t *testing.T, key, project string, day int, clientCA string) Route {
	t.Helper()
	k, err := ParseKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return Route{
		Key: k, Service: "web", Project: project, Source: "docker", Mount: Strip, Claimed: time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC),
		Policy: Policy{ClientCA: clientCA}, Targets: []Target{{ID: project + key, Name: project + "-web-1"}},
	}
}

func TestTable_HasOneRuleForTheClientsOfAHost(t *testing.T) {
	for name, c := range map[string]struct {
		routes []Route
		// kept are the routes that stay; want is the rule of h.org.
		kept []string
		want string
		// said is in the one problem, empty for none.
		said string
	}{
		"nobody asks": {
			[]Route{claimant(t, "h.org/", "a", 1, ""), claimant(t, "h.org/x", "b", 2, "")}, []string{"h.org/", "h.org/x"}, "", "",
		},
		"one asks": {
			[]Route{claimant(t, "h.org/", "a", 1, "one"), claimant(t, "o.org/", "b", 2, "")}, []string{"h.org/", "o.org/"}, "one", "",
		},
		"a younger one follows": {
			[]Route{claimant(t, "h.org/", "a", 1, "one"), claimant(t, "h.org/x", "b", 2, "")}, []string{"h.org/", "h.org/x"}, "one", "",
		},
		"both ask for the same": {
			[]Route{claimant(t, "h.org/", "a", 1, "one"), claimant(t, "h.org/x", "b", 2, "one")}, []string{"h.org/", "h.org/x"}, "one", "",
		},
		"a younger one asks for others": {
			[]Route{claimant(t, "h.org/", "b", 2, "two"), claimant(t, "h.org/x", "a", 1, "one")}, []string{"h.org/x"}, "one", "other certificates than h.org/x of a",
		},
		"a younger one asks alone": {
			[]Route{claimant(t, "h.org/", "a", 1, ""), claimant(t, "h.org/x", "b", 2, "two")}, []string{"h.org/"}, "", "h.org/ of a (service web), which is older, does not",
		},
		"a route of the same project asks": {
			[]Route{claimant(t, "h.org/", "a", 1, ""), claimant(t, "h.org/x", "a", 2, "one")}, []string{"h.org/", "h.org/x"}, "one", "",
		},
		"routes of the same project ask for different ones": {
			[]Route{claimant(t, "h.org/", "a", 2, "two"), claimant(t, "h.org/x", "a", 1, "one")}, []string{"h.org/x"}, "one", "same gateway.tls.client",
		},
		"without a host": {
			[]Route{claimant(t, "/", "a", 1, "one"), claimant(t, "/x", "b", 2, "")}, []string{"/x"}, "", "has no host",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				table := Build(c.routes, nil)
				var kept []string
				for _, r := range table.Routes() {
					kept = append(kept, r.Key.String())
				}
				if !slices.Equal(kept, c.kept) || table.ClientCA("h.org") != c.want || table.ClientCA("o.org") != "" || table.ClientCA("") != "" {
					t.Errorf("kept %q with the rule %q, want %q with %q", kept, table.ClientCA("h.org"), c.kept, c.want)
				}
				switch problems := table.Problems(); {
				case c.said == "" && len(problems) > 0:
					t.Errorf("problems: %+v", problems)
				case c.said != "" && (len(problems) != 1 || !strings.Contains(problems[0].Message, c.said) && !strings.Contains(problems[0].Fix, c.said)):
					t.Errorf("problems: %+v, want one with %q", problems, c.said)
				case c.said != "" && (problems[0].Project == "" || problems[0].Route == "" || problems[0].Subject == ""):
					t.Errorf("the problem does not say whose it is: %+v", problems[0])
				}
				slices.Reverse(c.routes)
			}
		})
	}
}

func TestTable_KeepsTheRuleWhenItIsSent(t *testing.T) {
	table := Build([]Route{claimant(t, "h.org/", "a", 1, "one"), claimant(t, "h.org/x", "b", 2, "two")}, nil)
	sent, err := json.Marshal(table)
	if err != nil {
		t.Fatal(err)
	}
	var got Table
	if err := json.Unmarshal(sent, &got); err != nil {
		t.Fatal(err)
	}
	if got.ClientCA("h.org") != "one" || got.Digest() != table.Digest() {
		t.Errorf("the rule is %q and the digest %s, want that of %s", got.ClientCA("h.org"), got.Digest(), table.Digest())
	}
}
