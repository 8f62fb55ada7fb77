// Package accesslog writes a line for every request, as JSON or in the combined format. It knows files, their rotation
// and what may go wrong with them; of requests it knows the fields of a line. The one policy worth stating: no request ever
// waits for the log. Lines are written behind, each whole or not at all, and when the disk cannot keep up they are
// dropped and counted.
package accesslog

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// interval is how long a line waits at most before it is written, and how long a write that failed rests.
	interval = time.Second
	// complaints is how often dropped lines are warned of.
	complaints = time.Minute
	// grace is how long the last lines may take at the end.
	grace = 5 * time.Second
)

// Config says where a log goes and how it looks.
type Config struct {
	// Path is the file, which is made when it is missing, readable for its owner and group. It is appended to.
	Path string
	// Writer takes the lines in place of a file, when it is not nil. It is never closed, and gets whole blocks of lines.
	Writer io.Writer
	// Format is JSON by default.
	Format Format
	// Query has queries logged, those of referers included. They often hold secrets.
	Query bool
	// Logger may be nil: nothing is warned of then.
	Logger *slog.Logger
}

// Log is one access log. Its methods are safe for concurrent use; Run is called once.
type Log struct {
	log     *slog.Logger
	blocks  blocks
	output  *output
	stream  bool
	wake    chan struct{}
	dropped atomic.Uint64

	// queue are the blocks being written, the lines of the first of them the output's once begun is set. They are the
	// writer's own.
	queue [][]byte
	begun bool
	// failing is set while writing does not work.
	failing bool
}

// Open opens a log. Nothing is written before Run. An error names the file, and says what to do.
func Open(c Config) (*Log, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	open := func() (file, bool, error) { return openPath(c.Path) }
	if c.Writer != nil {
		open = func() (file, bool, error) { return stream{c.Writer}, false, nil }
	}
	out, err := newOutput(open)
	if err != nil {
		return nil, err
	}
	return &Log{
		log: c.Logger, output: out, stream: c.Writer != nil, wake: make(chan struct{}, 1),
		blocks: blocks{pen: pen{format: c.Format, query: c.Query}},
	}, nil
}

// Append adds the line of a request that ended. It does not wait for the disk and allocates nothing; a line that finds
// no room, or comes after Run has ended, is dropped and counted.
func (l *Log) Append(e *Entry) {
	added, filled := l.blocks.add(e)
	if !added {
		l.dropped.Add(1)
	}
	if filled {
		l.poke()
	}
}

// Dropped is the number of lines that were lost, since the disk was too slow or too full.
func (l *Log) Dropped() uint64 { return l.dropped.Load() }

// Reopen opens the path again, for when the file was moved. Every line is whole in the old file or in the new one. After
// an error the old one stays in use. A log that goes to a Writer stays there.
func (l *Log) Reopen() error {
	if l.stream {
		return nil
	}
	return l.output.reopen()
}

// poke has the writer look for full blocks.
func (l *Log) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Run writes out what is appended, when a block is full and every second, until the context ends; then it writes the
// rest and closes the file. A write that fails is warned of once and tried again every second. It should end after the
// last request has. It returns nil; when the disk does not take the rest for five seconds, it leaves the write behind.
func (l *Log) Run(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.write(ctx)
	}()
	var reported uint64
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for last := time.Now().Add(-complaints); ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case now := <-tick.C:
			if now.Sub(last) >= complaints && l.complain(&reported) {
				last = now
			}
		}
	}
	select {
	case <-ended:
	case <-time.After(grace):
		l.log.Warn("the access log does not take its last lines")
	}
	l.complain(&reported)
	return nil
}

// complain warns of the lines that were dropped since the last warning, if there are any.
func (l *Log) complain(reported *uint64) bool {
	all := l.dropped.Load()
	lines := all - *reported
	if lines == 0 {
		return false
	}
	*reported = all
	l.log.Warn("lines of the access log were dropped: its disk is too slow or full", "lines", lines, "in_all", all)
	return true
}

// write is the one that writes.
func (l *Log) write(ctx context.Context) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.finish()
			return
		case <-l.wake:
			if !l.failing {
				l.flush(false)
			}
		case <-tick.C:
			// As long as nothing is taken, no block is put behind the others before it is full.
			l.flush(!l.failing)
		}
	}
}

// flush writes all blocks that are full, and with all the one that is not yet.
func (l *Log) flush(all bool) {
	l.queue = l.blocks.take(l.queue, all)
	for i, block := range l.queue {
		if err := l.next(block); err != nil {
			l.queue = l.queue[:copy(l.queue, l.queue[i:])]
			l.fail(err)
			return
		}
		l.blocks.giveBack(block)
	}
	clear(l.queue)
	l.queue = l.queue[:0]
	if l.failing {
		l.failing = false
		l.log.Info("the access log is written again")
	}
}

// next writes a block, or the rest of the one that failed before.
func (l *Log) next(block []byte) error {
	var err error
	if l.begun {
		err = l.output.resume()
	} else {
		err = l.output.write(block)
	}
	l.begun = err != nil
	return err
}

// fail warns of what does not work, once.
func (l *Log) fail(err error) {
	if !l.failing {
		l.log.Warn("the access log cannot be written; it is tried again every second", "error", err)
	}
	l.failing = true
}

// finish writes the rest, for as long as that works.
func (l *Log) finish() {
	l.blocks.end()
	l.flush(true)
	lost := 0
	for i, block := range l.queue {
		if i == 0 {
			block = l.output.rest()
		}
		lost += bytes.Count(block, []byte{'\n'})
	}
	l.dropped.Add(uint64(lost))
	if err := l.output.close(); err != nil {
		l.log.Warn("the access log could not be closed", "error", err)
	}
}
