package cmd

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects/policy"
	"gateway/proxy/accesslog"
	"gateway/proxy/certificate"
	"gateway/proxy/label"
	"gateway/proxy/metric"
)

var write = flag.Bool("write", false, "write the generated parts of README.md and the help topics")

func TestDocuments_SayWhatTheCodeDoes(t *testing.T) {
	for _, part := range []struct{ file, name, text string }{
		{"../README.md", "commands", commandTable(newRoot(&cli.Env{Getenv: func(string) string { return "" }}))},
		{"help/labels.md", "labels", label.Markdown()},
		{"help/access-log.md", "access log", accesslog.Markdown()},
		{"help/metrics.md", "metrics", metric.Markdown()},
		{"help/policy.md", "rules", ruleTable()},
		{"help/https.md", "providers", providerTable()},
	} {
		text, err := os.ReadFile(part.file)
		if err != nil {
			t.Fatal(err)
		}
		want := replacePart(t, string(text), part.name, part.text)
		switch {
		case want == string(text):
		case !*write:
			t.Errorf("%s is not what the code generates; run: go test ./cmd -run Documents -write", part.file)
		default:
			if err := os.WriteFile(part.file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// ruleTable is the table of all rules of the policy.
func ruleTable() string {
	var b strings.Builder
	b.WriteString("| rule | refuses | because | fix |\n| --- | --- | --- | --- |\n")
	for _, d := range policy.Rules() {
		name := "`" + string(d.Name) + "`"
		if d.Fixed {
			name += " (always)"
		}
		b.WriteString("| " + name + " | " + d.Refuses + " | " + d.Why + " | " + d.Fix + " |\n")
	}
	return b.String()
}

// providerTable is the table of the providers of DNS zones with the settings of their files.
func providerTable() string {
	var b strings.Builder
	b.WriteString("| `--dns` | settings | optional |\n| --- | --- | --- |\n")
	for _, name := range certificate.Providers() {
		var cells [2][]string
		for _, setting := range certificate.Settings(name) {
			setting, optional := strings.CutSuffix(setting, "?")
			column := 0
			if optional {
				column = 1
			}
			cells[column] = append(cells[column], "`"+setting+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, strings.Join(cells[0], ", "), cmp.Or(strings.Join(cells[1], ", "), "–"))
	}
	return b.String()
}

func TestREADME_IsShort(t *testing.T) {
	const most = 12 << 10
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > most {
		t.Errorf("README.md has %d bytes, and at most %d are read; move reference to a help topic", len(text), most)
	}
}

var linkTarget = regexp.MustCompile(`\]\(([^)#:]+)\)`)

func TestDocuments_LinkToFilesThatExist(t *testing.T) {
	files, err := filepath.Glob("help/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "../README.md", "../testdata/README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range linkTarget.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), found[1])); err != nil {
				t.Errorf("%s links to %s: %v", file, found[1], err)
			}
		}
	}
}

// replacePart puts new text between the markers "<!-- name: ... -->" and "<!-- end of name -->".
func replacePart(t *testing.T, text, name, part string) string {
	t.Helper()
	head, rest, found := strings.Cut(text, "<!-- "+name+": ")
	comment, rest, opened := strings.Cut(rest, "-->\n")
	end := "<!-- end of " + name + " -->"
	_, tail, closed := strings.Cut(rest, end)
	if !found || !opened || !closed {
		t.Fatalf("the markers of %s are missing", name)
	}
	return head + "<!-- " + name + ": " + comment + "-->\n" + strings.TrimRight(part, "\n") + "\n" + end + tail
}

// commandTable lists every command that help shows, by the same groups.
func commandTable(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("| command | what it does |\n| --- | --- |\n")
	for _, g := range root.Groups() {
		if g.Title == otherGroup {
			continue
		}
		fmt.Fprintf(&b, "| **%s** | |\n", g.Title)
		for _, c := range members(root, g) {
			walk(c, func(c *cobra.Command) {
				use := strings.ReplaceAll(strings.TrimSuffix(c.UseLine(), " [flags]"), "|", `\|`)
				fmt.Fprintf(&b, "| `%s` | %s |\n", use, c.Short)
			})
		}
	}
	return b.String()
}
