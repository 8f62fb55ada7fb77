package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"gateway/testdata/bench/peer"
)

// startProfile records where the gateway spends its time, if that was asked for, for so many times the seconds of a
// measurement. What it returns waits for the end, and writes a report beside the record.
func (b *bed) startProfile(scenario string, r *peer.Running, times int) (func() error, error) {
	if b.profile == "" || !strings.HasPrefix(r.Peer.Name, "gateway") {
		return func() error { return nil }, nil
	}
	file := b.profile + "-" + scenario
	if _, variant, ok := strings.Cut(r.Peer.Name, "gateway"); ok && variant != "" {
		file += strings.NewReplacer("/", "-", ", ", "-", " ", "-").Replace(variant)
	}
	cmd := exec.Command("taskset", "-c", strconv.Itoa(loadCore), "perf", "record", "-q", "-F", "997", "-g", "-p", strconv.Itoa(r.PID),
		"-o", file, "--", "sleep", strconv.FormatFloat(b.seconds*float64(times), 'f', 1, 64))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting perf: %w", err)
	}
	return func() error {
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("recording a profile: %w", err)
		}
		text, err := exec.Command("perf", "report", "--stdio", "--no-children", "-g", "none", "--percent-limit", "0.3", "-i", file).Output()
		if err != nil {
			return fmt.Errorf("reporting a profile: %w", err)
		}
		if err := os.WriteFile(file+".txt", text, 0o644); err != nil { //nolint:gosec // it is to be read by all
			return fmt.Errorf("reporting a profile: %w", err)
		}
		return nil
	}, nil
}
