package docker_test

import (
	"errors"
	"testing"
	"time"

	"gateway/proxy/docker"
)

func TestSleep_IsToldFromAStop(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		w := watch(t, l)
		c := l.run(t, docker.Spec{Command: []string{"serve"}, StopTimeout: time.Second})
		is := func(what, state, restart string, asleep bool) {
			t.Helper()
			now, err := l.client.Container(t.Context(), c.ID)
			if err != nil || now.State != state || now.Restart != restart || now.Asleep() != asleep {
				t.Errorf("%s: %s, %s, asleep %v, %v", what, now.State, now.Restart, now.Asleep(), err)
			}
		}
		do := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		do(l.client.KeepRunning(t.Context(), c.ID, false))
		is("running", "running", "unless-stopped", false)
		do(l.client.Sleep(t.Context(), c.ID))
		is("put to sleep", "exited", "always", true)
		do(l.client.Sleep(t.Context(), c.ID))
		do(l.client.Start(t.Context(), c.ID))
		do(l.client.Start(t.Context(), c.ID))
		is("woken", "running", "always", false)
		do(l.client.Sleep(t.Context(), c.ID))
		do(l.client.KeepRunning(t.Context(), c.ID, false))
		is("stopped by a person while it slept", "exited", "unless-stopped", false)
		w.until(c.ID, "update")
		for _, err := range []error{l.client.Sleep(t.Context(), unique("nobody")), l.client.Start(t.Context(), unique("nobody"))} {
			if !errors.Is(err, docker.ErrNotFound) {
				t.Errorf("a container that is not there: %v", err)
			}
		}
	})
}
