package docker_test

import (
	"errors"
	"slices"
	"testing"

	"gateway/proxy/docker"
)

func TestUsage_CountsWhatTheEngineKeeps(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c := l.run(t, docker.Spec{Command: []string{"serve"}, Labels: map[string]string{"usage": "yes"}})
		u, err := l.client.Usage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(u.Containers, func(s docker.Stored) bool { return s.ID == c.ID })
		if i < 0 || u.Containers[i].Labels["usage"] != "yes" || u.Containers[i].Image != c.ImageID || u.Containers[i].Bytes < 0 {
			t.Errorf("container %s is not among %+v", c.ID, u.Containers)
		}
		if i := slices.IndexFunc(u.Images, func(s docker.Stored) bool { return s.ID == c.ImageID }); i < 0 || u.Images[i].Bytes <= 0 {
			t.Errorf("image %s is not among %+v", c.ImageID, u.Images)
		}
		if root, err := l.client.DataRoot(t.Context()); err != nil || root == "" {
			t.Errorf("the engine's folder is %q (%v)", root, err)
		}
		if _, err := l.client.LogFile(t.Context(), c.ID); err != nil {
			t.Error(err)
		}
	})
}

func TestSample_CountsWhatAContainerUses(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c := l.run(t, docker.Spec{Command: []string{"serve"}})
		first, err := l.client.Sample(t.Context(), c.ID)
		if err != nil || first.At.IsZero() || first.CPU <= 0 || first.Memory <= 0 {
			t.Errorf("a running container: %+v (%v)", first, err)
		}
		if second, err := l.client.Sample(t.Context(), c.ID); err != nil || !second.At.After(first.At) || second.CPU < first.CPU {
			t.Errorf("a running container again: %+v (%v) after %+v", second, err, first)
		}
		l.raw(t, "POST", "/containers/"+c.ID+"/kill?signal=KILL")
		until(t, "the end", func() bool { return l.listed(t, c.ID).State == "exited" })
		if s, err := l.client.Sample(t.Context(), c.ID); err != nil || s != (docker.Sample{}) {
			t.Errorf("one that ended: %+v (%v)", s, err)
		}
		if _, err := l.client.Sample(t.Context(), "nothing"); !errors.Is(err, docker.ErrNotFound) {
			t.Errorf("none: %v", err)
		}
	})
}
