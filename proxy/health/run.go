package health

import (
	"context"
	"sync"
)

// Run checks until the context ends, and returns when all loops have ended. It must not run twice at a time. It may run
// again later, and keeps the verdicts.
func (c *Checker) Run(ctx context.Context) {
	var loops sync.WaitGroup
	defer loops.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.forget()
	c.poke()
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-c.outcomes:
			c.settle(o)
		case <-c.pokes:
			for _, l := range c.changes() {
				each, end := context.WithCancel(ctx)
				l.end = end
				loops.Go(func() {
					defer end()
					l.run(each, c)
				})
			}
		}
	}
}

// forget makes this run start all loops.
func (c *Checker) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = nil
	for _, l := range c.loops {
		l.started = false
	}
}

// changes ends the loops that Set removed, and returns those to start.
func (c *Checker) changes() []*loop {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.gone {
		l.end()
	}
	c.gone = nil
	var fresh []*loop
	for _, l := range c.loops {
		if !l.started {
			l.started = true
			fresh = append(fresh, l)
		}
	}
	return fresh
}

// settle adds the result of one check, and logs and reports a change of the verdict.
func (c *Checker) settle(o outcome) {
	first, now, changed := c.note(o)
	if !changed {
		return
	}
	t := &o.loop.target
	switch {
	case !now.passing:
		c.config.Log.Warn("a target fails its health check", "target", t.Name, "address", t.Address, "reason", now.reason)
	case !first:
		c.config.Log.Info("a target passes its health check again", "target", t.Name, "address", t.Address)
	}
	if c.config.Report != nil {
		c.config.Report(t.Key, now.passing, now.reason)
	}
}

// note updates the verdict of a loop, unless Set has removed it. It reports whether the verdict changed and is the first.
func (c *Checker) note(o outcome) (first bool, now verdict, changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loops[o.loop.target.Key] != o.loop {
		return false, verdict{}, false
	}
	v := &o.loop.verdict
	first = !v.known
	changed = v.add(o.reason, &o.loop.check)
	return first, *v, changed
}
