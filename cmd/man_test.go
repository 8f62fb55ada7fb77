package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/cmd/cli"
	"gateway/cmd/help"
)

func TestManual_HasEveryCommandAndTopic(t *testing.T) {
	pages := manual(newRoot(&cli.Env{Getenv: func(string) string { return "" }}), time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC))
	for _, topic := range help.Topics() {
		if pages["gateway-"+topic.Name+".7"] == "" {
			t.Errorf("topic %s has no page", topic.Name)
		}
	}
	for name, want := range map[string][]string{
		"gateway.1":                {`.TH GATEWAY 1 2026-11-29 "gateway dev" "gateway manual"`, "gateway \\- Host many", `\fBgateway\-slack\fR(1)`, `\fBgateway\-labels\fR(7)`},
		"gateway-slack-set-link.1": {`\fBgateway slack set\-link\fR URL`, `\fB\-\-expires expiry\fR`, ".SH EXAMPLES"},
		"gateway-labels.7":         {"\\fBgateway.path\\fR"},
	} {
		for _, line := range want {
			if !strings.Contains(pages[name], line) {
				t.Errorf("%s lacks %q:\n%.2000s", name, line, pages[name])
			}
		}
	}
	if pages["gateway-pipe.1"] != "" {
		t.Error("a command that is hidden has a page")
	}
}

// Formatters print the pages without a complaint.
func TestManual_IsWellFormed(t *testing.T) {
	dir := t.TempDir()
	env := &cli.Env{Getenv: func(string) string { return "" }, Err: &strings.Builder{}}
	if err := runMan(env, newRoot(env), dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "man[17]", "*"))
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	checked := false
	for _, formatter := range [][]string{{"mandoc", "-Tlint", "-W", "warning"}, {"groff", "-man", "-ww", "-Tutf8", "-z"}} {
		if _, err := exec.LookPath(formatter[0]); err != nil {
			continue
		}
		checked = true
		for _, page := range pages {
			out, err := exec.CommandContext(t.Context(), formatter[0], append(formatter[1:], page)...).CombinedOutput()
			if err != nil || len(out) > 0 {
				t.Errorf("%s: %v\n%s", strings.Join(formatter, " "), err, out)
			}
		}
	}
	if !checked {
		t.Skip("the manual pages were not formatted: neither mandoc nor groff is installed here")
	}
	if _, err := os.Stat(filepath.Join(dir, "man1", "gateway.1")); err != nil {
		t.Error(err)
	}
}
