package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gateway/testdata/bench/peer"
)

const (
	// turnTime is for how long one proxy gets the load before the next does.
	turnTime = 250 * time.Millisecond
	// portsEach is how many ports one of several proxies may use from its first on.
	portsEach = 2
)

// thread is a proxy that runs beside others, and what it did in its turns.
type thread struct {
	*peer.Running
	traffic
	turns []sample
}

// weave measures all proxies of a round together, turn by turn, and returns what each came to, in their order.
func (b *bed) weave(ctx context.Context, s scenario, taking []peer.Peer) (all []sample, failed error) {
	var threads []*thread
	all = make([]sample, len(taking))
	for i, p := range taking {
		running, t, err := b.start(ctx, s, p, b.setup.HTTP+i*portsEach)
		if err != nil {
			return all, fmt.Errorf("%s: %w", p.Name, err)
		}
		defer end(running)
		threads = append(threads, &thread{Running: running, traffic: t})
		if _, err := t.tool(ctx, b, running, t, time.Second); err != nil {
			return all, fmt.Errorf("warming up %s: %w", p.Name, err)
		}
	}
	for _, t := range threads {
		stop, err := b.startProfile(s.name, t.Running, len(threads))
		if err != nil {
			return all, err
		}
		defer func() { failed = errors.Join(failed, stop()) }()
	}
	turns := int(b.seconds * float64(time.Second) / float64(turnTime))
	if err := b.take(ctx, threads, func() error { return b.turns(ctx, threads, turns) }); err != nil {
		return all, err
	}
	for i, t := range threads {
		all[i] = t.sum()
		if err := t.Prove(ctx, all[i].requests); err != nil {
			return all, err
		}
	}
	return all, nil
}

// take has the metrics of all proxies read that show any while work is done.
func (b *bed) take(ctx context.Context, threads []*thread, work func() error) error {
	if len(threads) == 0 {
		return work()
	}
	return threads[0].Run(ctx, func() error { return b.take(ctx, threads[1:], work) })
}

// turns gives each proxy so many turns. The order changes from one to the next.
func (b *bed) turns(ctx context.Context, threads []*thread, times int) error {
	order := slices.Clone(threads)
	for range times {
		for _, t := range order {
			got, err := watched(t.Running, func() (sample, error) {
				out, err := t.tool(ctx, b, t.Running, t.traffic, turnTime)
				return sample{requests: out.requests, p50: out.p50, p99: out.p99}, err
			})
			if err != nil {
				return fmt.Errorf("%s: %w", t.Peer.Name, err)
			}
			t.turns = append(t.turns, got)
		}
		slices.Reverse(order)
	}
	return nil
}

// sum is what all turns of a proxy came to.
func (t *thread) sum() sample {
	var all sample
	for _, s := range t.turns {
		all.requests += s.requests
		all.used += s.used
		all.busy += s.busy / float64(len(t.turns))
		all.foreign += s.foreign / float64(len(t.turns))
	}
	all.p50 = time.Duration(median(t.turns, func(s sample) float64 { return float64(s.p50) }))
	all.p99 = time.Duration(median(t.turns, func(s sample) float64 { return float64(s.p99) }))
	all.value = all.used.Seconds() / float64(max(all.requests, 1))
	return all
}
