package proxy

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/traffic"
)

// givenBack is how often memory was returned to the system: each time is a forced collection.
func givenBack() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumForcedGC
}

func TestTidy_ReturnsMemoryAfterABusyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(Server)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.tidy(ctx)
		}()
		figures := s.traffic.Unrouted()
		request := func(times int) {
			for range times {
				figures.Begin()
				figures.End(&traffic.Request{Status: 200, Began: time.Now()})
			}
		}
		expect := func(when string, want uint32, during time.Duration) {
			t.Helper()
			before := givenBack()
			time.Sleep(during)
			synctest.Wait()
			if got := givenBack() - before; got != want {
				t.Errorf("%s memory was given back %d times, want %d", when, got, want)
			}
		}
		time.Sleep(time.Second)
		expect("before the first request", 0, time.Minute)
		request(busyFrom - 1)
		expect("after a few", 0, time.Minute)
		request(1)
		expect("just after the last", 0, quietAfter)
		expect("when nothing more came", 1, quietAfter)
		expect("in the quiet after it", 0, time.Minute)
		for range 5 {
			request(busyFrom)
			expect("in a busy time", 0, quietAfter)
		}
		expect("after that", 1, time.Minute)
		cancel()
		<-ended
	})
}
