package main

import (
	"fmt"
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
	mine, ok := r.value(name)
	theirs, known := r.value(base)
	if !ok || !known || theirs <= 0 {
		return ""
	}
	return fmt.Sprintf("%.2fx", mine/theirs)
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

// summary is one row for each scenario.
func summary(results []result, peers []peer.Peer) string {
	var b strings.Builder
	b.WriteString("| |")
	for _, p := range peers {
		fmt.Fprintf(&b, " %s |", p.Name)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" ---: |", len(peers)) + "\n")
	for _, r := range results {
		if r.scenario.peers != nil {
			continue // its own proxies, in its own table
		}
		fmt.Fprintf(&b, "| %s, %s |", r.scenario.title, r.scenario.unit)
		for _, p := range peers {
			value, ok := r.value(p.Name)
			switch {
			case ok && p.Name == r.peers[0]:
				fmt.Fprintf(&b, " %s |", figure(value))
			case ok:
				fmt.Fprintf(&b, " %s (%s) |", figure(value), r.ratio(p.Name))
			default:
				b.WriteString(" - |")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// report is what RESULTS.md holds.
func (b *bed) report(results []result, peers []peer.Peer, begun time.Time) string {
	var text strings.Builder
	fmt.Fprintf(&text, reportHead, begun.UTC().Format("2006-01-02 15:04 MST"), time.Since(begun).Round(time.Minute), b.options.rounds, b.seconds)
	text.WriteString(machine())
	for _, p := range peers {
		fmt.Fprintf(&text, "- %s: %s\n", p.Name, p.Version(b.setup))
	}
	text.WriteString("\n## Summary\n\nIn brackets the ratio to " + peers[0].Name + " in the same run.\n\n")
	text.WriteString(summary(results, peers))
	text.WriteString("\n## In full\n")
	for _, r := range results {
		text.WriteString(r.table())
	}
	return text.String()
}
