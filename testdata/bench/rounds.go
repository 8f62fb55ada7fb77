package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"gateway/testdata/bench/meter"
	"gateway/testdata/bench/peer"
)

// tolerable is the share of the proxy's core that others may use before a measurement counts as disturbed.
const tolerable = 0.03

// sample is one measurement of one proxy.
type sample struct {
	value    float64 // in seconds or bytes; the scenario's scale makes it what is shown
	requests int
	used     time.Duration // processor time of the proxy
	busy     float64       // share of its core that the proxy used
	foreign  float64       // share of it that others used: disturbance
	p50, p99 time.Duration
	note     string
}

// result is a scenario's samples by the name of the proxy.
type result struct {
	scenario scenario
	peers    []string
	samples  map[string][]sample
	failures []error
	failed   map[string]error
}

// rounds measures all proxies in turn, as often as was asked for. What fails is left out of the figures and kept.
func (b *bed) rounds(ctx context.Context, s scenario, chosen []peer.Peer) result {
	if s.scale == 0 {
		s.unit, s.scale = "CPU us", micro
	}
	r := result{scenario: s, samples: map[string][]sample{}, failed: map[string]error{}}
	for _, p := range s.takes(chosen) {
		r.peers = append(r.peers, p.Name)
	}
	for round := range b.roundsOf(s) {
		taking := s.takes(chosen)
		if round%2 == 1 {
			slices.Reverse(taking) // what changes as time goes by is nobody's advantage
		}
		switch {
		case ctx.Err() != nil || s.once && round > 0:
		case s.woven:
			got, err := b.weave(ctx, s, taking)
			for i, p := range taking {
				r.add(p.Name, round, got[i], err)
			}
		default:
			for _, p := range taking {
				got, err := b.calmest(ctx, s, p)
				r.add(p.Name, round, got, err)
			}
		}
	}
	return r
}

// add keeps what came of a measurement.
func (r *result) add(name string, round int, got sample, err error) {
	if err != nil {
		r.failures = append(r.failures, fmt.Errorf("%s: %w", name, err))
		r.failed[name] = err
		fmt.Fprintf(os.Stderr, "%s, round %d, %s: %v\n", r.scenario.name, round+1, name, err)
		return
	}
	r.samples[name] = append(r.samples[name], got)
	fmt.Fprintf(os.Stderr, "%s, round %d, %s: %.2f %s\n", r.scenario.name, round+1, name, got.value*r.scenario.scale, r.scenario.unit)
}

// roundsOf is how many rounds a scenario has.
func (b *bed) roundsOf(s scenario) int { return b.options.rounds * max(s.times, 1) }

// calmest measures up to three times while others disturb the proxy on its core, and keeps the measurement that was
// disturbed least.
func (b *bed) calmest(ctx context.Context, s scenario, p peer.Peer) (sample, error) {
	best, err := b.one(ctx, s, p)
	for try := 1; try < 3 && err == nil && best.foreign > tolerable; try++ {
		again, failed := b.one(ctx, s, p)
		if failed != nil {
			return sample{}, failed
		}
		if again.foreign < best.foreign {
			best = again
		}
	}
	return best, err
}

// start starts a new process of a proxy at that port and returns the traffic for it.
func (b *bed) start(ctx context.Context, s scenario, p peer.Peer, port int) (*peer.Running, traffic, error) {
	setup := b.setup
	t := b.adjust(s.traffic)
	setup.HTTP, setup.Routes = port, t.routes
	if p.Routes > 0 {
		setup.Routes, t.routes = p.Routes, p.Asked
	}
	if t.secure {
		setup.TLS = setup.HTTP + 1
	}
	dir, err := os.MkdirTemp(b.dir, "run-")
	if err != nil {
		return nil, t, fmt.Errorf("making a folder: %w", err)
	}
	setup.Dir, setup.ClientRate, setup.ClientConns = dir, t.clientRate, t.clientConns
	if s.name == "swap" {
		setup.Hot, setup.HotPort = t.routes/2, setup.Backend
	}
	running, err := p.Start(ctx, setup)
	if err != nil {
		return nil, t, errors.Join(err, os.RemoveAll(dir))
	}
	if err := running.Check(ctx); err != nil {
		end(running)
		return nil, t, err
	}
	return running, t, nil
}

// end stops a proxy and removes what it wrote.
func end(r *peer.Running) {
	r.Stop()
	_ = os.RemoveAll(r.Setup.Dir) // the folder that it is in goes at the end
}

// one starts a new process of a proxy and measures it.
func (b *bed) one(ctx context.Context, s scenario, p peer.Peer) (sample, error) {
	running, t, err := b.start(ctx, s, p, b.setup.HTTP)
	if err != nil {
		return sample{}, err
	}
	defer end(running)
	if s.measure != nil {
		got, err := watched(running, func() (sample, error) { return s.measure(ctx, b, running, t) })
		if s.still {
			got.busy, got.foreign = 0, 0
		}
		return got, err
	}
	if _, err := t.tool(ctx, b, running, t, time.Second); err != nil {
		return sample{}, fmt.Errorf("warming up: %w", err)
	}
	stop, err := b.startProfile(s.name, running, 1)
	if err != nil {
		return sample{}, err
	}
	var got sample
	err = running.Run(ctx, func() (err error) {
		got, err = watched(running, func() (sample, error) { return b.cost(ctx, running, t) })
		return err
	})
	if err := errors.Join(err, stop()); err != nil {
		return sample{}, err
	}
	got.value = got.used.Seconds() / float64(got.requests)
	return got, running.Prove(ctx, got.requests)
}

// watched makes a measurement and notes the processor time that the proxy used, and others on its core.
func watched(r *peer.Running, measure func() (sample, error)) (sample, error) {
	begun := time.Now()
	before, errBefore := meter.CPU(r.PID)
	core, errCore := meter.Core(proxyCore)
	got, err := measure()
	after, errAfter := meter.CPU(r.PID)
	total, errTotal := meter.Core(proxyCore)
	if err := errors.Join(err, errBefore, errCore, errAfter, errTotal); err != nil {
		return sample{}, err
	}
	took := time.Since(begun).Seconds()
	got.used = after - before
	got.busy = got.used.Seconds() / took
	got.foreign = max(0, (total-core-got.used).Seconds()/took)
	return got, nil
}

// adjust applies the flags for other sizes.
func (b *bed) adjust(t traffic) traffic {
	if b.conns > 0 {
		t.conns = b.conns
	}
	if b.body > 0 {
		t.body = b.body
	}
	return t
}

// cost sends the requests whose cost in processor time is to be known.
func (b *bed) cost(ctx context.Context, r *peer.Running, t traffic) (sample, error) {
	out, err := t.tool(ctx, b, r, t, time.Duration(b.seconds*float64(time.Second)))
	if err != nil {
		return sample{}, err
	}
	if out.requests == 0 {
		return sample{}, errors.New("no request got a response")
	}
	return sample{requests: out.requests, p50: out.p50, p99: out.p99}, nil
}

// median is that of a number of samples, by a figure of each.
func median(samples []sample, figure func(sample) float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	figures := make([]float64, len(samples))
	for i, s := range samples {
		figures[i] = figure(s)
	}
	slices.Sort(figures)
	if n := len(figures); n%2 == 0 {
		return (figures[n/2-1] + figures[n/2]) / 2
	}
	return figures[len(figures)/2]
}
