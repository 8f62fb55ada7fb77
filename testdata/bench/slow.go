package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"gateway/testdata/bench/meter"
	"gateway/testdata/bench/peer"
)

// The slow clients: their number, such that a gateway that may open 20,000 files admits all; the time in which
// each sends a byte; how long they do in a turn; the rest before it, in which what nobody reads fills the buffers of the
// kernel; and the rest after it, in which their connections end.
const (
	slowClients = 9_700
	slowEvery   = time.Second
	slowTurn    = 2 * time.Second
	slowCalming = 3 * time.Second / 2
	slowEbb     = time.Second / 2
	slowOpening = 2 * time.Second // as long as connecting may take
	slowSources = 8
	slowParts   = 4 // that are looked at by themselves, so that one stall of the machine is not all there is
)

// slowed sends requests at a fixed rate while slow clients are connected to nothing, to the backend, or to the proxy.
func slowed(ctx context.Context, b *bed, r *peer.Running, t traffic) (sample, error) {
	times := max(1, int(b.seconds*float64(time.Second)/float64(slowTurn)))
	all := time.Second + time.Duration(times)*(aims*(slowTurn+slowEbb)+(aims-1)*(slowOpening+slowCalming))
	var turns spans
	var used [aims]time.Duration
	asks, err := b.undisturbed(ctx, r, t, all, func() error {
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		for i := range times * aims {
			took, cpu, err := b.slowLoad(ctx, r, t, i)
			if err != nil {
				return err
			}
			turns[i%aims] = append(turns[i%aims], took.parts(slowParts)...)
			used[i%aims] += cpu
		}
		return nil
	})
	if err != nil {
		return sample{}, err
	}
	s, err := turns.figure(asks)
	if err != nil {
		return sample{}, err
	}
	part := func(aim int) float64 { return 100 * used[aim].Seconds() / (slowTurn.Seconds() * float64(times)) }
	s.note += fmt.Sprintf("; it uses %.1f %% of its core in calm turns and %.1f %% with them", part(calm), part(against))
	return s, nil
}

// slowLoad is one turn. It returns its time, and the processor time that the proxy used in it.
func (b *bed) slowLoad(ctx context.Context, r *peer.Running, t traffic, i int) (span, time.Duration, error) {
	if i%aims == calm {
		return lasting(r, func() error { return pause(ctx, slowTurn) })
	}
	port := r.Setup.HTTP
	if i%aims == past {
		port = r.Setup.Backend
	}
	load := onLoadCore(ctx, "chrt", "--idle", "0", filepath.Join(b.bin, "load"), "--port", strconv.Itoa(port), "--conns", strconv.Itoa(slowClients),
		"--routes", strconv.Itoa(t.routes), "--slow", slowEvery.String(), "--duration", (slowCalming + slowTurn).String(),
		"--source", strconv.Itoa(floodSource+i*slowSources), "--sources", strconv.Itoa(slowSources))
	pipe, err := load.StdoutPipe()
	if err == nil {
		err = load.Start()
	}
	if err != nil {
		return span{}, 0, fmt.Errorf("running the load tool: %w", err)
	}
	out := bufio.NewReader(pipe)
	if _, err = out.ReadString('\n'); err == nil { // all are connected
		err = pause(ctx, slowCalming)
	}
	took, used, failed := lasting(r, func() error { return pause(ctx, slowTurn) })
	err = errors.Join(err, failed, slowHeld(out), load.Wait())
	return took, used, errors.Join(err, pause(ctx, slowEbb))
}

// lasting notes when something was done, and what the proxy used meanwhile.
func lasting(r *peer.Running, do func() error) (span, time.Duration, error) {
	begun := time.Now()
	before, errBefore := meter.CPU(r.PID)
	err := do()
	after, errAfter := meter.CPU(r.PID)
	return span{begun, time.Now()}, after - before, errors.Join(err, errBefore, errAfter)
}

// slowHeld checks that the slow clients sent what they should, and that no connection was closed.
func slowHeld(out io.Reader) error {
	var report struct{ Sent, Closed int }
	if err := json.NewDecoder(out).Decode(&report); err != nil {
		return fmt.Errorf("reading what the slow clients say: %w", err)
	}
	least := int(float64(slowClients) * (slowTurn.Seconds() / slowEvery.Seconds()) / 2)
	if report.Sent < least || report.Closed > 0 {
		return fmt.Errorf("the slow clients sent %d bytes, at least %d were due, and %d of their connections were closed", report.Sent, least, report.Closed)
	}
	return nil
}
