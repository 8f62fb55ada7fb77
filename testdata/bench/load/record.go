package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"time"
)

// Result is what is printed. Failed counts requests without a correct response, and Errors says why; Refused counts those
// that got 429 or 503. The latencies are of those that were not refused, and of those that were.
type Result struct {
	Requests int            `json:"requests"`
	Failed   int            `json:"failed"`
	Errors   map[string]int `json:"errors,omitempty"`
	Seconds  float64        `json:"seconds"`
	P50      float64        `json:"p50_us"`
	P99      float64        `json:"p99_us"`

	Refused    int     `json:"refused"`
	RefusedP50 float64 `json:"refused_p50_us"`
	RefusedP99 float64 `json:"refused_p99_us"`
}

// record keeps what happened.
type record struct {
	result Result
	spans  []time.Duration
	turned []time.Duration // of those that were refused
	log    *bufio.Writer
}

// done notes the end of a request: why is empty for a correct response.
func (r *record) done(q query, end time.Time, mark byte, why string) {
	r.result.Requests++
	if why != "" {
		r.result.Failed++
		r.result.Errors[why]++
	}
	took := end.Sub(q.start)
	r.spans = append(r.spans, took)
	if r.log != nil {
		if why != "" {
			mark = '!'
		}
		fmt.Fprintf(r.log, "%d %d %d %d %c\n", q.start.UnixNano(), q.sent.UnixNano(), took.Nanoseconds(), q.route+1, mark)
	}
}

// refuse notes the end of a request that was refused.
func (r *record) refuse(q query, end time.Time) {
	r.result.Requests++
	r.result.Refused++
	r.turned = append(r.turned, end.Sub(q.start))
}

// finish sorts out the latencies.
func (r *record) finish(took time.Duration) Result {
	r.result.Seconds = took.Seconds()
	r.result.P50, r.result.P99 = quantiles(r.spans)
	r.result.RefusedP50, r.result.RefusedP99 = quantiles(r.turned)
	return r.result
}

// quantiles are the median and the 99th percentile in microseconds, 0 of nothing.
func quantiles(spans []time.Duration) (p50, p99 float64) {
	if len(spans) == 0 {
		return 0, 0
	}
	slices.Sort(spans)
	return float64(spans[len(spans)/2].Nanoseconds()) / 1e3, float64(spans[len(spans)*99/100].Nanoseconds()) / 1e3
}

// openLog prepares the log of single requests, if one was asked for, and returns what closes it.
func (r *record) openLog(name string) (func() error, error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("making the log: %w", err)
	}
	r.log = bufio.NewWriterSize(file, 1<<20)
	return func() error {
		if err := r.log.Flush(); err != nil {
			return fmt.Errorf("writing the log: %w", err)
		}
		return file.Close()
	}, nil
}
