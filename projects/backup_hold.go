package projects

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gateway/projects/plan"
	"gateway/proxy/route"
)

// errStirred says that something began to run while its files were copied.
var errStirred = errors.New("files may have changed; run the command again")

// stirTries is how often an archive is begun again because of that.
const stirTries = 3

// hold queues the requests for the routes of a project while it is asleep or stopped, so that none wakes it or is refused.
// The zero value queues none.
type hold struct {
	keys []route.Key
	// until is when the gateway releases them by itself, in case this process is gone.
	until time.Time
}

// hold queues requests. Without a gateway there are none.
func (l Life) hold(ctx context.Context, keys []route.Key) (hold, error) {
	h := hold{keys, time.Now().Add(queueMost)}
	for _, key := range keys {
		err := l.Gateway.Queue(ctx, key, Queue{QueueMessage, queueWait, h.until})
		if errors.Is(err, ErrNoGateway) {
			return hold{}, nil
		}
		if err != nil {
			return h, fmt.Errorf("queueing the requests for %s: %w", key, err)
		}
	}
	return h, nil
}

// renew extends the hold when half of its time is over. If that fails, the hold ends on time, and the copy checks whether
// the project was woken.
func (h *hold) renew(ctx context.Context, l Life) {
	if len(h.keys) == 0 || time.Until(h.until) > queueMost/2 {
		return
	}
	if next, err := l.hold(ctx, h.keys); err == nil {
		*h = next
	}
}

// release sends the queued requests on.
func (h *hold) release(ctx context.Context, l Life) {
	if err := l.unqueue(ctx, h.keys); err != nil {
		l.note(err.Error())
	}
	*h = hold{}
}

// settle finds out what runs, just before it is copied. A project that is asleep is held; one that woke or fell asleep
// since it was looked at is archived as what it is now.
func (b *archiving) settle(ctx context.Context) error {
	for {
		now, err := Look(ctx, b.life.Engine, b.Name)
		if err != nil {
			return err
		}
		if !b.Stop && !now.sameUp(b.running) {
			b.running = now
			if err := b.findVolumes(ctx); err != nil {
				return err
			}
		}
		switch {
		case b.Stop && now.up() > 0:
			return fmt.Errorf("project %s was started meanwhile, and %w", b.Name, errStirred)
		case now.Asleep && len(b.held.keys) == 0 && len(now.keys()) > 0:
			if b.held, err = b.life.hold(ctx, now.keys()); err != nil {
				return err
			}
			if len(b.held.keys) > 0 {
				continue // It may have been woken just before.
			}
		case !now.Asleep && !b.stops():
			b.held.release(ctx, b.life)
		}
		return b.noteRuns(ctx, now)
	}
}

// sameUp reports whether the same containers run.
func (r Running) sameUp(other Running) bool {
	if r.up() != other.up() {
		return false
	}
	ran := map[string]bool{}
	for _, c := range other.Containers {
		ran[c.ID] = runs(c)
	}
	for _, c := range r.Containers {
		if runs(c) && !ran[c.ID] {
			return false
		}
	}
	return true
}

// noteRuns notes which containers run, and when the last runs of the others ended.
func (b *archiving) noteRuns(ctx context.Context, now Running) error {
	b.ran, b.ended = map[string]bool{}, map[string]time.Time{}
	for _, c := range now.Containers {
		if runs(c) {
			b.ran[c.ID] = true
			continue
		}
		inspected, err := b.life.Engine.Container(ctx, c.ID)
		if err != nil {
			return err
		}
		b.ended[c.ID] = inspected.Run.Ended
	}
	return nil
}

// stirred refuses what was copied while something began to run that had not, and perhaps ended again: files of a database
// may be torn then. What the copy failed for may also be that something ended.
func (b *archiving) stirred(ctx context.Context, failed error) error {
	if err := plan.Point(ctx, "copied"); err != nil {
		return err
	}
	now, err := Look(ctx, b.life.Engine, b.Name)
	if err != nil {
		return errors.Join(failed, err)
	}
	left := len(b.ran)
	for _, c := range now.Containers {
		if b.ran[c.ID] {
			if runs(c) {
				left--
			}
			continue
		}
		ended := time.Time{}
		if !runs(c) {
			inspected, err := b.life.Engine.Container(ctx, c.ID)
			if err != nil {
				return errors.Join(failed, err)
			}
			ended = inspected.Run.Ended
		}
		if runs(c) || !ended.Equal(b.ended[c.ID]) {
			return fmt.Errorf("container %s was started meanwhile, and %w", c.Name, errStirred)
		}
	}
	if failed != nil && left > 0 && now.Asleep {
		return fmt.Errorf("%w; project %s fell asleep meanwhile, and %w", failed, b.Name, errStirred)
	}
	return failed
}
