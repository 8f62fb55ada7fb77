package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"time"
)

// Result is what is printed. Failed counts requests without the right answer; Errors says why.
type Result struct {
	Requests int            `json:"requests"`
	Failed   int            `json:"failed"`
	Errors   map[string]int `json:"errors,omitempty"`
	Seconds  float64        `json:"seconds"`
	P50      float64        `json:"p50_us"`
	P99      float64        `json:"p99_us"`
}

// record keeps what happened.
type record struct {
	result Result
	spans  []time.Duration
	log    *bufio.Writer
}

// done notes the end of a request: why is empty when its answer was right.
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

// finish sorts out the latencies.
func (r *record) finish(took time.Duration) Result {
	r.result.Seconds = took.Seconds()
	if len(r.spans) > 0 {
		slices.Sort(r.spans)
		r.result.P50 = float64(r.spans[len(r.spans)/2].Nanoseconds()) / 1e3
		r.result.P99 = float64(r.spans[len(r.spans)*99/100].Nanoseconds()) / 1e3
	}
	return r.result
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
