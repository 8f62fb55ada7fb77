package health

import (
	"context"
	"sync"
)

// Run checks until the context ends, and returns when nothing of it goes on any more. It must not run twice at a time;
// after its end it may run again, and goes on with the verdicts that it had.
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
					l.keepAsking(each, c)
				})
			}
		}
	}
}

// forget starts all loops with this run.
func (c *Checker) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = nil
	for _, l := range c.loops {
		l.started = false
	}
}

// changes ends the loops that are gone, and returns those to be started.
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

// settle takes the result of one check, and tells what it changes.
func (c *Checker) settle(o outcome) {
	before, after, current := c.note(o)
	if !current || before == after.health {
		return
	}
	t := &o.loop.target
	passing := after.health == Passing
	switch {
	case !passing:
		c.config.Log.Warn("a target fails its health check", "target", t.Name, "address", t.Address, "reason", after.reason)
	case before == Failing:
		c.config.Log.Info("a target passes its health check again", "target", t.Name, "address", t.Address)
	}
	if c.config.Report != nil {
		c.config.Report(t.Key, passing, after.reason)
	}
}

// note updates the verdict of a loop, unless it was taken out meanwhile.
func (c *Checker) note(o outcome) (before Health, after verdict, current bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loops[o.loop.target.Key] != o.loop {
		return Unknown, verdict{}, false
	}
	before = o.loop.verdict.health
	o.loop.verdict.add(o.reason, &o.loop.check)
	return before, o.loop.verdict, true
}
