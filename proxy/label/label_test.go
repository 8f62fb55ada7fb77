package label

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMarkdown_IsTheGoldenReference(t *testing.T) {
	const path = "testdata/reference.md"
	got := Markdown()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the reference changed; run go test ./proxy/label -update and read the difference\n%s", got)
	}
}

// declared reads the label constants from the source: those whose value starts with the prefix and goes on.
func declared(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "label.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is {
			return true
		}
		for i, v := range spec.Values {
			lit, is := v.(*ast.BasicLit)
			if !is || lit.Kind != token.STRING {
				continue
			}
			if value, err := strconv.Unquote(lit.Value); err == nil && strings.HasPrefix(value, prefix) && value != prefix {
				found[value] = spec.Names[i].Name
			}
		}
		return true
	})
	return found
}

func TestReference_HasEveryConstantAndNothingElse(t *testing.T) {
	constants := declared(t)
	if len(constants) < 10 {
		t.Fatalf("only %d constants were found in the source", len(constants))
	}
	documented := make(map[string]bool)
	for _, f := range Reference() {
		name, _, _ := strings.Cut(f.Name, "ROUTE")
		name = strings.TrimSuffix(name, "NAME")
		documented[name] = true
		if constants[name] == "" {
			t.Errorf("the reference documents %s, which is no constant", f.Name)
		}
		if f.Default == "" || !strings.HasSuffix(f.Meaning, ".") {
			t.Errorf("%s lacks a default or a meaning in whole sentences", f.Name)
		}
	}
	for value, name := range constants {
		if !documented[value] {
			t.Errorf("%s (%s) is not in the reference", name, value)
		}
	}
}

func TestOurs_IsNotWhatGatewaySetsItself(t *testing.T) {
	set := map[string]string{Rollout: "a", Replaces: "b", Role: "edge", Record: "{}"}
	if claims, problems := Parse(set); Ours(set) || len(claims)+len(problems) > 0 {
		t.Errorf("got %v %v", claims, problems)
	}
}

func TestReference_HasEveryLabelThatIsRead(t *testing.T) {
	constants := declared(t)
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if constants[prefix+field] == "" {
			t.Errorf("%s is read and has no constant", prefix+field)
		}
		delete(constants, prefix+field)
	}
	for stem := range named {
		delete(constants, prefix+stem)
	}
	for _, ours := range []string{Routes, Role, Record, Rollout, Replaces} {
		delete(constants, ours)
	}
	for value := range constants {
		t.Errorf("%s is declared and never read", value)
	}
}
