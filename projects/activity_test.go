package projects_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"gateway/projects"
	"gateway/proxy/docker"
)

// sampled plays an engine whose containers use a share of a core each.
type sampled map[string]float64

func (s sampled) Sample(_ context.Context, id string) (docker.Sample, error) {
	share, runs := s[id]
	switch {
	case id == "broken":
		return docker.Sample{}, errors.New("no answer")
	case !runs:
		return docker.Sample{}, docker.ErrNotFound
	}
	up := time.Since(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC))
	return docker.Sample{At: time.Now(), CPU: time.Duration(share * float64(up)), Memory: 10, Received: 20, Sent: 30}, nil
}

func TestActivities_SumWhatContainersUse(t *testing.T) {
	engine := sampled{"web": 0.25, "db": 1.5}
	running := func(id string) docker.Container { return docker.Container{ID: id, State: "running"} }
	synctest.Test(t, func(t *testing.T) {
		got, err := projects.Activities(t.Context(), engine, map[string][]docker.Container{
			"blog":  {running("web"), running("db"), running("gone"), {ID: "stopped", State: "exited"}},
			"empty": nil,
		})
		if err != nil {
			t.Fatal(err)
		}
		if blog := got["blog"]; int(blog.CPU+0.5) != 175 || blog.Memory != 20 || blog.Received != 40 || blog.Sent != 60 {
			t.Errorf("blog: %+v", blog)
		}
		if got["empty"] != (projects.Activity{}) {
			t.Errorf("empty: %+v", got["empty"])
		}
		if _, err := projects.Activities(t.Context(), engine, map[string][]docker.Container{"blog": {running("broken")}}); err == nil {
			t.Error("an engine that does not answer is no error")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := projects.Activities(ctx, engine, map[string][]docker.Container{"blog": {running("web")}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("interrupted: %v", err)
		}
	})
}
