package docker

import (
	"context"
	"math/rand/v2"
	"time"
)

// The times of reconnecting.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// backoff waits longer each time.
type backoff struct{ least, most, next time.Duration }

func (b *backoff) reset() { b.next = 0 }

// step returns the next delay: twice the one before, up to the most, less up to a half at random.
func (b *backoff) step() time.Duration {
	b.next = min(max(2*b.next, b.least), b.most)
	return b.next - rand.N(b.next/2)
}

// wait blocks for the next delay and reports whether ctx outlived it.
func (b *backoff) wait(ctx context.Context) bool {
	timer := time.NewTimer(b.step())
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
