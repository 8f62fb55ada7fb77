package cmd

import (
	"fmt"
	"strings"
	"testing"
)

// rules are those that look at all sources at once.
var rules = map[string]func([]source) []string{
	"imports":    importRule,
	"sdks":       sdkRule,
	"testing":    testingRule,
	"packages":   packageRule,
	"docs":       docRule,
	"goroutines": goroutineRule,
	"embedding":  embedRule,
	"ways":       wayRule,
}

// program is one file as a rule sees it: where it lies and what it says.
type program struct{ path, text string }

func imports(paths ...string) string {
	var b strings.Builder
	for _, p := range paths {
		fmt.Fprintf(&b, "import _ %q\n", p)
	}
	return "// Package p is one.\npackage p\n" + b.String()
}

// breaks and keeps are sources that a rule complains of, each, and sources of which it has to say nothing.
var breaks = map[string][]program{
	"ways": {
		{"proxy/a.go", "// Package proxy is one.\n//\n//\tproxy.run  runs\npackage proxy\n"},
		{"proxy/a.go", "// Package proxy is one.\n//\n" + strings.Repeat("//\tproxy.T.run  runs\n", 13) + "package proxy\ntype T int\nfunc (T) run() {}\n"},
	},
	"imports": {
		{"proxy/route/a.go", imports("gateway/proxy/admin")},
		{"proxy/label/a.go", imports("gateway/proxy/docker")},
		{"proxy/a.go", imports("gateway/projects")},
		{"proxy/a.go", imports("gateway/proxy/docker")},
		{"proxy/a.go", imports("gateway/proxy/agent")},
		{"proxy/page/a.go", imports("gateway/proxy/stack")},
		{"tui/a.go", imports("gateway/proxy/route")},
		{"templates/a.go", imports("gateway/projects")},
		{"projects/compose/a.go", imports("gateway/proxy/source/docker")},
		{"cmd/gateway/a.go", imports("gateway/proxy")},
		{"cmd/cli/a.go", imports("gateway/cmd/server")},
		{"cmd/server/a.go", imports("gateway/cmd/project")},
		{"cmd/slack/a.go", imports("gateway/cmd")},
		{"proxy/route/a_test.go", imports("gateway/proxy/admin")},
		{"testdata/app/a.go", imports("gateway/proxy/route")},
		{"elsewhere/a.go", imports("gateway/proxy/route")},
	},
	"sdks": {
		{"cmd/a.go", imports("github.com/moby/moby/client")},
		{"proxy/docker/dockertest/a.go", imports("github.com/moby/moby/api/types/container")},
		{"projects/a.go", imports("github.com/compose-spec/compose-go/v2/types")},
		{"projects/a_test.go", imports("github.com/sirupsen/logrus")},
		{"cmd/server/up.go", imports("charm.land/lipgloss/v2")},
		{"proxy/docker/a.go", imports("github.com/docker/docker/client")},
		{"tui/a.go", imports("example.org/new/thing")},
	},
	"testing": {
		{"proxy/a.go", imports("testing")},
		{"proxy/a.go", imports("testing/synctest")},
		{"proxy/a.go", imports("net/http/httptest")},
		{"proxy/stack/a.go", imports("gateway/proxy/docker/dockertest")},
	},
	"packages": {
		{"proxy/a.go", "package proxy"},
		{"proxy/a.go", "// This package serves.\npackage proxy"},
		{"cmd/gateway/a.go", "// Package main is one.\npackage main"},
		{"proxy/util/a.go", "// Package util is vague.\npackage util"},
		{"proxy/helpers/a.go", "// Package helpers is vague.\npackage helpers"},
		{"proxy/routeTable/a.go", "// Package routeTable is loud.\npackage routeTable"},
	},
	"docs": {
		{"p/a.go", "package p\nfunc F() {}"},
		{"p/a.go", "package p\ntype T int"},
		{"p/a.go", "package p\n// T is one.\ntype T int\nfunc (t *T) M() {}"},
		{"p/a.go", "package p\nconst C = 1"},
		{"p/a.go", "package p\nvar (\n\ta int\n\tB int\n)"},
	},
	"goroutines": {
		{"proxy/a.go", "package p\nfunc Open() { go f() }"},
		{"proxy/a.go", "package p\nfunc run() { go f() }"},
		{"proxy/a.go", "package p\nfunc Open() { group.Go(f) }"},
		{"cmd/a.go", "package p\nfunc open() { f(func() { go g() }) }"},
	},
	"embedding": {
		{"proxy/a.go", "package p\ntype a struct{ *B }\ntype B struct{}"},
		{"proxy/a.go", "package p\nimport \"gateway/proxy/route\"\ntype a struct{ *route.Route }"},
		{"proxy/a.go", "package p\nfunc f() { _ = struct{ *B }{} }"},
	},
}

var keeps = map[string][]program{
	"imports": {
		{"projects/a.go", imports("gateway/projects/compose", "gateway/proxy/docker", "gateway/templates", "fmt")},
		{"proxy/a.go", imports("gateway/proxy/engine", "gateway/proxy/admin")},
		{"cmd/a.go", imports("gateway/cmd/server", "gateway/proxy/agent")},
		{"cmd/server/a.go", imports("gateway/cmd/cli", "gateway/proxy/agent")},
		{"proxy/agent/a_test.go", imports("gateway/proxy/agent", "gateway/proxy/docker/dockertest")},
	},
	"sdks": {
		{"tui/a.go", imports("charm.land/bubbletea/v2", "charm.land/bubbles/v2/key")},
		{"proxy/docker/a.go", imports("github.com/moby/moby/client", "net/http")},
	},
	"testing": {{"proxy/a_test.go", imports("testing")}, {"proxy/docker/dockertest/a.go", imports("testing")}},
	"packages": {
		{"proxy/a.go", "// Package proxy serves.\npackage proxy"},
		{"proxy/b_test.go", "package proxy_test"},
		{"cmd/gateway/a.go", "// Command gateway runs.\npackage main"},
	},
	"docs": {
		{"p/a.go", "package p\n// All of them.\nconst (\n\tA = 1\n\tB = 2\n)\ntype t int\nfunc (t) M() {}"},
		{"p/a.go", "package p\nvar A = 1 // is one"},
		{"p/a_test.go", "package p\nfunc TestX() {}"},
	},
	"goroutines": {
		{"proxy/a.go", "package p\nfunc (t T) Run() { go f() }\nfunc Serve() { group.Go(func() { go f() }) }"},
		{"cmd/server/a.go", "package p\nfunc runServe() { go f() }"},
		{"proxy/a_test.go", "package p\nfunc TestX() { go f() }"},
	},
	"ways": {
		{"proxy/a.go", "// Package proxy is one.\n//\n//\tproxy.T.run  runs\n//\tproxy.f      is called\n//\tf := x.y()\npackage proxy\ntype T int\nfunc (*T) run() {}\nfunc f() {}\n"},
	},
	"embedding": {
		{"proxy/a.go", "package p\nimport \"net/http\"\ntype a struct {\n\tB\n\tb *B\n\t*http.Server\n}\ntype B struct{}"},
		{"proxy/a_test.go", "package p\ntype a struct{ *B }"},
	},
}

func TestArch_EveryRuleCanFail(t *testing.T) {
	for name, rule := range rules {
		if len(breaks[name]) == 0 || len(keeps[name]) == 0 {
			t.Errorf("%s: the rule is not tried both ways", name)
		}
		for _, p := range breaks[name] {
			if bad := rule(parsed(t, p)); len(bad) == 0 {
				t.Errorf("%s: nothing is wrong with %s: %.80q", name, p.path, p.text)
			}
		}
		if bad := rule(parsed(t, keeps[name]...)); len(bad) > 0 {
			t.Errorf("%s: %v", name, bad)
		}
	}
}

func parsed(t *testing.T, programs ...program) []source {
	t.Helper()
	var all []source
	for _, p := range programs {
		s, err := parseSource(p.path, p.text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}
