package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gateway/testdata/bench/peer"
)

// A run of changes: so many, so far apart, and how long after one a request counts as "while".
const (
	changes    = 5
	apart      = 2 * time.Second
	aftermath  = 500 * time.Millisecond
	beforehand = 2 * time.Second
)

// turn is a change of the hot route.
type turn struct {
	asked time.Time
	took  time.Duration // until the proxy said that it was done
	mark  byte          // of the backend that it goes to now
}

// swap sends one route to the other backend and back, five times under load, and measures from the moment that this is
// asked for to the last request that still went to the old one. Here lost requests are a figure, not a failure.
func swap(ctx context.Context, b *bed, r *peer.Running, t traffic) (sample, error) {
	var turns []turn
	args := append(loadArgs(r, t, beforehand+changes*apart), "--hot", strconv.Itoa(r.Setup.Hot))
	asks, report, err := b.loadWhile(ctx, r, args, func() (err error) {
		turns, err = turnAround(ctx, b, r)
		return err
	})
	if err != nil {
		return sample{}, err
	}
	return judge(asks, turns, r.Setup.Hot, report)
}

// turnAround makes the changes on time.
func turnAround(ctx context.Context, b *bed, r *peer.Running) ([]turn, error) {
	if err := pause(ctx, beforehand); err != nil {
		return nil, err
	}
	var turns []turn
	for i := range changes {
		port, mark := b.port+(i+1)%2, "ab"[(i+1)%2]
		begun := time.Now()
		if err := r.Change(ctx, port); err != nil {
			return nil, err
		}
		turns = append(turns, turn{begun, time.Since(begun), mark})
		if err := pause(ctx, time.Until(begun.Add(apart))); err != nil {
			return nil, err
		}
	}
	return turns, nil
}

// judge makes the figures.
func judge(asks []ask, turns []turn, hot int, report loadReport) (sample, error) {
	var calm, stirred []time.Duration
	stale := make([]time.Duration, len(turns))
	arrived := make([]bool, len(turns))
	for _, a := range asks {
		i := -1 // the last change before the request
		for i+1 < len(turns) && !a.sent.Before(turns[i+1].asked) {
			i++
		}
		if i < 0 {
			if a.due.After(turns[0].asked.Add(-beforehand / 2)) {
				calm = append(calm, a.latency)
			}
			continue
		}
		since := a.sent.Sub(turns[i].asked)
		if since < aftermath {
			stirred = append(stirred, a.latency)
		}
		if a.route == hot && a.mark == turns[i].mark {
			arrived[i] = true
		} else if a.route == hot && a.mark != '!' {
			stale[i] = max(stale[i], since)
		}
	}
	if slices.Contains(arrived, false) {
		return sample{}, fmt.Errorf("a change did not come into force before the next, %v later", apart)
	}
	if len(calm) == 0 || len(stirred) == 0 {
		return sample{}, fmt.Errorf("too few of %d requests were seen", len(asks))
	}
	took := make([]time.Duration, len(turns))
	for i := range turns {
		took[i] = turns[i].took
	}
	slices.Sort(stale)
	slices.Sort(took)
	s := sample{value: stale[len(stale)/2].Seconds(), requests: report.Requests, p99: quantile(stirred, 99)}
	s.note = fmt.Sprintf("%d lost (%.2f %%); p99 %.2f ms before, %.2f ms while; the change was acknowledged after %.1f ms", report.Failed,
		100*float64(report.Failed)/float64(report.Requests), quantile(calm, 99).Seconds()*milli, s.p99.Seconds()*milli, took[len(took)/2].Seconds()*milli)
	if report.Failed > 0 {
		s.note += fmt.Sprintf("; %v", report.Errors)
	}
	return s, nil
}

func quantile(spans []time.Duration, percent int) time.Duration {
	slices.Sort(spans)
	return spans[len(spans)*percent/100]
}
