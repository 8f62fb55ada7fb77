package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Sample is what a running container has used, in bytes where nothing else is said.
type Sample struct {
	// At is when the engine took the sample.
	At time.Time
	// CPU is the processor time since the container started.
	CPU time.Duration
	// Memory is in use, without cached files that the kernel can drop.
	Memory int64
	// Received and Sent are counted on the container's networks since it started; 0 on the host's network.
	Received, Sent int64
}

// Sample asks what a container has used so far. It is the zero Sample for one that does not run. The error wraps ErrNotFound
// when there is no such container.
func (c *Client) Sample(ctx context.Context, nameOrID string) (Sample, error) {
	what := "sampling container " + nameOrID
	if err := given("container", nameOrID); err != nil {
		return Sample{}, fmt.Errorf("%s: %w", what, err)
	}
	var found container.StatsResponse
	err := c.link.do(ctx, what, func(s *session) error {
		stats, err := s.sdk.ContainerStats(ctx, nameOrID, client.ContainerStatsOptions{})
		if err != nil {
			return err
		}
		defer stats.Body.Close()
		return json.NewDecoder(stats.Body).Decode(&found)
	})
	if err != nil || found.Read.IsZero() {
		return Sample{}, err
	}
	sample := Sample{At: found.Read, CPU: time.Duration(found.CPUStats.CPUUsage.TotalUsage), Memory: memoryOf(found.MemoryStats)}
	for _, n := range found.Networks {
		sample.Received += int64(n.RxBytes)
		sample.Sent += int64(n.TxBytes)
	}
	return sample, nil
}

// memoryOf is the memory in use as docker stats counts it: cgroup v1 tells the cache that can be dropped under another name
// than v2.
func memoryOf(m container.MemoryStats) int64 {
	cache, v1 := m.Stats["total_inactive_file"]
	if !v1 {
		cache = m.Stats["inactive_file"]
	}
	if cache > m.Usage {
		cache = 0
	}
	return int64(m.Usage - cache)
}
