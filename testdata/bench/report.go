package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/testdata/bench/peer"
)

// value is a proxy's figure in a result; it reports false when there is none or when any round failed.
func (r result) value(name string) (float64, bool) {
	samples := r.samples[name]
	if r.failed[name] != nil || len(samples) == 0 {
		return 0, false
	}
	return median(samples, func(s sample) float64 { return s.value * r.scenario.scale }), true
}

// ratio is a figure beside nginx's, or beside the first's where nginx takes no part.
func (r result) ratio(name string) string {
	base := r.peers[0]
	if r.scenario.alone {
		return ""
	}
	mine, ok := r.value(name)
	baseline, known := r.value(base)
	if !ok || !known || baseline <= 0 {
		return ""
	}
	return fmt.Sprintf("%.2fx", mine/baseline)
}

// table is a scenario's result in full.
func (r result) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s: %s\n\n", r.scenario.name, r.scenario.title)
	fmt.Fprintf(&b, "| proxy | %s | beside %s | least - most | requests | core used | p50 / p99 | |\n", r.scenario.unit, r.peers[0])
	b.WriteString("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n")
	for _, name := range r.peers {
		b.WriteString(r.row(name))
	}
	return b.String()
}

func (r result) row(name string) string {
	value, ok := r.value(name)
	if !ok {
		why := "not measured"
		if err := r.failed[name]; err != nil {
			why = "failed: " + strings.NewReplacer("|", "/", "\n", ": ").Replace(err.Error())
		}
		return fmt.Sprintf("| %s | | | | | | | %s |\n", name, why)
	}
	samples := r.samples[name]
	least, most, requests := value, value, 0
	for _, s := range samples {
		least, most = min(least, s.value*r.scenario.scale), max(most, s.value*r.scenario.scale)
		requests += s.requests
	}
	busy := ""
	if used := median(samples, func(s sample) float64 { return s.busy }); used > 0 {
		busy = fmt.Sprintf("%.0f %%", 100*used)
	}
	latency := ""
	if p50 := median(samples, func(s sample) float64 { return s.p50.Seconds() * milli }); p50 > 0 {
		latency = fmt.Sprintf("%.2f / %.2f ms", p50, median(samples, func(s sample) float64 { return s.p99.Seconds() * milli }))
	}
	note := samples[len(samples)-1].note
	if beside := r.paired(name); beside != "" {
		note = beside
	}
	if foreign := median(samples, func(s sample) float64 { return s.foreign }); foreign > tolerable {
		if note != "" {
			note += "; "
		}
		note += fmt.Sprintf("disturbed: others used %.0f %% of its core", 100*foreign)
	}
	return fmt.Sprintf("| %s | %s | %s | %s - %s | %d | %s | %s | %s |\n", name, figure(value), r.ratio(name), figure(least), figure(most),
		requests, busy, latency, note)
}

// figure writes three digits, or two after the point.
func figure(f float64) string {
	if f >= 100 {
		return fmt.Sprintf("%.0f", f)
	}
	if f >= 10 {
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// summary is one row for each scenario, and a line for each that has proxies of its own.
func summary(results []result, peers []peer.Peer) string {
	var columns []string
	for _, p := range peers {
		columns = append(columns, p.Name)
	}
	rows, lines := "", ""
	for _, r := range results {
		if r.scenario.peers != nil {
			lines += r.brief(columns)
		} else {
			rows += r.brief(columns)
		}
	}
	text := "| | " + strings.Join(columns, " | ") + " |\n| --- |" + strings.Repeat(" ---: |", len(columns)) + "\n" + rows
	if lines != "" {
		text += "\n" + lines
	}
	return text
}

// label is what a result's row or line in the summary begins with.
func (r result) label() string {
	if r.scenario.peers != nil {
		return fmt.Sprintf("- %s, %s:", r.scenario.title, r.scenario.unit)
	}
	return fmt.Sprintf("| %s, %s |", r.scenario.title, r.scenario.unit)
}

// brief is a result's row in the summary, with these columns, or its line if it has proxies of its own.
func (r result) brief(columns []string) string {
	if r.scenario.peers == nil {
		var row []string
		for _, name := range columns {
			row = append(row, r.cell(name))
		}
		return r.label() + " " + strings.Join(row, " | ") + " |\n"
	}
	var cells []string
	for _, name := range r.peers {
		cell := name + " " + r.cell(name)
		if beside := r.paired(name); beside != "" {
			cell += ", which is " + beside
		}
		cells = append(cells, cell)
	}
	return r.label() + " " + strings.Join(cells, "; ") + "\n"
}

// cell is a proxy's figure with its ratio.
func (r result) cell(name string) string {
	value, ok := r.value(name)
	switch {
	case !ok:
		return "-"
	case r.ratio(name) == "" || name == r.peers[0]:
		return figure(value)
	}
	return fmt.Sprintf("%s (%s)", figure(value), r.ratio(name))
}

// paired is a figure beside the scenario's base, as the median of the ratios of each round; empty if there is none.
func (r result) paired(name string) string {
	base := r.scenario.base
	_, mine := r.value(name)
	_, baseline := r.value(base)
	if name == base || !mine || !baseline || !strings.HasPrefix(name, "gateway") {
		return ""
	}
	var ratios []sample
	for i, s := range r.samples[name] {
		ratios = append(ratios, sample{value: s.value / r.samples[base][i].value})
	}
	slices.SortFunc(ratios, func(a, b sample) int { return cmp.Compare(a.value, b.value) })
	middle := median(ratios, func(s sample) float64 { return s.value })
	return fmt.Sprintf("%.3fx %s (rounds: %.3f - %.3f)", middle, base, ratios[0].value, ratios[len(ratios)-1].value)
}

// report is what RESULTS.md holds.
func (b *bed) report(results []result, peers []peer.Peer, begun time.Time) string {
	var text strings.Builder
	fmt.Fprintf(&text, reportHead, begun.UTC().Format(minutes), time.Since(begun).Round(time.Minute), b.options.rounds, b.seconds)
	text.WriteString(machine())
	for _, p := range peers {
		fmt.Fprintf(&text, "- %s: %s\n", p.Name, p.Version(b.setup))
	}
	text.WriteString("\n## Summary\n\nIn brackets the ratio to " + peers[0].Name + " in the same run.\n\n")
	text.WriteString(summary(results, peers))
	text.WriteString(inFull)
	for _, r := range results {
		text.WriteString(r.table())
	}
	return text.String()
}

const (
	// minutes is how a time is written.
	minutes = "2006-01-02 15:04 MST"
	// inFull parts the summary from the sections.
	inFull = "\n## In full\n"
)
