package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gateway/testdata/bench/peer"
)

// ask is a request in the load tool's log.
type ask struct {
	due     time.Time
	sent    time.Time
	latency time.Duration // since it was due
	route   int
	mark    byte // of the backend that responded; '!' for no correct response
}

// loadWhile sends requests with our own load tool while something else happens, and returns the result of each.
func (b *bed) loadWhile(ctx context.Context, r *peer.Running, args []string, meanwhile func() error) ([]ask, loadReport, error) {
	log := filepath.Join(r.Setup.Dir, "requests")
	load := onLoadCore(ctx, filepath.Join(b.bin, "load"), append(args, "--log", log)...)
	var out bytes.Buffer
	load.Stdout, load.Stderr = &out, os.Stderr
	if err := load.Start(); err != nil {
		return nil, loadReport{}, fmt.Errorf("running the load tool: %w", err)
	}
	err := meanwhile()
	if ended := load.Wait(); ended != nil {
		err = errors.Join(err, fmt.Errorf("running the load tool: %w", ended))
	}
	if err != nil {
		return nil, loadReport{}, err
	}
	report, err := readReport(out.Bytes())
	if err != nil {
		return nil, report, err
	}
	asks, err := readLog(log)
	return asks, report, err
}

func readLog(name string) ([]ask, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	var asks []ask
	for line := range bytes.Lines(text) {
		var due, sent, latency int64
		var route int
		var mark byte
		if _, err := fmt.Sscanf(string(line), "%d %d %d %d %c", &due, &sent, &latency, &route, &mark); err != nil {
			return nil, fmt.Errorf("reading the log: %w", err)
		}
		asks = append(asks, ask{time.Unix(0, due), time.Unix(0, sent), time.Duration(latency), route, mark})
	}
	return asks, nil
}
