package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"gateway/testdata/bench/peer"
)

// keep writes the results down. A run of some scenarios replaces what a file has of them, unless anything failed there, and
// leaves the rest.
func (b *bed) keep(results []result, peers []peer.Peer, begun time.Time) error {
	text := b.report(results, peers, begun)
	old, err := os.ReadFile(b.out)
	if b.whole && err == nil {
		text = strings.TrimRight(text, "\n") + "\n" + wakeSection(string(old))
	}
	if !b.whole {
		if err == nil {
			text, err = update(string(old), results, func(s scenario) string {
				return fmt.Sprintf("Measured on %s, in %d rounds of %g seconds; checkout %s.\n", begun.UTC().Format(minutes), b.roundsOf(s), b.seconds, checkout())
			})
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err != nil {
			return fmt.Errorf("updating %s: %w", b.out, err)
		}
	}
	if err := os.WriteFile(b.out, []byte(text), 0o644); err != nil { //nolint:gosec // it is to be read by all
		return fmt.Errorf("writing the results: %w", err)
	}
	return nil
}

// wakeSection is the section of a file that wake.sh measured and not this program; empty when there is none.
func wakeSection(old string) string {
	const heading = "\n### "
	from := strings.Index(old, heading+"wake:")
	if from < 0 {
		return ""
	}
	if to := strings.Index(old[from+1:], heading); to >= 0 {
		return old[from : from+1+to]
	}
	return old[from:]
}

// update puts results in the place of those of the same scenarios, or behind all others. Their sections get a stamp,
// since what the head says of time and rounds is not true of them.
func update(old string, results []result, stamp func(scenario) string) (string, error) {
	brief, full, ok := strings.Cut(old, inFull)
	columns := columnsOf(brief)
	if !ok || len(columns) == 0 {
		return "", errors.New("it holds no results that this could be part of; name another file")
	}
	for _, r := range results {
		if len(r.failures) > 0 {
			continue
		}
		brief = replaceLine(brief, r.label(), r.brief(columns))
		full = replaceSection(full, r, stamp(r.scenario))
	}
	return brief + inFull + full, nil
}

// columnsOf are the names in the first row of the summary.
func columnsOf(brief string) []string {
	for line := range strings.Lines(brief) {
		if names, ok := strings.CutPrefix(line, "| | "); ok {
			return strings.Split(strings.TrimSuffix(strings.TrimSpace(names), " |"), " | ")
		}
	}
	return nil
}

// replaceLine puts a line in the place of the one that begins like it, or behind the last of its kind: row or item.
func replaceLine(text, label, line string) string {
	var out strings.Builder
	lines := strings.SplitAfter(text, "\n")
	last := -1
	for i, l := range lines {
		if strings.HasPrefix(l, label) {
			lines[i] = line
			return strings.Join(lines, "")
		}
		if strings.HasPrefix(l, label[:2]) {
			last = i
		}
	}
	if label[0] == '-' && last < lastRow(lines) {
		return strings.TrimRight(text, "\n") + "\n\n" + line // the first item; others, in the head, are of other things
	}
	for i, l := range lines {
		out.WriteString(l)
		if i == last {
			out.WriteString(line)
		}
	}
	return out.String()
}

func lastRow(lines []string) int {
	last := -1
	for i, l := range lines {
		if strings.HasPrefix(l, "| ") {
			last = i
		}
	}
	return last
}

// replaceSection puts a scenario's table in the place of the one that is there.
func replaceSection(full string, r result, stamp string) string {
	const heading = "\n### "
	title, rest, _ := strings.Cut(strings.TrimPrefix(r.table(), "\n"), "\n")
	section := "\n" + title + "\n\n" + stamp + rest
	from := strings.Index(full, heading+r.scenario.name+":")
	if from < 0 {
		return strings.TrimRight(full, "\n") + "\n" + section
	}
	to := strings.Index(full[from+1:], heading)
	if to < 0 {
		return full[:from] + section
	}
	return full[:from] + section + full[from+1+to:]
}
