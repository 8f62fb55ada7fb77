package projects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gateway/projects/compose"
	"gateway/projects/plan"
	"gateway/proxy/route"
)

// unqueue lets the requests go on that wait for a deployment: Names are the keys of the routes.
const unqueue plan.Kind = "unqueue"

// Queue says how requests wait while the app behind their route is replaced.
type Queue struct {
	// Message is for those that wait for too long, and tells this queue from a person's pause.
	Message string
	// Wait is how long each waits, and Until when all go on at the latest, whatever happens to who asked for it.
	Wait  time.Duration
	Until time.Time
}

const (
	// queueWait is how long a request waits for a deployment, and queueMost how long a deployment has requests wait: also
	// when it was killed and nobody repairs it.
	queueWait = time.Minute
	queueMost = 5 * time.Minute
	// queueDrain is how long requests that are under way get to end before their app is stopped.
	queueDrain = 5 * time.Second
	// QueueMessage is for requests that waited too long.
	QueueMessage = "This app is being updated or backed up. Try again in a moment."
)

// replace makes what runs equal to the folder by stopping what is replaced first. Requests for the project's routes wait
// meanwhile. When it fails, they go on to wait until the change was undone.
func (l Life) replace(ctx context.Context, p Project, o compose.UpOptions, changes compose.Rollout) error {
	running, err := Look(ctx, l.Engine, p.Name)
	if err != nil {
		return err
	}
	keys := append(running.keys(), p.keys()...)
	l.note(fmt.Sprintf("requests to project %s wait up to %s each while its containers are replaced: %s", p.Name, queueWait, changes.Alone))
	for _, key := range keys {
		if err := l.Gateway.Queue(ctx, key, Queue{QueueMessage, queueWait, time.Now().Add(queueMost)}); err != nil {
			return fmt.Errorf("queueing the requests for %s: %w", key, err)
		}
	}
	if err := plan.Point(ctx, "requests wait"); err != nil {
		return err
	}
	l.drained(ctx, p.Name, running.Containers, queueDrain)
	if err := l.run(ctx, p.Dir, p.Name, o); err != nil {
		return l.failed(ctx, p.Name, fmt.Errorf("deploying project %s: %w", p.Name, err))
	}
	if running, err = Look(ctx, l.Engine, p.Name); err == nil {
		err = l.answering(ctx, p.Name, running.Containers)
	}
	if err != nil {
		return l.failed(ctx, p.Name, err)
	}
	if err := l.unqueue(ctx, keys); err != nil {
		return err
	}
	if err := plan.Point(ctx, "requests go on"); err != nil {
		return err
	}
	if err := l.Ready(ctx, p.Name, p.keys()); err != nil {
		return l.failed(ctx, p.Name, err)
	}
	return nil
}

// unqueue ends the queues of routes.
func (l Life) unqueue(ctx context.Context, keys []route.Key) error {
	var failed error
	for _, key := range keys {
		if err := l.Gateway.Unqueue(ctx, key); err != nil && !errors.Is(err, ErrNoGateway) {
			failed = errors.Join(failed, fmt.Errorf("ending the queue of %s: %w; end it with: gateway resume %s", key, err, key))
		}
	}
	return failed
}

// released is the action that ends the queues of a project's routes: those that it has, and those that it gets.
func released(keys []route.Key) plan.Action {
	a := plan.Action{Kind: unqueue}
	for _, key := range keys {
		if !slices.Contains(a.Names, key.String()) {
			a.Names = append(a.Names, key.String())
		}
	}
	return a
}

// parseKeys reads the keys of an action.
func parseKeys(names []string) ([]route.Key, error) {
	var keys []route.Key
	for _, name := range names {
		key, err := route.ParseKey(name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}
