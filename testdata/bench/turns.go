package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"gateway/testdata/bench/peer"
)

// What the disturbing clients do in their turns.
const (
	calm = iota // nearly nothing
	past        // the same past the proxy, to the backend
	against
	aims
)

// span is a time in which something was done.
type span struct{ from, to time.Time }

func (s span) holds(t time.Time) bool { return t.After(s.from) && t.Before(s.to) }

// parts divides a span into so many.
func (s span) parts(n int) []span {
	each := s.to.Sub(s.from) / time.Duration(n)
	all := make([]span, n)
	for i := range all {
		from := s.from.Add(time.Duration(i) * each)
		all[i] = span{from, from.Add(each)}
	}
	return all
}

// latencies are those of what was due meanwhile.
func (s span) latencies(asks []ask) []time.Duration {
	var all []time.Duration
	for _, a := range asks {
		if s.holds(a.due) {
			all = append(all, a.latency)
		}
	}
	return all
}

// spans are the turns of the three kinds.
type spans [aims][]span

// figure is the clients' p99 in turns at the proxy beside that in calm ones, each as the median of all such turns.
func (s *spans) figure(asks []ask) (sample, error) {
	var p99 [aims][]sample // of each turn
	var all []time.Duration
	for aim, turns := range s {
		for _, turn := range turns {
			latencies := turn.latencies(asks)
			if len(latencies) < 100 {
				return sample{}, fmt.Errorf("too few of %d requests were seen", len(asks))
			}
			p99[aim] = append(p99[aim], sample{value: quantile(latencies, 99).Seconds()})
			if aim == against {
				all = append(all, latencies...)
			}
		}
	}
	middle := func(aim int) float64 { return median(p99[aim], func(s sample) float64 { return s.value }) }
	beside := func(aim int) float64 { return middle(aim) / middle(calm) }
	made := sample{value: beside(against), requests: len(asks), p50: quantile(all, 50), p99: quantile(all, 99)}
	made.note = fmt.Sprintf("p99 %.2f ms in calm turns, %.2f ms with the others past the proxy (%.2f times), %.2f ms with them at the proxy",
		middle(calm)*milli, middle(past)*milli, beside(past), middle(against)*milli)
	return made, nil
}

// undisturbed sends the requests of clients with many addresses, none of which may fail, while something else goes on.
func (b *bed) undisturbed(ctx context.Context, r *peer.Running, t traffic, all time.Duration, meanwhile func() error) ([]ask, error) {
	args := append(loadArgs(r, t, all), "--source", strconv.Itoa(clientSource), "--sources", strconv.Itoa(t.conns))
	asks, report, err := b.loadWhile(ctx, r, args, meanwhile)
	if err == nil && report.Failed > 0 {
		err = fmt.Errorf("%d of %d requests failed: %v", report.Failed, report.Requests, report.Errors)
	}
	return asks, err
}
