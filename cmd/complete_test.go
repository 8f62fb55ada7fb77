package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

func TestCompletions_CoverEveryArgumentAndFlag(t *testing.T) {
	root := newRoot(&cli.Env{Getenv: func(string) string { return "" }})
	known, flags := map[string]bool{}, map[string]bool{}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		path := strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), "gateway"), " ")
		known[path] = true
		takes := strings.TrimSuffix(strings.TrimPrefix(c.Use, c.Name()), " [flags]") != ""
		if takes && !c.Hidden && c.ValidArgs == nil && arguments[path] == nil {
			t.Errorf("nothing completes the arguments of: gateway %s", c.UseLine())
		}
		for name := range values {
			of, flag, both := strings.Cut(name, " ")
			if !both {
				of, flag = path, name
			}
			flags[name] = flags[name] || of == path && c.Flag(flag) != nil
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	for path := range arguments {
		if !known[path] {
			t.Errorf("gateway %s is completed, and there is no such command", path)
		}
	}
	for name, there := range flags {
		if !there {
			t.Errorf("the flag %s is completed, and no command has it", name)
		}
	}
}

// A bash without the package bash-completion completes words and says nothing else.
func TestCompletion_NeedsNoPackageOfBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("completion in bash was not tested: bash is not installed here")
	}
	dir := t.TempDir()
	var script strings.Builder
	root := newRoot(&cli.Env{Getenv: func(string) string { return "" }})
	if err := shells["bash"](root, &script); err != nil {
		t.Fatal(err)
	}
	// What gateway is asked is what is typed, with words whole.
	fake := "#!/bin/sh\necho \"$@\" >>" + dir + "/asked\nprintf 'true\\tfor sure\\nfalse\\tor not\\na,true\\na,false\\tit is not\\n:4\\n'\n"
	program := `
compopt() { :; }
complete_line() {
	COMP_LINE=$1 COMP_POINT=${#1}
	shift
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	__start_gateway gateway
	echo "${COMPREPLY[*]}"
}
complete_line 'gateway add portfolio --spa=t' gateway add portfolio --spa = t
complete_line 'gateway show  ' gateway show ''
complete_line 'gateway deploy x --trust a,t' gateway deploy x --trust a,t
complete_line 'gateway open x.example:80/' gateway open x.example : 80/
`
	for name, text := range map[string]string{"gateway": fake, "script": script.String() + program} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), bash, "--norc", "--noprofile", filepath.Join(dir, "script"))
	c.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "COLUMNS=80"}
	var said strings.Builder
	c.Stderr = &said
	out, err := c.Output()
	if err != nil || said.Len() > 0 {
		t.Fatalf("bash says %v:\n%s", err, said.String())
	}
	if !strings.HasPrefix(string(out), "true\ntrue ") || !strings.Contains(string(out), "\na,true\n") {
		t.Errorf("it completes\n%s", out)
	}
	asked, err := os.ReadFile(filepath.Join(dir, "asked"))
	if want := "__complete add portfolio --spa=t\n__complete show \n__complete deploy x --trust a,t\n__complete open x.example:80/\n"; err != nil || string(asked) != want {
		t.Errorf("it asks %v\n%swant\n%s", err, asked, want)
	}
}
