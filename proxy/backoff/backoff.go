// Package backoff has the delays between attempts that fail. The one policy worth stating: every delay is random within its
// upper half, so that clients that failed together do not try again together.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Delay doubles from Least to Most. It is not safe for concurrent use.
type Delay struct {
	Least, Most time.Duration
	last        time.Duration
}

// Reset makes the next delay the first one again.
func (d *Delay) Reset() { d.last = 0 }

// Next returns the next delay: twice the one before, up to Most, less up to a half at random.
func (d *Delay) Next() time.Duration {
	d.last = min(max(2*d.last, d.Least), d.Most)
	return d.last - rand.N(d.last/2)
}

// Wait waits for the next delay, and reports whether ctx lasted that long.
func (d *Delay) Wait(ctx context.Context) bool {
	timer := time.NewTimer(d.Next())
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
