package label

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// bounded fails the test when a problem is long or has characters that a terminal acts on.
func bounded(t *testing.T, problems []Problem) {
	t.Helper()
	if len(problems) > MaxProblems {
		t.Fatalf("%d problems", len(problems))
	}
	for _, p := range problems {
		for _, text := range []string{p.Label, p.Route, p.Message, p.Fix} {
			if len(text) > 1500 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("cannot be shown (%d bytes): %q", len(text), text[:min(len(text), 300)])
			}
		}
	}
}

func TestParse_BoundsWhatItTells(t *testing.T) {
	const mega = 1 << 20
	tests := map[string]struct{ label, value string }{
		"long paths":        {"gateway.routes.r%d.path", "/" + strings.Repeat("x", mega)},
		"long hosts":        {"gateway.routes.r%d.host", strings.Repeat("\x1b", mega)},
		"long ports":        {"gateway.routes.r%d.port", strings.Repeat("1", mega)},
		"long unknown ones": {"gateway.x%d" + strings.Repeat("\xff", mega), "v"},
		"long route names":  {"gateway.routes.r%d" + strings.Repeat("x", mega) + ".path", "/x"},
		"long strays":       {"gateway.routes.R%d" + strings.Repeat("\x1b", mega), "/x"},
	}
	for name, tt := range tests {
		labels := make(map[string]string)
		for i := range 70 {
			labels[fmt.Sprintf(tt.label, i)] = tt.value
		}
		claims, problems := Parse(labels)
		if len(claims) != 0 || len(problems) != MaxProblems || !strings.Contains(problems[MaxProblems-1].Message, "51 more") {
			t.Errorf("%s: got %d claims, %d problems", name, len(claims), len(problems))
		}
		bounded(t, problems)
	}
}

func TestParse_TellsAllProblemsUpToTheMost(t *testing.T) {
	labels := make(map[string]string)
	for i := range MaxProblems {
		labels[fmt.Sprintf("gateway.routes.r%02d.path", i)] = "x"
	}
	_, problems := Parse(labels)
	if len(problems) != MaxProblems || problems[MaxProblems-1].Label != "gateway.routes.r19.path" {
		t.Errorf("got %+v", problems)
	}
}

func TestParse_RefusesLongValues(t *testing.T) {
	long := strings.Repeat("x", maxValue)
	for value, message := range map[string]string{"/" + long: "1024 is the most", "/" + long[1:]: "255 is the most"} {
		claims, problems := Parse(map[string]string{Path: value})
		if len(claims) != 0 || len(problems) != 1 || !strings.Contains(problems[0].Message, message) {
			t.Errorf("%d bytes: got %+v, %+v", len(value), claims, problems)
		}
	}
	_, problems := Parse(map[string]string{Path: "/x", Network: strings.Repeat("n", maxNetwork+1)})
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "200 is the most") {
		t.Errorf("got %+v", problems)
	}
}

func TestParse_LeavesOutRoutesBeyondTheMost(t *testing.T) {
	labels := map[string]string{Path: "/first"}
	for i := range maxRoutes - 1 {
		labels[fmt.Sprintf("gateway.routes.r%03d.path", i)] = fmt.Sprintf("/r%d", i)
	}
	if claims, problems := Parse(labels); len(claims) != maxRoutes || len(problems) != 0 {
		t.Fatalf("got %d claims, %+v", len(claims), problems)
	}
	labels["gateway.routes.r500.path"], labels["gateway.routes.r501.path"] = "/500", "x"
	claims, problems := Parse(labels)
	if len(claims) != maxRoutes || len(problems) != 1 || !strings.Contains(problems[0].Message, "102 routes") ||
		!strings.Contains(problems[0].Message, "gateway.routes.r500") {
		t.Errorf("got %d claims, %+v", len(claims), problems)
	}
}

func TestParse_QuotesNamesOfLabels(t *testing.T) {
	for _, label := range []string{"gateway.\x1b[2J", "gateway.routes.\x1b[2J.path", "gateway.routes.x.\u202epath", "Gateway.\r\nx"} {
		_, problems := Parse(map[string]string{label: "v", Path: "\x1b[31m", "gateway.routes.x.path": "/x"})
		if len(problems) < 2 {
			t.Errorf("%q: got %+v", label, problems)
		}
		bounded(t, problems)
	}
}

func TestQuote_CutsBetweenCharacters(t *testing.T) {
	for s, want := range map[string]string{
		"a\x1b":                         `"a\x1b"`,
		strings.Repeat("x", maxShown):   `"` + strings.Repeat("x", maxShown) + `"`,
		strings.Repeat("x", maxShown+1): `"` + strings.Repeat("x", maxShown) + `"...`,
		"x" + strings.Repeat("학", 50):   `"x` + strings.Repeat("학", 33) + `"...`,
		"xx" + strings.Repeat("학", 50):  `"xx` + strings.Repeat("학", 32) + `"...`,
	} {
		if got := quote(s); got != want {
			t.Errorf("quote(%q) = %s, want %s", s, got, want)
		}
	}
}
