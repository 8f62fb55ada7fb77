package project

import (
	"strings"
	"testing"
	"time"

	"gateway/cmd/cli"
	"gateway/projects/compose"
)

func TestLogs_AreFilteredOnATerminalAlone(t *testing.T) {
	var out strings.Builder
	line := compose.Line{Container: "web-1", Text: "\x1b[31mRED\x1b[0m \x1b]0;TITLE\a"}
	newLogPrinter(&cli.Env{Out: &out}, false, false).print(line)
	dumb := func(string) string { return "dumb" }
	newLogPrinter(&cli.Env{Out: &out, Terminal: true, Getenv: dumb}, true, false).print(line)
	if got, want := out.String(), "\x1b[31mRED\x1b[0m \x1b]0;TITLE\a\nweb-1 | RED \\x1b]0;TITLE\\x07\n"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}

func TestLogs_ColourEachContainerAndShowTimes(t *testing.T) {
	var out strings.Builder
	none := func(string) string { return "" }
	p := newLogPrinter(&cli.Env{Out: &out, Terminal: true, Getenv: none}, true, true)
	at := time.Date(2026, 6, 30, 10, 0, 0, 5e6, time.FixedZone("", 2*3600))
	for _, name := range []string{"web-1", "db-1", "web-1"} {
		p.print(compose.Line{Time: at, Container: name, Text: "a"})
	}
	web, db := "\x1b[36mweb-1\x1b[0m | 2026-06-30T08:00:00.005Z a\n", "\x1b[33mdb-1\x1b[0m | 2026-06-30T08:00:00.005Z a\n"
	if got, want := out.String(), web+db+web; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}

func TestLogs_SelectLines(t *testing.T) {
	now := time.Date(2026, 6, 30, 12, 0, 0, 0, time.FixedZone("CEST", 2*3600))
	for _, c := range []struct {
		tail, since string
		lines       int
		from        time.Time
	}{
		{"100", "", 100, time.Time{}},
		{"0", "", 0, time.Time{}},
		{"all", "10m", -1, now.Add(-10 * time.Minute)},
		{"all", "1h30m", -1, now.Add(-90 * time.Minute)},
		{"all", "3d", -1, now.AddDate(0, 0, -3)},
		{"5", "2026-06-29", 5, time.Date(2026, 6, 29, 0, 0, 0, 0, now.Location())},
		{"all", "2026-06-29T08:00", -1, time.Date(2026, 6, 29, 8, 0, 0, 0, now.Location())},
		{"all", "2026-06-29T08:00:00Z", -1, time.Date(2026, 6, 29, 8, 0, 0, 0, time.UTC)},
	} {
		got, err := logsOptions{tail: c.tail, since: c.since}.selected(now)
		if err != nil || got.Tail != c.lines || !got.Since.Equal(c.from) {
			t.Errorf("--tail %s --since %q: %+v (%v), want %d lines since %v", c.tail, c.since, got, err, c.lines, c.from)
		}
	}
	for _, bad := range []logsOptions{{tail: "-1"}, {tail: "many"}, {tail: ""}, {tail: "1", since: "-5m"}, {tail: "1", since: "yesterday"}, {tail: "1", since: "99999999d"}, {tail: "1", since: "5"}} {
		if got, err := bad.selected(now); err == nil || !strings.Contains(err.Error(), "write ") {
			t.Errorf("--tail %q --since %q: %+v (%v), want an error that says what to write", bad.tail, bad.since, got, err)
		}
	}
}
