package cmd

import (
	"fmt"
	"go/ast"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The tests named TestArch enforce what the conventions say of the house: who imports whom, what lies where, how large
// things are. Each rule is a function from sources to complaints, and TestArch_EveryRuleCanFail shows each of them a
// source that breaks it.

// ours is what the non-test files of a package may import of this module: the longest prefix of its path counts.
// "/..." stands for the package and everything below it.
var ours = map[string][]string{
	"cmd/gateway":                 {"cmd"},
	"cmd":                         {"..."},
	"cmd/certificate":             append([]string{"cmd/cli"}, below...),
	"cmd/cli":                     below,
	"cmd/cli/clitest":             {"proxy/route"},
	"cmd/help":                    {},
	"cmd/project":                 append([]string{"cmd/cli", "cmd/slack"}, below...),
	"cmd/route":                   append([]string{"cmd/cli", "cmd/project", "cmd/slack"}, below...),
	"cmd/server":                  append([]string{"cmd/cli", "cmd/help", "cmd/slack"}, below...),
	"cmd/slack":                   append([]string{"cmd/cli"}, below...),
	"tui":                         {"proxy/admin", "proxy/printable"},
	"projects":                    {"projects/...", "proxy/docker", "proxy/document", "proxy/label", "proxy/printable", "proxy/route", "templates"},
	"projects/archive":            {},
	"projects/composefile":        {"proxy/document"},
	"projects/invite":             {"projects/invite/...", "proxy/bounded", "proxy/chat", "proxy/document", "proxy/durable", "proxy/limit", "proxy/printable"},
	"projects/site":               {"proxy/bounded", "proxy/header", "proxy/limit", "proxy/page"},
	"projects/importer":           {"projects/composefile", "projects/policy", "projects/tree", "proxy/label", "templates"},
	"projects/plan":               {"projects/tree"},
	"projects/release":            {"projects/plan", "projects/tree", "proxy/printable"},
	"projects/tree":               {},
	"projects/policy":             {"projects/composefile", "proxy/document", "proxy/label", "proxy/route"},
	"templates":                   {"projects/composefile", "proxy/document", "proxy/typo", "templates/..."},
	"proxy":                       append([]string{"proxy/filter", "proxy/live", "proxy/request"}, serving...),
	"proxy/agent":                 {"proxy/admin", "proxy/backoff", "proxy/certificate", "proxy/docker", "proxy/label", "proxy/route", "proxy/source", "proxy/source/docker"},
	"proxy/stack":                 {"proxy/admin", "proxy/docker", "proxy/label", "proxy/notify", "proxy/source/docker"},
	"proxy/source":                {"proxy/route"},
	"proxy/source/docker":         {"proxy/backoff", "proxy/docker", "proxy/label", "proxy/route", "proxy/source"},
	"proxy/source/file":           {"proxy/document", "proxy/label", "proxy/route", "proxy/source"},
	"proxy/label":                 {"proxy/header", "proxy/route", "proxy/typo"},
	"proxy/typo":                  {},
	"proxy/backoff":               {},
	"proxy/route":                 {},
	"proxy/docker":                {"proxy/docker"}, // for dockertest; a package cannot import itself
	"proxy/admin":                 {},
	"proxy/certificate":           {"proxy/certificate/...", "proxy/durable"},
	"proxy/certificate/authority": {"proxy/durable"},
	"proxy/certificate/preflight": {},
	"proxy/certificate/trust":     {"proxy/certificate/authority"}, // for tests
	"proxy/request": {
		"proxy/accesslog", "proxy/balance", "proxy/certificate/authority", "proxy/engine", "proxy/filter", "proxy/header", "proxy/limit", "proxy/live",
		"proxy/page", "proxy/peer", "proxy/queue", "proxy/route", "proxy/traffic",
	},
	"proxy/live": {
		"proxy/accesslog", "proxy/admin", "proxy/balance", "proxy/engine", "proxy/filter", "proxy/health", "proxy/http1", "proxy/durable", "proxy/label",
		"proxy/limit", "proxy/mapping", "proxy/queue", "proxy/route", "proxy/traffic",
	},
	"proxy/filter": {
		"proxy/balance", "proxy/engine", "proxy/header", "proxy/limit", "proxy/mapping", "proxy/page", "proxy/peer", "proxy/route", "proxy/traffic",
	},
	"proxy/engine":    {"proxy/engine/...", "proxy/header", "proxy/http1", "proxy/peer", "proxy/socket"},
	"proxy/http1":     {"proxy/header"},
	"proxy/header":    {},
	"proxy/socket":    {},
	"proxy/accesslog": {},
	"proxy/balance":   {},
	"proxy/health":    {"proxy/route"},
	"proxy/document":  {"proxy/printable"},
	"proxy/durable":   {},
	"proxy/expiry":    {"proxy/admin", "proxy/docker", "proxy/durable", "proxy/label", "proxy/notify"},
	"proxy/notify":    {"proxy/chat", "proxy/durable"},
	"proxy/chat":      {},
	"proxy/bounded":   {"proxy/limit"},
	"proxy/limit":     {},
	"proxy/metric":    {"proxy/traffic"},
	"proxy/peer":      {},
	"proxy/printable": {},
	"proxy/queue":     {},
	"testdata":        {},
	"testdata/bench":  {"testdata/bench/..."},
}

// below is what every command may import: all that is no command.
var below = []string{"projects/...", "proxy/...", "templates/...", "tui"}

// serving is what the packages that face clients may import: nothing that holds the Docker socket.
var serving = []string{
	"proxy/accesslog", "proxy/admin", "proxy/balance", "proxy/certificate", "proxy/certificate/authority", "proxy/durable", "proxy/engine", "proxy/header", "proxy/health", "proxy/http1",
	"proxy/label", "proxy/limit", "proxy/mapping", "proxy/metric", "proxy/page", "proxy/peer", "proxy/queue", "proxy/route",
	"proxy/socket", "proxy/source", "proxy/traffic", "proxy/typo",
}

// homes says where a third party's module may be imported; a module that is not listed may be imported nowhere, so
// that taking one on is a decision. An entry that ends with .go is that file alone.
var homes = map[string][]string{
	"charm.land":                                 {"tui"},
	"filippo.io/age":                             {"projects/archive"},
	"github.com/caddyserver/certmagic":           {"proxy/certificate"},
	"github.com/charmbracelet":                   {"tui"},
	"github.com/chromedp":                        {"testdata/browser"},
	"github.com/compose-spec":                    {"projects/compose"},
	"github.com/containerd/errdefs":              {"projects/compose", "proxy/docker"},
	"github.com/coreos/go-systemd":               {"cmd/server"},
	"github.com/distribution/reference":          {"projects/compose"},
	"github.com/docker/cli":                      {"projects/compose"},
	"github.com/docker/compose":                  {"projects/compose"},
	"github.com/docker/go-connections/sockets":   {"proxy/docker"},
	"github.com/docker/go-connections/tlsconfig": {"projects/compose", "proxy/docker"},
	"github.com/docker/go-units":                 {"proxy/docker", "proxy/docker/dockertest"},
	"github.com/gofrs/flock":                     {"projects", "proxy/certificate"},
	"github.com/klauspost/compress":              {"projects/archive", "proxy/filter", "projects/site", "proxy/compress_test.go"},
	"github.com/libdns":                          {"proxy/certificate"},
	"github.com/mholt/acmez":                     {"proxy/certificate"},
	"github.com/miekg/dns":                       {"proxy/certificate/preflight", "proxy/certificate", "cmd/gateway/e2e_acme_test.go"},
	"github.com/moby/buildkit":                   {"projects/compose"},
	"github.com/moby/moby":                       {"proxy/docker"},
	"github.com/prometheus":                      {"proxy/metric"},
	"github.com/prometheus/procfs":               {"cmd/cli", "cmd/server"},
	"github.com/quic-go":                         {"proxy/engine", "proxy/http3_test.go", "proxy/http3_guarded_test.go"},
	"github.com/rogpeppe/go-internal":            {"cmd"},
	"github.com/sirupsen/logrus":                 {"projects/compose"},
	"github.com/smallstep/truststore":            {"proxy/certificate/trust"},
	"github.com/spf13":                           commands,
	"github.com/spf13/cobra":                     append([]string{"projects/compose"}, commands...),
	"go.uber.org/zap":                            {"proxy/certificate"},
	"go.yaml.in/yaml":                            {"proxy/source/file", "projects/composefile", "projects/policy", "proxy/document", "projects/importer/importer_test.go", "projects/compose/imported_test.go", "templates/templates_test.go"},
	"golang.org/x/crypto/blake2b":                {"cmd/install_test.go"},
	"golang.org/x/crypto/ocsp":                   {"proxy/certificate/ordered_ocsp_test.go"},
	"golang.org/x/crypto/x509roots":              {"cmd/gateway"},
	"golang.org/x/net":                           {"proxy/certificate/authority", "proxy/certificate/preflight"},
	"golang.org/x/sync":                          {"cmd/server", "projects", "proxy/agent", "proxy/live", "proxy/source/docker"},
	"golang.org/x/sys":                           {"projects", "projects/tree", "proxy", "proxy/certificate/preflight", "proxy/stack", "testdata/bench/poll", "testdata/browser"},
	"golang.org/x/term":                          {"cmd/cli"},
	"golang.org/x/text":                          {"projects/invite", "proxy/page", "projects/site"},
}

// commands are the packages that declare commands and their flags.
var commands = []string{"cmd", "cmd/certificate", "cmd/cli", "cmd/project", "cmd/route", "cmd/server", "cmd/slack"}

// topLevel is all there is beside dotfiles and what .gitignore names.
var topLevel = []string{
	"cmd", "proxy", "projects", "templates", "tui", "testdata", "install.sh", "go.mod", "go.sum", "README.md", "LICENSE",
}

// vague are names that say nothing of what a package knows.
var vague = []string{"base", "common", "helper", "helpers", "manager", "misc", "shared", "types", "util", "utils"}

// importRule holds packages to the table above. Test files may also use their own package and the fakes.
func importRule(all []source) []string {
	var bad []string
	for _, s := range all {
		allowed := lookUp(ours, s.dir())
		for _, to := range s.imports() {
			to, own := strings.CutPrefix(to, "gateway/")
			if !own || s.test && (to == s.dir() || strings.HasSuffix(to, "test")) {
				continue
			}
			if !slices.ContainsFunc(allowed, func(pattern string) bool { return within(pattern, to) }) {
				bad = append(bad, fmt.Sprintf("%s imports %s; %s may import %v", s.path, to, s.dir(), allowed))
			}
		}
	}
	return bad
}

// sdkRule keeps each module of others in its home.
func sdkRule(all []source) []string {
	var bad []string
	for _, s := range all {
		for _, to := range s.imports() {
			host, _, _ := strings.Cut(to, "/")
			if !strings.Contains(host, ".") {
				continue
			}
			home := lookUp(homes, to)
			if !slices.Contains(home, s.dir()) && !slices.Contains(home, s.path) {
				bad = append(bad, fmt.Sprintf("%s imports %s, whose place is %v", s.path, to, home))
			}
		}
	}
	return bad
}

// testingRule keeps the testing package and the fakes out of what is shipped.
func testingRule(all []source) []string {
	var bad []string
	for _, s := range all {
		if s.test || strings.HasSuffix(s.dir(), "test") {
			continue
		}
		for _, to := range s.imports() {
			fake := strings.HasPrefix(to, "gateway/") && strings.HasSuffix(to, "test")
			if to == "testing" || strings.HasPrefix(to, "testing/") || to == "net/http/httptest" || fake {
				bad = append(bad, fmt.Sprintf("%s imports %s and is no test", s.path, to))
			}
		}
	}
	return bad
}

// packageRule asks for a telling name and, in one file of each package, a comment.
func packageRule(all []source) []string {
	said, names := map[string]bool{}, map[string]string{}
	for _, s := range all {
		if !s.test {
			names[s.dir()] = s.file.Name.Name
			said[s.dir()] = said[s.dir()] || commented(s)
		}
	}
	var bad []string
	for dir, name := range names {
		if !said[dir] {
			bad = append(bad, fmt.Sprintf("%s has no comment that begins with %q or, for a command, %q", dir, "Package "+name, "Command "+path.Base(dir)))
		}
		if slices.Contains(vague, name) || strings.ContainsAny(name, "_ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			bad = append(bad, fmt.Sprintf("%s: package %s has a name that says nothing, or is not in lower case", dir, name))
		}
	}
	return bad
}

func commented(s source) bool {
	text := s.file.Doc.Text()
	if s.file.Name.Name == "main" {
		return strings.HasPrefix(text, "Command "+path.Base(s.dir())+" ")
	}
	return strings.HasPrefix(text, "Package "+s.file.Name.Name+" ")
}

// docRule asks for a comment on every exported name outside tests.
func docRule(all []source) []string {
	var bad []string
	for _, s := range all {
		if s.test || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			for _, name := range undocumented(d) {
				bad = append(bad, fmt.Sprintf("%s: %s has no comment", s.path, name))
			}
		}
	}
	return bad
}

func undocumented(d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		exported := d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d)))
		if exported && d.Doc.Text() == "" {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		var bad []string
		for _, spec := range d.Specs {
			bad = append(bad, bareNames(spec, d.Doc.Text() != "")...)
		}
		return bad
	}
	return nil
}

// bareNames are the exported names of one type, constant or variable without a comment; a comment on the group it
// stands in counts for constants and variables.
func bareNames(spec ast.Spec, group bool) []string {
	var bad []string
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() && spec.Doc.Text() == "" && !group {
			bad = append(bad, spec.Name.Name)
		}
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			if name.IsExported() && !group && spec.Doc.Text() == "" && spec.Comment.Text() == "" {
				bad = append(bad, name.Name)
			}
		}
	}
	return bad
}

// embedding are the files with structs that embed a pointer to a struct of this module. Each leaves the list when that is no
// longer so, and none joins it.
var embedding = []string{
	"proxy/engine/cork.go", "proxy/engine/upstream.go",
	"testdata/bench/weave.go",
}

// stop is one function in a list of those that something passes on its way, in the comment of a package.
var stop = regexp.MustCompile(`(?m)^\t([a-z]+\.(?:\w+\.)?\w+)  +\w`)

// maxStops is how many functions such a list may have: that of a request and that of a label.
var maxStops = map[string]int{"proxy": 12, "proxy/label": 8}

// wayRule holds such lists to functions that exist.
func wayRule(all []source) []string {
	exist := map[string]bool{}
	for _, s := range all {
		for f := range s.functions() {
			name := f.Name.Name
			if f.Recv != nil {
				name = receiver(f) + "." + name
			}
			exist[s.file.Name.Name+"."+name] = true
		}
	}
	var bad []string
	for _, s := range all {
		stops := stop.FindAllStringSubmatch(s.file.Doc.Text(), -1)
		if most := maxStops[s.dir()]; len(stops) > most {
			bad = append(bad, fmt.Sprintf("%s lists %d functions; %d is the most", s.path, len(stops), most))
		}
		for _, found := range stops {
			if !exist[found[1]] {
				bad = append(bad, fmt.Sprintf("%s lists %s, which does not exist", s.path, found[1]))
			}
		}
	}
	return bad
}

// embedRule forbids structs to embed a pointer to a struct of this module: one idea would get a second set of methods.
func embedRule(all []source) []string {
	var bad []string
	for _, s := range all {
		if s.test || slices.Contains(embedding, s.path) {
			continue
		}
		for _, name := range s.embedded() {
			bad = append(bad, fmt.Sprintf("%s: a struct embeds *%s; give it a field with a name", s.path, name))
		}
	}
	return bad
}

// embedded are the types of this module to which structs of the file embed a pointer.
func (s source) embedded() []string {
	var names []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		t, is := n.(*ast.StructType)
		if !is {
			return true
		}
		for _, f := range t.Fields.List {
			star, is := f.Type.(*ast.StarExpr)
			if !is || len(f.Names) > 0 {
				continue
			}
			switch x := star.X.(type) {
			case *ast.Ident:
				names = append(names, x.Name)
			case *ast.SelectorExpr:
				from, is := x.X.(*ast.Ident)
				if is && slices.ContainsFunc(s.imports(), func(to string) bool { return strings.HasPrefix(to, "gateway/") && path.Base(to) == from.Name }) {
					names = append(names, from.Name+"."+x.Sel.Name)
				}
			}
		}
		return true
	})
	return names
}

// TestArch_EmbeddingIsTheTruth keeps the list of exceptions as short as it can be.
func TestArch_EmbeddingIsTheTruth(t *testing.T) {
	found := map[string]bool{}
	for _, s := range readSources(t) {
		if !s.test && len(s.embedded()) > 0 {
			found[s.path] = true
		}
	}
	for _, file := range embedding {
		if !found[file] {
			t.Errorf("%s embeds no pointers any more; take it out of the list", file)
		}
	}
}

// goroutineRule lets only functions called Run or Serve start goroutines, because these wait for them; in cmd that is
// the run function of a command.
func goroutineRule(all []source) []string {
	var bad []string
	for _, s := range all {
		if s.test || strings.HasSuffix(s.dir(), "test") || strings.HasPrefix(s.path, "testdata/") {
			continue
		}
		for f := range s.functions() {
			name := f.Name.Name
			if name == "Run" || name == "Serve" || within("cmd/...", s.dir()) && strings.HasPrefix(name, "run") {
				continue
			}
			for range starts(f) {
				bad = append(bad, fmt.Sprintf("%s: %s starts a goroutine and is not called Run or Serve", s.path, name))
			}
		}
	}
	return bad
}

func TestArch_Rules(t *testing.T) {
	all := readSources(t)
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			for _, bad := range rule(all) {
				t.Error(bad)
			}
		})
	}
}

func TestArch_TopLevelIsFixed(t *testing.T) {
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := os.ReadFile("../.gitignore")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for _, name := range strangers(names, string(ignored)) {
		t.Errorf("%s does not belong at the top; it is %v and dotfiles", name, topLevel)
	}
	if got := strangers([]string{"cmd", "pkg", ".ci", "dist"}, "/dist/\n"); !slices.Equal(got, []string{"pkg"}) {
		t.Errorf("strangers finds %v, want pkg alone", got)
	}
}

func strangers(names []string, ignored string) []string {
	return slices.DeleteFunc(names, func(name string) bool {
		known := slices.Contains(topLevel, name) || name[0] == '.'
		return known || slices.ContainsFunc(strings.Fields(ignored), func(line string) bool { return strings.Trim(line, "/") == name })
	})
}

func TestArch_ModuleStandsAlone(t *testing.T) {
	for name, text := range readTexts(t) {
		for _, bad := range textFaults(name, text) {
			t.Errorf("%s: %s", name, bad)
		}
	}
	for _, c := range []struct{ name, text string }{
		{"go.mod", "module x\n\nreplace a => ../a\n"},
		{"x/go.mod", "module x\n\nreplace (\n\ta => ../a\n)\n"},
		{"doc.md", "see ." + "./shared/DESIGN.md"},
		{"run.sh", "cd /wor" + "k/main"},
	} {
		if len(textFaults(c.name, c.text)) == 0 {
			t.Errorf("nothing is wrong with %s: %q", c.name, c.text)
		}
	}
}

// textFaults are what ties a file to one machine, or the module to another's folder.
func textFaults(name, text string) []string {
	var bad []string
	for _, outside := range []string{"." + "./shared", "/wor" + "k/main", "/wor" + "k/shared", "/wor" + "k/."} {
		if strings.Contains(text, outside) {
			bad = append(bad, "mentions "+outside+", which is not part of the project")
		}
	}
	for line := range strings.Lines(text) {
		if path.Base(name) == "go.mod" && strings.HasPrefix(strings.TrimSpace(line), "replace") {
			bad = append(bad, "replaces a module: "+strings.TrimSpace(line))
		}
	}
	return bad
}
