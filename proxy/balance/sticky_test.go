package balance

import (
	"strings"
	"testing"
	"time"
)

func sticky(key byte, route string, targets []*Target) *Group {
	return New(Options{Strategy: Sticky, Signer: NewSigner([32]byte{key}), Route: route}, targets)
}

// valueOf returns the value of the cookie that names a target.
func valueOf(t *testing.T, g *Group, index int) string {
	t.Helper()
	pair, _, _ := strings.Cut(g.SetCookie(index, "/", false), ";")
	value, named := strings.CutPrefix(pair, "gateway_target=")
	if !named || len(value) != 22 {
		t.Fatalf("the cookie is %q", pair)
	}
	return value
}

func TestFind_KnowsATargetThroughTables(t *testing.T) {
	before := newTargets(3)
	value := valueOf(t, sticky(1, "/a", before), 1)
	// The target has another address and another index; one is gone and one is new.
	after := []*Target{{ID: "new"}, before[0], {ID: before[1].ID}}
	if i, found := sticky(1, "/a", after).Find(value); !found || i != 2 {
		t.Errorf("found %d, %t", i, found)
	}
	if _, found := sticky(1, "/a", after[:2]).Find(value); found {
		t.Error("a target that is gone is found")
	}
}

func TestFind_RefusesWhatIsNotOfTheRoute(t *testing.T) {
	targets := newTargets(3)
	g := sticky(1, "/a", targets)
	value := valueOf(t, g, 1)
	if i, found := g.Find(value); !found || i != 1 {
		t.Fatalf("found %d, %t", i, found)
	}
	for name, other := range map[string]*Group{
		"another route":      sticky(1, "/b", targets),
		"another key":        sticky(2, "/a", targets),
		"one not sticky":     New(Options{}, targets),
		"one without key":    New(Options{Strategy: Sticky}, targets),
		"a part of the name": sticky(1, "/", []*Target{{ID: "a" + targets[1].ID}}),
	} {
		if _, found := other.Find(value); found {
			t.Errorf("%s: it is found", name)
		}
	}
	last := value[:21] + string(value[21]+1) // The same 128 bits, written in another way.
	for _, forged := range []string{
		"", "a", targets[1].ID, value[:21], value + "A", value + "=", value[:21] + "\n", "A" + value[1:], last,
		strings.Repeat("A", 22), strings.Repeat("A", 1<<16), " " + value[:21], strings.Repeat("\n", 22),
	} {
		if i, found := g.Find(forged); found {
			t.Errorf("%.30q is taken for target %d", forged, i)
		}
	}
}

func TestFind_DoesNotRevealTheTarget(t *testing.T) {
	g := sticky(1, "/a", []*Target{{ID: "0123456789ab"}})
	if field := g.SetCookie(0, "/a", true); strings.Contains(field, "0123456789ab") {
		t.Errorf("the id is in %q", field)
	}
}

func TestTake_MovesOnlyWhenTheTargetIsNoGood(t *testing.T) {
	targets := newTargets(4)
	g := New(Options{Strategy: Sticky, Checked: true, Signer: NewSigner([32]byte{})}, targets)
	for _, target := range targets {
		target.SetHealth(Passing)
	}
	now := epochStart
	take := func(i int) bool {
		a, taken := g.Take(i, now, true)
		if taken {
			if a.Index != i {
				t.Errorf("took %d for %d", a.Index, i)
			}
			a.End()
		}
		return taken
	}
	if !take(0) {
		t.Error("one that is well is not taken")
	}
	targets[1].SetHealth(Unchecked)
	if !take(1) {
		t.Error("one that was not checked yet is not taken")
	}
	targets[1].SetHealth(Failing)
	if take(1) {
		t.Error("one that fails its checks is taken")
	}
	lasts := fail(t, g, 2, Refused, now)
	if take(2) {
		t.Error("one that is ejected is taken")
	}
	now = now.Add(lasts)
	trial, taken := g.Take(2, now, true)
	if !taken || !trial.trial {
		t.Error("the trial is not taken")
	}
	if take(2) {
		t.Error("a second trial is taken")
	}
	trial.Succeeded(now)
	if trial.End(); !take(2) {
		t.Error("one that returned is not taken")
	}
	failThrice(t, g, 0, now)
	failThrice(t, g, 2, now)
	failThrice(t, g, 3, now.Add(time.Second))
	if !take(3) {
		t.Error("one whose ejection has no effect is not taken")
	}
}

func TestSetCookie_HasItsAttributes(t *testing.T) {
	g := sticky(1, "/a", newTargets(1))
	tests := []struct {
		prefix string
		secure bool
		want   string
	}{
		{"/", false, "; Path=/; HttpOnly; SameSite=Lax"},
		{"/robots", true, "; Path=/robots; HttpOnly; SameSite=Lax; Secure"},
		{"/caf%C3%A9", false, "; Path=/caf%C3%A9; HttpOnly; SameSite=Lax"},
		{"", false, "; Path=/; HttpOnly; SameSite=Lax"},
		{"/a/b;c/d", false, "; Path=/a/; HttpOnly; SameSite=Lax"},
		{"/x\r\nSet-Cookie: a=b", false, "; Path=/; HttpOnly; SameSite=Lax"},
		{"robots", false, "; Path=/; HttpOnly; SameSite=Lax"},
	}
	for _, test := range tests {
		if got := g.SetCookie(0, test.prefix, test.secure); got != "gateway_target="+valueOf(t, g, 0)+test.want {
			t.Errorf("%q: %q", test.prefix, got)
		}
	}
	if got := New(Options{}, newTargets(1)).SetCookie(0, "/", true); got != "" {
		t.Errorf("a group that is not sticky has the cookie %q", got)
	}
}

func TestReadCookie_TakesTheOneThatVerifies(t *testing.T) {
	targets := newTargets(3)
	g, outer := sticky(1, "/a", targets), sticky(1, "/", targets)
	mine, other := CookieName+"="+valueOf(t, g, 2), CookieName+"="+valueOf(t, outer, 1)
	for field, want := range map[string]bool{
		mine:                                        true,
		mine + "; " + other:                         true,
		other + "; " + mine:                         true,
		"a=b;" + other + ";" + mine + "; c=d":       true,
		"a=b; gateway_target; " + mine:              true,
		"gateway_target=; gateway_target=x;" + mine: true,
		" \t" + mine + " ":                          true,
		"":                                          false,
		other:                                       false,
		"x" + mine:                                  false,
		"a=" + mine:                                 false,
		strings.ToUpper(CookieName) + mine[14:]:     false,
		CookieName:                                  false,
		mine + "x":                                  false,
	} {
		if i, found := g.ReadCookie(field); found != want || found && i != 2 {
			t.Errorf("%q: found %d, %t", field, i, found)
		}
	}
	if _, found := New(Options{}, targets).ReadCookie(mine); found {
		t.Error("a group that is not sticky reads cookies")
	}
}
