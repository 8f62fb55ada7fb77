package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"gateway/testdata/bench/poll"
)

// timeout is how long a response may take after the last request was sent.
const timeout = 5 * time.Second

// client is a run of the load tool.
type client struct {
	plan
	set      *poll.Set
	byFD     []*conn
	idle     []*conn // connections without a request, when requests are due at times
	due      []query // requests that wait for a connection
	requests [][]byte
	sent     int
	dialled  int
	busy     int
	shared   []byte
	now      time.Time
	end      time.Time
	timer    int
	begun    time.Time
	record
}

// Run sends the requests of a plan and returns what came of them.
func Run(p plan) (Result, error) {
	set, err := poll.Open()
	if err != nil {
		return Result{}, err
	}
	c := &client{plan: p, set: set, requests: p.requests(), shared: make([]byte, 256<<10), timer: -1}
	c.result.Errors = map[string]int{}
	flush, err := c.openLog(p.log)
	if err != nil {
		return Result{}, err
	}
	c.now = time.Now()
	c.begun, c.end = c.now, c.now.Add(p.duration)
	if err := c.begin(); err != nil {
		return Result{}, err
	}
	for c.busy > 0 || len(c.due) > 0 || c.now.Before(c.end) && !c.hold {
		if err := c.turn(); err != nil {
			return Result{}, err
		}
		if c.now.After(c.end.Add(timeout)) {
			c.giveUp()
			break
		}
	}
	if p.hold {
		if err := c.rest(); err != nil {
			return Result{}, err
		}
	}
	return c.finish(c.now.Sub(c.begun)), flush()
}

// rest says that all connections are open, and keeps them so until standard input ends. Those that were closed meanwhile
// count as failures.
func (c *client) rest() error {
	fmt.Println("held")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return fmt.Errorf("holding: %w", err)
	}
	for {
		events, err := c.set.Wait(0)
		if err != nil || len(events) == 0 {
			return err
		}
		for i := range events {
			if events[i].Events&poll.Hangup != 0 {
				c.result.Failed++
				c.result.Errors["closed while idle"]++
			}
		}
	}
}

// begin opens the connections, and the clock when requests are due at times.
func (c *client) begin() error {
	if c.rate > 0 {
		fd, err := poll.Timer(time.Second / time.Duration(c.rate))
		if err != nil {
			return err
		}
		c.timer = fd
		if err := c.set.Add(fd); err != nil {
			return err
		}
	}
	if c.ramp {
		return nil
	}
	at := min(c.conns, 64) // so many at first: a backlog is finite
	if !c.hold {
		at = c.conns
	}
	for range at {
		if err := c.open(); err != nil {
			return err
		}
	}
	return nil
}

// open opens a connection; it gets its first request at once when nothing else says when.
func (c *client) open() error {
	nc, err := c.dial()
	if err != nil {
		return err
	}
	if c.rate > 0 {
		c.idle = append(c.idle, nc)
		return nil
	}
	c.ask(nc, c.next(c.now))
	return nil
}

// dial begins a connection, from the next of the addresses.
func (c *client) dial() (*conn, error) {
	from := c.source
	if from > 0 {
		from += c.dialled % c.sources
	}
	c.dialled++
	fd, err := poll.Dial(from, c.port)
	if err != nil {
		return nil, err
	}
	for fd >= len(c.byFD) {
		c.byFD = append(c.byFD, make([]*conn, 1024)...)
	}
	nc := &conn{fd: fd}
	c.byFD[fd] = nc
	return nc, c.set.Add(fd)
}

// next is the next request in turn.
func (c *client) next(start time.Time) query {
	route := c.sent % len(c.requests)
	if c.hot > 0 && c.sent%4 == 0 {
		route = c.hot - 1
	}
	c.sent++
	return query{start: start, route: route}
}

func (c *client) ask(nc *conn, q query) {
	c.busy++
	q.sent = c.now
	if why := nc.send(q, c.requests[q.route]); why != "" {
		c.fail(nc, why)
	}
}

// turn waits for something to happen and reacts to all of it.
func (c *client) turn() error {
	events, err := c.set.Wait(100)
	if err != nil {
		return err
	}
	c.now = time.Now()
	for i := range events {
		if fd := int(events[i].Fd); fd == c.timer {
			c.tick()
		} else if nc := c.byFD[fd]; nc != nil {
			c.handle(nc, events[i].Events)
		}
	}
	return nil
}

// giveUp counts the requests without a response.
func (c *client) giveUp() {
	for _, nc := range c.byFD {
		if nc != nil && nc.busy {
			c.done(nc.query, c.now, '-', "no response in time")
		}
	}
	for _, q := range c.due {
		c.done(q, c.now, '-', "never sent")
	}
}
