package docker_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker"
)

func TestEngine_TellsWhatItIs(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		e, err := l.client.Engine(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e.Version == "" || e.APIVersion < "1.41" || e.OS != "linux" || e.Arch == "" || e.Name == "" {
			t.Errorf("the engine is %+v", e)
		}
	})
}

func TestContainers_ListsAndInspectsAlike(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		network, networkID := l.network(t, docker.NetworkSpec{})
		mark := unique("mark")
		c := l.run(t, docker.Spec{
			Command: []string{"serve", "8080"}, Network: network, Labels: map[string]string{"gateway.path": "/x", "mark": mark},
			Publish: []docker.Publish{{ContainerPort: 9000, IP: netip.MustParseAddr("127.0.0.1"), HostPort: 18471}, {ContainerPort: 8080, HostPort: 18472}, {ContainerPort: 8080, HostPort: 18472, UDP: true}},
		})
		list, err := l.client.Containers(t.Context(), "gateway.path", "mark="+mark)
		if err != nil || len(list) != 1 {
			t.Fatalf("listed %v, %v", list, err)
		}
		for how, got := range map[string]docker.Container{"listed": list[0], "inspected": c} {
			if got.ID != c.ID || got.Name != c.Name || got.Image != l.image || got.ImageID != c.ImageID || !got.Created.Equal(c.Created) {
				t.Errorf("%s as %+v", how, got)
			}
			if got.State != "running" || got.Health != "" || !strings.HasPrefix(got.Status, "Up ") || got.Labels["gateway.path"] != "/x" || got.Labels["suite"] != "contract" {
				t.Errorf("%s as %s %q, %q, %v", how, got.State, got.Health, got.Status, got.Labels)
			}
			if len(got.Networks) != 1 || got.Networks[0].Network != network || got.Networks[0].NetworkID != networkID || !got.Networks[0].Address.Is4() {
				t.Errorf("%s on %v", how, got.Networks)
			}
			if !slices.Equal(got.Ports, []uint16{8080, 9000}) {
				t.Errorf("%s with the ports %v", how, got.Ports)
			}
			want := []docker.Publish{{ContainerPort: 8080, HostPort: 18472}, {ContainerPort: 8080, HostPort: 18472, UDP: true}, {ContainerPort: 9000, IP: netip.MustParseAddr("127.0.0.1"), HostPort: 18471}}
			if !slices.Equal(got.Published, want) {
				t.Errorf("%s as published on %v", how, got.Published)
			}
		}
		for _, other := range [][]string{{"mark=" + mark + "x"}, {"nomark"}, {"gateway.path", "mark=other"}} {
			if list, err := l.client.Containers(t.Context(), other...); err != nil || len(list) != 0 {
				t.Errorf("the labels %q list %v, %v", other, list, err)
			}
		}
	})
}

func TestContainers_TellsStoppedOnes(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c := l.run(t, docker.Spec{Command: []string{"serve"}})
		l.raw(t, "POST", "/containers/"+c.ID+"/stop?t=5")
		got := l.listed(t, c.ID)
		if got.State != "exited" || !strings.HasPrefix(got.Status, "Exited (0) ") || len(got.Ports) != 0 || len(got.Published) != 0 {
			t.Errorf("listed as %+v", got)
		}
		if len(got.Networks) != 1 || got.Networks[0].Address.IsValid() {
			t.Errorf("listed on %v", got.Networks)
		}
		inspected, err := l.client.Container(t.Context(), c.Name)
		if err != nil || inspected.State != "exited" || !slices.Equal(inspected.Ports, []uint16{8080}) || !strings.HasPrefix(inspected.Status, "Exited (0) ") {
			t.Errorf("inspected as %+v, %v", inspected, err)
		}
	})
}

func TestContainers_TellsRestartingOnes(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c := l.run(t, docker.Spec{Command: []string{"exit", "1"}})
		until(t, "restarting", func() bool {
			got := l.listed(t, c.ID)
			return got.State == "restarting" && strings.HasPrefix(got.Status, "Restarting (1) ") && len(got.Ports) == 0
		})
		until(t, "counted", func() bool {
			got, err := l.client.Container(t.Context(), c.ID)
			return err == nil && got.State == "restarting" && got.ExitCode == 1 && got.Restarts >= 1 && !got.OOMKilled
		})
		l.raw(t, "POST", "/containers/"+c.ID+"/stop?t=5")
		if got := l.listed(t, c.ID); got.Restarts != 0 || got.ExitCode != 0 {
			t.Errorf("a listing tells more than it has: %+v", got)
		}
	})
}

func TestContainers_TellsHealth(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		check := func(code string) *docker.Health {
			return &docker.Health{Command: []string{"/probe", "exit", code}, Interval: time.Second, Timeout: 5 * time.Second, Retries: 1}
		}
		good := l.run(t, docker.Spec{Command: []string{"serve"}, Health: check("0")})
		bad := l.run(t, docker.Spec{Command: []string{"serve"}, Health: check("1")})
		if got := l.listed(t, good.ID); good.Health != "starting" || got.Health != "starting" {
			t.Errorf("inspected as %q and listed as %q (%s) at first", good.Health, got.Health, got.Status)
		}
		until(t, "healthy", func() bool { return l.listed(t, good.ID).Health == "healthy" })
		until(t, "unhealthy", func() bool { return l.listed(t, bad.ID).Health == "unhealthy" })
		if c, err := l.client.Container(t.Context(), bad.ID); err != nil || c.Health != "unhealthy" {
			t.Errorf("inspected as %q, %v", c.Health, err)
		}
		l.raw(t, "POST", "/containers/"+good.ID+"/stop?t=5")
		if got := l.listed(t, good.ID); got.Health != "" {
			t.Errorf("a stopped container is %q", got.Health)
		}
	})
}

func TestContainer_SaysNotFound(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		for _, name := range []string{unique("none"), "", "a/../../version", "..", "x?y"} {
			if _, err := l.client.Container(t.Context(), name); !errors.Is(err, docker.ErrNotFound) || errors.Is(err, docker.ErrUnreachable) {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}

func TestLogs_ReturnsBothStreams(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c := l.run(t, docker.Spec{Command: []string{"deaf"}})
		until(t, "the first line", func() bool {
			text, err := l.client.Logs(t.Context(), c.Name, 0)
			return err == nil && text == "deaf\n"
		})
		l.raw(t, "POST", "/containers/"+c.ID+"/kill?signal=15")
		until(t, "the last line", func() bool {
			text, err := l.client.Logs(t.Context(), c.ID, 1)
			return err == nil && text == "what?\n"
		})
		lines := l.run(t, docker.Spec{Command: []string{"lines", "4"}})
		until(t, "both streams", func() bool {
			text, err := l.client.Logs(t.Context(), lines.ID, 0)
			return err == nil && strings.Contains(text, "line 1\n") && strings.Contains(text, "line 4\n")
		})
		if _, err := l.client.Logs(t.Context(), unique("none"), 10); !errors.Is(err, docker.ErrNotFound) {
			t.Errorf("logs of nothing: %v", err)
		}
	})
}

func TestImages_AreImportedTaggedAndRemoved(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		a, b := unique("image")+":1", unique("image")+":latest"
		t.Cleanup(func() {
			_ = l.client.Images().Remove(context.Background(), a)
			_ = l.client.Images().Remove(context.Background(), b)
		})
		if _, err := l.client.Images().ID(t.Context(), a); !errors.Is(err, docker.ErrNotFound) {
			t.Fatalf("an image that is not there: %v", err)
		}
		if err := l.client.Images().Tag(t.Context(), l.image, a); err != nil {
			t.Fatal(err)
		}
		if err := l.client.Images().Tag(t.Context(), a, strings.TrimSuffix(b, ":latest")); err != nil {
			t.Fatal(err)
		}
		want, err := l.client.Images().ID(t.Context(), l.image)
		if got, err2 := l.client.Images().ID(t.Context(), b); err != nil || err2 != nil || got != want || !strings.HasPrefix(got, "sha256:") {
			t.Fatalf("the tag names %q (%v), not %q (%v)", got, err2, want, err)
		}
		for range 2 {
			if err := l.client.Images().Remove(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.client.Images().Tag(t.Context(), a, b); !errors.Is(err, docker.ErrNotFound) {
			t.Errorf("tagging nothing: %v", err)
		}
		if err := l.client.Images().Remove(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRemoveImages_RemovesThoseOfALabelAlone(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		mark := unique("mark")
		ours, theirs, used, other := unique("image")+":1", unique("image")+":2", unique("image")+":3", unique("image")+":4"
		for tag, changes := range map[string][]string{
			ours: {"LABEL mark=" + mark}, used: {"LABEL mark=" + mark, "ENV A=b"}, other: {"LABEL mark=other"},
		} {
			if _, err := l.client.Images().Import(t.Context(), tag, strings.NewReader(string(make([]byte, 1024))), changes); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() {
			for _, tag := range []string{ours, theirs, used, other} {
				_ = l.client.Images().Remove(context.Background(), tag)
			}
		})
		if err := l.client.Images().Tag(t.Context(), ours, theirs); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := l.client.RemoveImages(t.Context(), "mark="+mark, func(name string, labels map[string]string) bool { return name != theirs && labels["mark"] == mark }); err != nil {
				t.Fatal(err)
			}
		}
		for tag, gone := range map[string]bool{ours: true, used: true, theirs: false, other: false} {
			if _, err := l.client.Images().ID(t.Context(), tag); errors.Is(err, docker.ErrNotFound) != gone {
				t.Errorf("%s: %v", tag, err)
			}
		}
	})
}

func TestRemoveImage_SaysInUse(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		l.run(t, docker.Spec{Command: []string{"serve"}})
		if err := l.client.Images().Remove(t.Context(), l.image); !errors.Is(err, docker.ErrInUse) {
			t.Errorf("removing the image of a container: %v", err)
		}
	})
}

func TestVolumes_AreCreatedByRunAndRemoved(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		volume := unique("volume")
		c := l.run(t, docker.Spec{Command: []string{"serve"}, Mounts: []docker.Mount{{Volume: volume, Target: "/data"}}})
		if err := l.client.RemoveVolume(t.Context(), volume); !errors.Is(err, docker.ErrInUse) {
			t.Errorf("removing the volume of a container: %v", err)
		}
		if err := l.client.Remove(t.Context(), c.ID, 0); err != nil {
			t.Fatal(err)
		}
		l.raw(t, "GET", "/volumes/"+volume)
		for range 2 {
			if err := l.client.RemoveVolume(t.Context(), volume); err != nil {
				t.Error(err)
			}
		}
	})
}
