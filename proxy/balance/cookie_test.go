package balance

import (
	"slices"
	"strings"
	"testing"
)

func TestStripCookies_LeavesTheRestAsItIs(t *testing.T) {
	tests := []struct{ field, want string }{
		{"", ""},
		{"a=b; c=d", "a=b; c=d"},
		{"gateway_target=x", ""},
		{"gateway_target=x; a=b", "a=b"},
		{"a=b; gateway_target=x", "a=b"},
		{"a=b; gateway_target=x; c=d", "a=b; c=d"},
		{"gateway_target=x; gateway_target=y", ""},
		{"gateway_target=x; a=b; gateway_target=y; c=d;gateway_target=z;e=f", "a=b; c=d;e=f"},
		{"gateway_target", ""},
		{" gateway_target = x ;\ta=b", "a=b"},
		{"a=b;c=d;  gateway_target=x;  e=f; g=\"h;i\"", "a=b;c=d;  e=f; g=\"h;i\""},
		{"a=gateway_target=x", "a=gateway_target=x"},
		{"gateway_targets=x; xgateway_target=y", "gateway_targets=x; xgateway_target=y"},
		{"Gateway_Target=x", "Gateway_Target=x"},
		{" gateway_targets=x ", " gateway_targets=x "},
		{"gateway_target=x;", ""},
		{";gateway_target=x;a=b", "a=b"},
	}
	for _, test := range tests {
		if got := StripCookies(test.field); got != test.want {
			t.Errorf("%q: %q, want %q", test.field, got, test.want)
		}
	}
}

func TestStripCookies_AllocatesOnlyInTheMiddle(t *testing.T) {
	g := sticky(1, "/", newTargets(3))
	ours := CookieName + "=" + valueOf(t, g, 0)
	for field, want := range map[string]float64{
		"session=0123456789; theme=dark":       0,
		ours:                                   0,
		ours + "; session=0123456789":          0,
		"session=0123456789; b=c; " + ours:     0,
		ours + "; session=0123456789; " + ours: 0,
	} {
		n := testing.AllocsPerRun(100, func() {
			g.ReadCookie(field)
			StripCookies(field)
		})
		if n != want {
			t.Errorf("%q: %g allocations", field, n)
		}
	}
}

// pairs are the cookies of a field that have our name and those that have not.
func pairs(field string) (ours int, others []string) {
	for pair := range strings.SplitSeq(field, ";") {
		name, _, _ := strings.Cut(pair, "=")
		if pair = strings.Trim(pair, " \t"); strings.Trim(name, " \t") == CookieName {
			ours++
		} else if pair != "" {
			others = append(others, pair)
		}
	}
	return ours, others
}

func FuzzStripCookies(f *testing.F) {
	g := sticky(1, "/", newTargets(3))
	value := g.values[1].String()
	for _, seed := range []string{
		"", "a=b", "gateway_target=x", "a=b; gateway_target=x; c=d", ";;gateway_target;;", "gateway_target=" + value,
		"x; gateway_target=" + value + "; gateway_target", "gateway_target=\"" + value + "\"", "=gateway_target",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		ours, others := pairs(field)
		left := StripCookies(field)
		if ours == 0 && left != field {
			t.Errorf("%q became %q", field, left)
		}
		if n, kept := pairs(left); n != 0 || !slices.Equal(kept, others) {
			t.Errorf("%q became %q", field, left)
		}
		if again := StripCookies(left); again != left {
			t.Errorf("%q became %q, and then %q", field, left, again)
		}
		if _, found := g.ReadCookie(field); found && ours == 0 {
			t.Errorf("%q is taken for our cookie", field)
		}
	})
}

func TestStripCookies_CopiesLongFieldsOnce(t *testing.T) {
	field := strings.Repeat("a=b;gateway_target;", 4000)
	if n := testing.AllocsPerRun(10, func() { StripCookies(field) }); n > 30 {
		t.Errorf("%g allocations", n)
	}
}
