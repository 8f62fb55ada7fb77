package cmd

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gateway/projects/policy"
	"gateway/proxy/accesslog"
	"gateway/proxy/label"
	"gateway/proxy/metric"
)

var write = flag.Bool("write", false, "write the generated parts of README.md")

func TestREADME_SaysWhatTheCodeDoes(t *testing.T) {
	const path = "../README.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, part := range map[string]string{
		"labels":     label.Markdown(),
		"access log": accesslog.Markdown(),
		"metrics":    metric.Markdown(),
		"rules":      policy.Markdown(),
		"commands":   commandTable(newRoot(&Env{Getenv: func(string) string { return "" }})),
	} {
		want = replacePart(t, want, name, part)
	}
	if want == string(text) {
		return
	}
	if !*write {
		t.Fatal("README.md is not what the code generates; run: go test ./cmd -run README -write")
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestREADME_HasEveryLimitWithItsDefault(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	limits, proxy := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	addLimitFlags(limits, new(limitOptions))
	addProxyFlags(proxy, new(proxyOptions))
	limits.VisitAll(func(f *pflag.Flag) {
		row := fmt.Sprintf("| `--%s` | ", f.Name)
		switch f.DefValue {
		case "", "0s":
			row += "none |"
		case "[]", "false":
			return
		default:
			row += "`" + strings.Replace(f.DefValue, "m0s", "m", 1) + "` |"
		}
		if !strings.Contains(string(text), row) {
			t.Errorf("README.md lacks a row that begins with %s", row)
		}
	})
	proxy.VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(string(text), "--"+f.Name) {
			t.Errorf("README.md does not mention --%s", f.Name)
		}
	})
}

// replacePart puts new text between the markers "<!-- name: ... -->" and "<!-- end of name -->".
func replacePart(t *testing.T, text, name, part string) string {
	t.Helper()
	head, rest, found := strings.Cut(text, "<!-- "+name+": ")
	comment, rest, opened := strings.Cut(rest, "-->\n")
	end := "<!-- end of " + name + " -->"
	_, tail, closed := strings.Cut(rest, end)
	if !found || !opened || !closed {
		t.Fatalf("README.md lacks the markers of %s", name)
	}
	return head + "<!-- " + name + ": " + comment + "-->\n" + strings.TrimRight(part, "\n") + "\n" + end + tail
}

// commandTable lists every command that help shows.
func commandTable(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("| command | what it does |\n| --- | --- |\n")
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.Hidden || sub.Name() == "help" {
				continue
			}
			if sub.Runnable() {
				use := strings.ReplaceAll(strings.TrimSuffix(sub.UseLine(), " [flags]"), "|", `\|`)
				fmt.Fprintf(&b, "| `%s` | %s |\n", use, sub.Short)
			}
			walk(sub)
		}
	}
	walk(root)
	return b.String()
}
