package proxy

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	// quietAfter is how long nothing must have been asked for memory to be given back, busyFrom how many requests there
	// must have been since it last was.
	quietAfter = 5 * time.Second
	busyFrom   = 1000
)

// tidy gives memory back to the system whenever a busy time is over, until the context ends. What many requests at once
// needed would otherwise stay resident until the next busy time.
func (s *Server) tidy(ctx context.Context) {
	tick := time.NewTicker(quietAfter)
	defer tick.Stop()
	var seen, tidied uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		requests := s.traffic.Requests()
		if requests == seen && requests-tidied >= busyFrom {
			debug.FreeOSMemory()
			tidied = requests
		}
		seen = requests
	}
}
