package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"gateway/testdata/bench/meter"
	"gateway/testdata/bench/peer"
)

// memory measures what a proxy has in memory when it has served a request and rests.
func memory(ctx context.Context, _ *bed, r *peer.Running, _ traffic) (sample, error) {
	if err := pause(ctx, 2*time.Second); err != nil {
		return sample{}, err
	}
	m, err := meter.Resident(r.PID)
	if err != nil {
		return sample{}, err
	}
	const mb = 1 << 20
	note := fmt.Sprintf("RSS %.1f MB; of the PSS %.1f MB heap and stacks, %.1f MB program", float64(m.RSS)/mb, float64(m.Anon)/mb, float64(m.File)/mb)
	return sample{value: float64(m.PSS), requests: 1, note: note}, nil
}

// idle measures what a client's connection costs that has had one response and is kept open: the growth of the resident set
// since a warm proxy rested, at once and half a minute later.
func idle(ctx context.Context, b *bed, r *peer.Running, t traffic) (sample, error) {
	if _, err := ownLoad(ctx, b, r, t.with(func(t *traffic) { t.conns = 64 }), time.Second); err != nil {
		return sample{}, err
	}
	if err := pause(ctx, time.Second); err != nil {
		return sample{}, err
	}
	before, err := meter.Resident(r.PID)
	if err != nil {
		return sample{}, err
	}
	load := onLoadCore(ctx, filepath.Join(b.bin, "load"), append(loadArgs(r, t, time.Minute), "--hold")...)
	in, err := load.StdinPipe()
	if err != nil {
		return sample{}, fmt.Errorf("running the load tool: %w", err)
	}
	out, err := load.StdoutPipe()
	if err != nil {
		return sample{}, fmt.Errorf("running the load tool: %w", err)
	}
	if err := load.Start(); err != nil {
		return sample{}, fmt.Errorf("running the load tool: %w", err)
	}
	defer func() { _ = load.Wait() }()
	defer in.Close()
	reader := bufio.NewReader(out)
	if _, err := reader.ReadString('\n'); err != nil {
		return sample{}, fmt.Errorf("opening connections: %w", err)
	}
	var grown [2]float64
	for i, rest := range []time.Duration{time.Second, 30 * time.Second} {
		if err := pause(ctx, rest); err != nil {
			return sample{}, err
		}
		now, err := meter.Resident(r.PID)
		if err != nil {
			return sample{}, err
		}
		grown[i] = float64(now.RSS-before.RSS) / float64(t.conns)
	}
	in.Close()
	text, err := io.ReadAll(reader)
	if err != nil {
		return sample{}, fmt.Errorf("closing connections: %w", err)
	}
	report, err := readReport(text)
	if err == nil && (report.Failed > 0 || report.Requests != t.conns) {
		err = fmt.Errorf("%d of %d requests failed: %v", report.Failed, report.Requests, report.Errors)
	}
	note := fmt.Sprintf("%.2f KB in the first second; RSS before %.1f MB", grown[0]/1024, float64(before.RSS)/(1<<20))
	return sample{value: grown[1], requests: report.Requests, note: note}, err
}

// pause waits, unless the run is over.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
