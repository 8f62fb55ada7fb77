package cmd

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gateway/cmd/cli"
)

// advised is a command of ours in a text: after a colon or between quotes, as errors and hints write it.
var advised = regexp.MustCompile(`(?:: |'|; |with )gateway ([a-z]+(?:-[a-z]+)*)((?: [a-z]+(?:-[a-z]+)*)?)`)

// harmful are commands that lose data; no text may advise one.
var harmful = regexp.MustCompile(`gateway rm\b|volume rm|volume prune|system prune|down -v|docker rm\b|rm -r`)

// own are texts that are about their own command, or about what that very command made a moment ago.
var own = []string{
	"  gateway rm robots\n  gateway rm robots --dry-run\n  gateway rm robots --yes",
	"\n  gateway rm robots --redirect 90d --to /chess\n  gateway rm robots --redirect 2027-06-30 --to https://example.org/robots",
	"gateway rm ", // a change's fix for itself
}

func TestAdvice_NamesCommandsThatAreThereAndLoseNothing(t *testing.T) {
	root := newRoot(&cli.Env{Getenv: func(string) string { return "" }})
	root.InitDefaultHelpCmd()
	seen := 0
	for _, s := range readSources(t) {
		if s.test || !strings.HasPrefix(s.dir(), "cmd") && !strings.HasPrefix(s.dir(), "projects") && !strings.HasPrefix(s.dir(), "proxy") && s.dir() != "tui" {
			continue
		}
		for n := range ast.Preorder(s.file) {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				continue
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			// The words of other tools for removing a project stand for the command that asks before it does.
			asked := s.path == "cmd/suggest.go" && text == "gateway rm NAME"
			if harmful.MatchString(text) && !asked && !slices.Contains(own, text) {
				t.Errorf("%s advises what loses data: %q", s.path, text)
			}
			for _, m := range advised.FindAllStringSubmatch(text, -1) {
				seen++
				found, _, err := root.Find(strings.Fields(m[1] + m[2]))
				if err != nil || found == root {
					t.Errorf("%s advises gateway %s, which is no command: %q", s.path, m[1], text)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d commands are advised: the test sees too little", seen)
	}
}
