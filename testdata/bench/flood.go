package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"gateway/testdata/bench/peer"
)

// A flood comes from one address, and goes so far beyond what a client may do.
const (
	floodSource   = 2 // 127.0.0.2
	floodRate     = 2000
	floodConns    = 2000
	floodSockets  = 16  // that carry the requests of one beyond its rate
	visitorSource = 257 // 127.0.1.1 and on, one address for each connection
)

// floodLate is how long a flood may take to come to its end.
const floodLate = time.Second

// span is a time in which something was done.
type span struct{ from, to time.Time }

func (s span) holds(t time.Time) bool { return t.After(s.from) && t.Before(s.to) }

// flooded paces visitors of many addresses, and has one more client go beyond what it may: first past the proxy, which
// shows what the flood itself costs on this machine, then at the proxy. The figure is the visitors' p99 while it does so,
// beside that before.
func flooded(ctx context.Context, b *bed, r *peer.Running, t traffic) (sample, error) {
	log := filepath.Join(r.Setup.Dir, "requests")
	phase := time.Duration(b.seconds * float64(time.Second))
	args := append(loadArgs(r, t, time.Second+3*phase+2*floodLate), "--log", log,
		"--source", strconv.Itoa(visitorSource), "--sources", strconv.Itoa(t.conns))
	load := onLoadCore(ctx, filepath.Join(b.bin, "load"), args...)
	var out bytes.Buffer
	load.Stdout = &out
	if err := load.Start(); err != nil {
		return sample{}, fmt.Errorf("running the load tool: %w", err)
	}
	spans, report, err := floods(ctx, b, r, t, phase)
	if ended := load.Wait(); err == nil && ended != nil {
		err = fmt.Errorf("running the load tool: %w", ended)
	}
	if err != nil {
		return sample{}, err
	}
	visitors, err := readReport(out.Bytes())
	if err == nil && visitors.Failed > 0 {
		err = fmt.Errorf("%d of %d visitors' requests failed: %v", visitors.Failed, visitors.Requests, visitors.Errors)
	}
	if err != nil {
		return sample{}, err
	}
	asks, err := readLog(log)
	if err != nil {
		return sample{}, err
	}
	if err := held(report, t); err != nil {
		return sample{}, err
	}
	return compare(asks, spans, report)
}

// floods waits while visitors are alone, and floods the backend and then the proxy. It returns when each was, and what
// came of the last.
func floods(ctx context.Context, b *bed, r *peer.Running, t traffic, phase time.Duration) ([3]span, loadReport, error) {
	var spans [3]span
	var last loadReport
	if err := pause(ctx, time.Second); err != nil {
		return spans, last, err
	}
	spans[0].from = time.Now()
	if err := pause(ctx, phase); err != nil {
		return spans, last, err
	}
	spans[0].to = time.Now()
	for i, port := range []int{r.Setup.Backend, r.Setup.HTTP} {
		args := []string{
			"--port", strconv.Itoa(port), "--duration", phase.String(), "--routes", strconv.Itoa(t.routes),
			"--source", strconv.Itoa(floodSource), "--refusals",
		}
		if t.clientConns > 0 {
			conns := floodConns + t.clientConns
			args = append(args, "--crowd", "--conns", strconv.Itoa(conns), "--rate", strconv.Itoa(int(float64(conns)/phase.Seconds())+1))
		} else {
			args = append(args, "--conns", strconv.Itoa(floodSockets), "--rate", strconv.Itoa(floodRate+t.clientRate))
		}
		begun := time.Now()
		text, err := output(onLoadCore(ctx, filepath.Join(b.bin, "load"), args...))
		if err == nil {
			last, err = readReport(text)
		}
		if late := time.Since(begun) - phase; err == nil && late > floodLate {
			err = fmt.Errorf("the flood at port %d lasted %v too long: %v", port, late, last.Errors)
		}
		if err != nil {
			return spans, last, err
		}
		spans[i+1] = span{begun, begun.Add(phase)}
	}
	return spans, last, nil
}

// held checks that the proxy let in what it should and no more.
func held(report loadReport, t traffic) error {
	most := t.clientConns
	if t.clientRate > 0 {
		most = int(1.1 * float64(t.clientRate) * (1 + report.Seconds))
	}
	for why := range report.Errors {
		if !slices.Contains(cut, why) {
			return fmt.Errorf("the flood went wrong: %v", report.Errors)
		}
	}
	if passed := report.Requests - report.Refused - report.Failed; passed < 1 || passed > most {
		return fmt.Errorf("of %d requests of the flood %d were let in, and %d may be", report.Requests, passed, most)
	}
	return nil
}

// cut is what the load tool says of connections that were ended without an answer.
var cut = []string{"closed without an answer", "read: connection reset by peer", "write: connection reset by peer", "write: broken pipe"}

// compare makes the figure.
func compare(asks []ask, spans [3]span, report loadReport) (sample, error) {
	var phases [3][]time.Duration
	for _, a := range asks {
		for i, s := range spans {
			if s.holds(a.due) {
				phases[i] = append(phases[i], a.latency)
			}
		}
	}
	var p99 [3]time.Duration
	for i := range phases {
		if len(phases[i]) < 100 {
			return sample{}, fmt.Errorf("too few of %d requests were seen", len(asks))
		}
		p99[i] = quantile(phases[i], 99)
	}
	s := sample{value: p99[2].Seconds() / p99[0].Seconds(), requests: len(asks), p50: quantile(phases[2], 50), p99: p99[2]}
	s.note = fmt.Sprintf("p99 %.2f ms before, %.2f ms with the flood past the proxy, %.2f ms with it at the proxy; of %d it let in %d, answered %d with 429 or 503 "+
		"(p50 / p99 %.2f / %.2f ms) and closed %d unanswered", p99[0].Seconds()*milli, p99[1].Seconds()*milli, p99[2].Seconds()*milli, report.Requests,
		report.Requests-report.Refused-report.Failed, report.Refused, report.RefusedP50/1e3, report.RefusedP99/1e3, report.Failed)
	return s, nil
}
