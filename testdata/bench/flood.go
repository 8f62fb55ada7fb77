package main

import (
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
	floodSource  = 2 // 127.0.0.2
	floodRate    = 2000
	floodConns   = 2000
	floodSockets = 16  // that carry the requests of one beyond its rate
	clientSource = 257 // 127.0.1.1 and on, one address for each connection
)

const (
	// floodLate is how long a flood may take to come to its end, floodTurn how long it lasts, and floodEbb the rest after
	// it, in which a thousand connections end.
	floodLate = time.Second
	floodTurn = time.Second / 2
	floodEbb  = time.Second / 4
)

// floods are what the client did, in turns of the three kinds.
type floods struct {
	spans
	// report sums up those against the proxy.
	report loadReport
}

// flooded sends the requests of clients with many addresses at a fixed rate, while one more client exceeds its limits in short turns: past the proxy,
// which shows what the flood itself costs on this machine, and at the proxy. In between it does nearly nothing. The figure
// is the clients' p99 in turns at the proxy beside that in calm ones, each as the median of all such turns.
func flooded(ctx context.Context, b *bed, r *peer.Running, t traffic) (sample, error) {
	times := max(1, int(b.seconds*float64(time.Second)/float64(floodTurn)))
	all := time.Second + time.Duration(times*aims)*(floodTurn+floodEbb+floodLate/4)
	var f floods
	asks, err := b.undisturbed(ctx, r, t, all, func() (err error) {
		f, err = b.flood(ctx, r, t, times)
		return err
	})
	if err != nil {
		return sample{}, err
	}
	return f.compare(asks)
}

// flood takes the client through its turns.
func (b *bed) flood(ctx context.Context, r *peer.Running, t traffic, times int) (floods, error) {
	f := floods{report: loadReport{Errors: map[string]int{}}}
	if err := pause(ctx, time.Second); err != nil {
		return f, err
	}
	for range times {
		for aim := range aims {
			begun := time.Now()
			text, err := output(onLoadCore(ctx, filepath.Join(b.bin, "load"), floodArgs(r, t, aim)...))
			if err != nil {
				return f, err
			}
			report, err := readReport(text)
			if late := time.Since(begun) - floodTurn; err == nil && late > floodLate {
				err = fmt.Errorf("a flood lasted %v too long: %v", late, report.Errors)
			}
			if err == nil && aim == against {
				err = held(report, t)
				f.add(report)
			}
			if err != nil {
				return f, err
			}
			f.spans[aim] = append(f.spans[aim], span{begun, begun.Add(floodTurn)})
			if err := pause(ctx, floodEbb); err != nil {
				return f, err
			}
		}
	}
	return f, nil
}

// floodArgs is the load tool's arguments for that client.
func floodArgs(r *peer.Running, t traffic, aim int) []string {
	port := r.Setup.HTTP
	if aim != against {
		port = r.Setup.Backend
	}
	args := []string{
		"--port", strconv.Itoa(port), "--duration", floodTurn.String(), "--routes", strconv.Itoa(t.routes),
		"--source", strconv.Itoa(floodSource), "--refusals",
	}
	switch {
	case aim == calm:
		return append(args, "--conns", "1", "--rate", "2")
	case t.clientConns > 0:
		conns := t.clientConns + int(floodConns*floodTurn.Seconds())
		return append(args, "--ramp", "--conns", strconv.Itoa(conns), "--rate", strconv.Itoa(int(float64(conns)/floodTurn.Seconds())+1))
	}
	return append(args, "--conns", strconv.Itoa(floodSockets), "--rate", strconv.Itoa(floodRate+t.clientRate))
}

// add sums up what came of the turns at the proxy.
func (f *floods) add(r loadReport) {
	f.report.Requests += r.Requests
	f.report.Refused += r.Refused
	f.report.Failed += r.Failed
	f.report.RefusedP50 = max(f.report.RefusedP50, r.RefusedP50)
	f.report.RefusedP99 = max(f.report.RefusedP99, r.RefusedP99)
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

// cut are the errors of the load tool for connections that ended without a response.
var cut = []string{"closed without a response", "read: connection reset by peer", "write: connection reset by peer", "write: broken pipe"}

// compare makes the figure.
func (f *floods) compare(asks []ask) (sample, error) {
	s, err := f.figure(asks)
	if err != nil {
		return sample{}, err
	}
	s.note += fmt.Sprintf("; of %d it admitted %d, responded to %d with 429 or 503 (p50 / p99 at most %.2f / %.2f ms) and closed %d without a response",
		f.report.Requests, f.report.Requests-f.report.Refused-f.report.Failed, f.report.Refused,
		f.report.RefusedP50/1e3, f.report.RefusedP99/1e3, f.report.Failed)
	return s, nil
}
