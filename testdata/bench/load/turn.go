package main

import (
	"encoding/binary"
	"time"

	"gateway/testdata/bench/poll"
)

// tick takes the requests that have become due, as many as the timer says, and sends those that find a connection.
func (c *client) tick() {
	var count [8]byte
	if _, errno := poll.Read(c.timer, count[:]); errno != 0 {
		return
	}
	each := time.Second / time.Duration(c.rate)
	for range binary.NativeEndian.Uint64(count[:]) {
		due := c.begun.Add(time.Duration(c.sent+1) * each)
		if due.After(c.end) {
			break
		}
		if c.ramp {
			c.openNext(due)
			continue
		}
		c.due = append(c.due, c.next(due))
	}
	c.match()
}

// openNext opens the next connection of a ramp.
func (c *client) openNext(due time.Time) {
	if c.sent == c.conns {
		return
	}
	q := c.next(due)
	nc, err := c.dial()
	if err != nil {
		c.done(q, c.now, '-', err.Error())
		return
	}
	c.ask(nc, q)
}

// match gives waiting requests to idle connections.
func (c *client) match() {
	for len(c.due) > 0 && len(c.idle) > 0 {
		nc, q := c.idle[0], c.due[0]
		c.idle, c.due = c.idle[1:], c.due[1:]
		if nc.fd >= 0 {
			c.ask(nc, q)
		} else {
			c.due = append([]query{q}, c.due...)
		}
	}
}

func (c *client) handle(nc *conn, events uint32) {
	if events&poll.Writable != 0 {
		nc.dialled = true
		if why := nc.flush(); why != "" {
			c.fail(nc, why)
			return
		}
	}
	if events&poll.Readable == 0 {
		return
	}
	complete, why := nc.receive(c.shared, c.wanted())
	switch {
	case why != "":
		c.fail(nc, why)
	case complete:
		c.complete(nc, events&poll.Hangup != 0)
	}
}

func (c *client) wanted() wanted { return wanted{c.length, c.refusals} }

// complete notes a response and continues with the connection. One that is to end, or has ended, is not reused; the
// proxy closes it, so that its side keeps the port.
func (c *client) complete(nc *conn, hungup bool) {
	nc.busy = false
	c.busy--
	if nc.refused {
		c.refuse(nc.query, c.now)
	} else {
		c.done(nc.query, c.now, nc.mark, "")
	}
	if hungup || c.fresh || nc.response.close {
		if _, why := nc.receive(c.shared, c.wanted()); why != "" {
			c.fail(nc, why)
		}
		return
	}
	switch {
	case c.hold:
		c.more()
	case c.ramp: // it stays
	case c.rate > 0:
		c.idle = append(c.idle, nc)
		c.match()
	case c.now.Before(c.end):
		c.ask(nc, c.next(c.now))
	}
}

// more opens the next of the connections that are to be held.
func (c *client) more() {
	if c.sent < c.conns {
		c.reconnect()
	}
}

// fail notes that a connection ended: with a request on it, which failed, or idle, which the proxy may do.
func (c *client) fail(nc *conn, why string) {
	if nc.busy {
		nc.busy = false
		c.busy--
		c.done(nc.query, c.now, '-', why)
	}
	c.drop(nc)
	switch {
	case c.hold:
		c.more()
	case !c.ramp && c.now.Before(c.end):
		c.reconnect()
	}
}

// reconnect replaces a connection that was closed.
func (c *client) reconnect() {
	if err := c.open(); err != nil {
		c.done(c.next(c.now), c.now, '-', err.Error())
		return
	}
	c.match()
}

func (c *client) drop(nc *conn) {
	c.byFD[nc.fd] = nil
	poll.Close(nc.fd)
	nc.fd = -1
}
