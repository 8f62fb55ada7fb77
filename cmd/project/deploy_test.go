package project

import (
	"path/filepath"
	"strings"
	"testing"

	"gateway/cmd/cli"
	"gateway/cmd/cli/clitest"
	"gateway/projects"
	"gateway/projects/release"
)

// A list of files is one line each, whatever they are called.
func TestChanges_AreOneLineEach(t *testing.T) {
	var out strings.Builder
	c := &projects.Change{Files: &release.Changes{Added: []string{filepath.Join("a", clitest.Hostile)}}}
	if err := printChanges(&cli.Env{Out: &out, Err: &out}, c, false); err != nil {
		t.Fatal(err)
	}
	if want := "add a/" + clitest.Harmless + "\n"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("it prints %q, want %q", out.String(), want)
	}
}
