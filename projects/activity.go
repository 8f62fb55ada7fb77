package projects

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"gateway/proxy/docker"
)

// Activity is what the running containers of a project use, in bytes where nothing else is said.
type Activity struct {
	// CPU is the mean of the sampled time, in percent of one core.
	CPU    float64 `json:"cpu_percent"`
	Memory int64   `json:"memory"`
	// Received and Sent are counted on networks since each container started.
	Received int64 `json:"received"`
	Sent     int64 `json:"sent"`
}

// Sampler tells what a container has used; *docker.Client is one.
type Sampler interface {
	Sample(ctx context.Context, nameOrID string) (docker.Sample, error)
}

// samplesAtOnce bounds the requests to the engine at one time.
const samplesAtOnce = 64

// sampleTime lies between the two samples from which processor time is computed.
const sampleTime = time.Second

// Activities samples the containers of projects twice within about a second. A project without a running container uses
// nothing.
func Activities(ctx context.Context, engine Sampler, containers map[string][]docker.Container) (map[string]Activity, error) {
	begun := time.Now()
	first, err := sampleAll(ctx, engine, containers)
	if err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(sampleTime - time.Since(begun)):
	}
	second, err := sampleAll(ctx, engine, containers)
	if err != nil {
		return nil, err
	}
	all := map[string]Activity{}
	for project, list := range containers {
		var sum Activity
		for _, c := range list {
			before, now := first[c.ID], second[c.ID]
			sum.Memory += now.Memory
			sum.Received += now.Received
			sum.Sent += now.Sent
			// One that started again meanwhile has used less than before.
			if wall := now.At.Sub(before.At); !before.At.IsZero() && wall > 0 && now.CPU >= before.CPU {
				sum.CPU += 100 * float64(now.CPU-before.CPU) / float64(wall)
			}
		}
		all[project] = sum
	}
	return all, nil
}

// sampling takes one sample of each running container.
type sampling struct {
	engine Sampler
	mu     sync.Mutex
	// all are the samples, by id of the container.
	all map[string]docker.Sample
}

// sampleAll samples the running containers, by id.
func sampleAll(ctx context.Context, engine Sampler, containers map[string][]docker.Container) (map[string]docker.Sample, error) {
	s := &sampling{engine: engine, all: map[string]docker.Sample{}}
	return s.all, s.Run(ctx, containers)
}

// Run asks for many samples at once, since an engine may take a second for each.
func (s *sampling) Run(ctx context.Context, containers map[string][]docker.Container) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(samplesAtOnce)
	for _, list := range containers {
		for _, c := range list {
			if c.State == "running" {
				group.Go(func() error { return s.sample(ctx, c.ID) })
			}
		}
	}
	return group.Wait()
}

func (s *sampling) sample(ctx context.Context, id string) error {
	sample, err := s.engine.Sample(ctx, id)
	if errors.Is(err, docker.ErrNotFound) {
		return nil // It went meanwhile.
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[id] = sample
	return err
}
