package docker_test

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker"
)

func TestRun_Hardens(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c := l.run(t, docker.Spec{
			Command: []string{"serve"}, User: "65532:65532", MemoryBytes: 64 << 20, Pids: 50, OpenFiles: 4096, StopTimeout: 1500 * time.Millisecond,
			Health: &docker.Health{Command: []string{"/probe", "exit", "0"}, Interval: time.Minute},
		})
		var seen struct {
			Config struct {
				User        string
				StopTimeout int
				Healthcheck struct{ Test []string }
			}
			HostConfig struct {
				ReadonlyRootfs, Privileged bool
				CapDrop, CapAdd            []string
				SecurityOpt                []string
				RestartPolicy              struct{ Name string }
				Memory, PidsLimit          int64
				Ulimits                    []struct {
					Name       string
					Soft, Hard int64
				}
			}
		}
		l.look(t, "/containers/"+c.ID+"/json", &seen)
		h := seen.HostConfig
		if !h.ReadonlyRootfs || h.Privileged || !slices.Equal(h.CapDrop, []string{"ALL"}) || len(h.CapAdd) != 0 || !slices.Contains(h.SecurityOpt, "no-new-privileges") {
			t.Errorf("it may %+v", h)
		}
		if h.RestartPolicy.Name != "always" || h.Memory != 64<<20 || h.PidsLimit != 50 {
			t.Errorf("it is limited to %+v", h)
		}
		if len(h.Ulimits) != 1 || h.Ulimits[0].Name != "nofile" || h.Ulimits[0].Soft != 4096 || h.Ulimits[0].Hard != 4096 {
			t.Errorf("it may open %+v", h.Ulimits)
		}
		if seen.Config.User != "65532:65532" || seen.Config.StopTimeout != 2 || !slices.Equal(seen.Config.Healthcheck.Test, []string{"CMD", "/probe", "exit", "0"}) {
			t.Errorf("it is %+v", seen.Config)
		}
	})
}

func TestRunOnce_SaysWhatWasWrittenAndLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		beside := l.run(t, docker.Spec{Command: []string{"serve"}})
		for _, c := range []struct {
			command []string
			says    string
			fails   bool
		}{{[]string{"lines", "2"}, "1", false}, {[]string{"fail"}, "it went wrong", true}, {[]string{"exit", "4"}, "", true}} {
			name := unique("once")
			out, err := l.client.RunOnce(t.Context(), docker.Spec{Name: name, Image: l.image, Command: c.command, Network: "container:" + beside.ID})
			if (err != nil) != c.fails || !strings.Contains(out, c.says) || c.fails && !strings.Contains(err.Error(), "exit code") {
				t.Errorf("%q says %q (%v), want %q", c.command, out, err, c.says)
			}
			if _, err := l.client.Container(t.Context(), name); !errors.Is(err, docker.ErrNotFound) {
				t.Errorf("%q is still there: %v", c.command, err)
			}
		}
	})
}

func TestRun_RefusesWhatIsTakenOrMissing(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		first := l.run(t, docker.Spec{Command: []string{"serve"}, Publish: []docker.Publish{{ContainerPort: 80, HostPort: 18473}}})
		if _, err := l.client.Run(t.Context(), docker.Spec{Name: first.Name, Image: l.image, Command: []string{"serve"}}); !errors.Is(err, docker.ErrNameTaken) {
			t.Errorf("a taken name: %v", err)
		}
		second := docker.Spec{Name: unique("box"), Image: l.image, Command: []string{"serve"}, Publish: []docker.Publish{{ContainerPort: 80, HostPort: 18473}}}
		if _, err := l.client.Run(t.Context(), second); !errors.Is(err, docker.ErrPortTaken) || !strings.Contains(err.Error(), "port is already allocated") {
			t.Errorf("a taken port: %v", err)
		}
		if _, err := l.client.Container(t.Context(), second.Name); !errors.Is(err, docker.ErrNotFound) {
			t.Errorf("what did not start is still there: %v", err)
		}
		if _, err := l.client.Run(t.Context(), docker.Spec{Name: unique("box"), Image: unique("none")}); !errors.Is(err, docker.ErrNotFound) {
			t.Errorf("a missing image: %v", err)
		}
		if c := l.listed(t, first.ID); c.State != "running" {
			t.Errorf("the first is %s", c.State)
		}
	})
}

func TestRun_SaysWhenAProcessHasThePort(t *testing.T) {
	if !real() {
		t.Skip("GATEWAY_E2E is not 1: only a real engine binds real ports")
	}
	l, err := realLane()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	spec := docker.Spec{Name: unique("box"), Image: l.image, Command: []string{"serve"}, Publish: []docker.Publish{
		{ContainerPort: 80, HostPort: uint16(listener.Addr().(*net.TCPAddr).Port)},
	}}
	if _, err := l.client.Run(t.Context(), spec); !errors.Is(err, docker.ErrPortTaken) {
		t.Errorf("a port that a process has: %v", err)
	}
	if _, err := l.client.Container(t.Context(), spec.Name); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("what did not start is still there: %v", err)
	}
}

func TestRemove_StopsFirstAndForgivesAbsence(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		polite := l.run(t, docker.Spec{Command: []string{"serve"}})
		deaf := l.run(t, docker.Spec{Command: []string{"deaf"}})
		paused := l.run(t, docker.Spec{Command: []string{"serve"}})
		l.raw(t, "POST", "/containers/"+paused.ID+"/pause")
		w := watch(t, l)
		for _, c := range []docker.Container{polite, deaf, paused} {
			for range 2 {
				if err := l.client.Remove(t.Context(), c.Name, time.Second); err != nil {
					t.Errorf("removing %s: %v", c.Name, err)
				}
			}
		}
		if got := w.until(polite.ID, "destroy"); !slices.Contains(got, "kill 15") || slices.Contains(got, "kill 9") {
			t.Errorf("a polite container was removed by %q", got)
		}
		if got := w.until(deaf.ID, "destroy"); !slices.Contains(got, "kill 15") || !slices.Contains(got, "kill 9") {
			t.Errorf("a deaf container was removed by %q", got)
		}
	})
}

func TestExec_IsAConnection(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c := l.run(t, docker.Spec{Command: []string{"serve"}})
		conn, err := l.client.Exec(t.Context(), c.Name, []string{"/probe", "cat"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "hello"); err != nil {
			t.Fatal(err)
		}
		echo := make([]byte, 5)
		if _, err := io.ReadFull(conn, echo); err != nil || string(echo) != "hello" {
			t.Fatalf("read %q, %v", echo, err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(echo); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("past the deadline it read %d, %v", n, err)
		}
		if err := conn.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		long := strings.Repeat("0123456789abcdef", 1<<15)
		if _, err := io.WriteString(conn, long[:1000]); err != nil {
			t.Fatal(err)
		}
		if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(conn)
		if err != nil || string(rest) != long[:1000] {
			t.Errorf("read %d bytes, %v after ending the input", len(rest), err)
		}
	})
}

func TestExec_SaysWhyACommandFailed(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c := l.run(t, docker.Spec{Command: []string{"serve"}})
		for _, failing := range []struct{ command, says string }{
			{"/probe fail", "exit code 3: it went wrong"}, {"/probe exit 7", "exit code 7"}, {"/nothing", "exit code 12"},
		} {
			conn, err := l.client.Exec(t.Context(), c.ID, strings.Fields(failing.command))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(conn); err == nil || !strings.Contains(err.Error(), failing.says) {
				t.Errorf("%s: %v", failing.command, err)
			}
			if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, io.EOF) {
				t.Errorf("%s: reading again: %d, %v", failing.command, n, err)
			}
			_ = conn.Close()
		}
		conn, err := l.client.Exec(t.Context(), c.ID, []string{"/probe", "lines", "4"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if out, err := io.ReadAll(conn); err != nil || string(out) != "line 1\nline 3\n" {
			t.Errorf("stdout is %q, %v", out, err)
		}
	})
}

func TestExec_NeedsARunningContainer(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		if _, err := l.client.Exec(t.Context(), unique("none"), []string{"/probe", "cat"}); !errors.Is(err, docker.ErrNotFound) {
			t.Errorf("in no container: %v", err)
		}
		c := l.run(t, docker.Spec{Command: []string{"serve"}})
		l.raw(t, "POST", "/containers/"+c.ID+"/stop?t=5")
		if _, err := l.client.Exec(t.Context(), c.ID, []string{"/probe", "cat"}); err == nil || !strings.Contains(err.Error(), "is not running") {
			t.Errorf("in a stopped container: %v", err)
		}
	})
}

func TestKeepRunning_ChangesWhatIsToRunUntilStopped(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c := l.run(t, docker.Spec{Command: []string{"serve"}})
		policy := func() string {
			var seen struct {
				HostConfig struct{ RestartPolicy struct{ Name string } }
			}
			l.look(t, "/containers/"+c.ID+"/json", &seen)
			return seen.HostConfig.RestartPolicy.Name
		}
		for _, step := range []struct {
			keep bool
			want string
		}{{true, "always"}, {false, "unless-stopped"}, {false, "unless-stopped"}, {true, "always"}} {
			if err := l.client.KeepRunning(t.Context(), c.Name, step.keep); err != nil {
				t.Fatal(err)
			}
			if got := policy(); got != step.want {
				t.Errorf("kept running: %v, its policy is %q and not %q", step.keep, got, step.want)
			}
		}
		if err := l.client.KeepRunning(t.Context(), unique("nobody"), true); !errors.Is(err, docker.ErrNotFound) {
			t.Errorf("a container that is not there: %v", err)
		}
	})
}

func TestRename_GivesAContainerAnotherName(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c, other := l.run(t, docker.Spec{Command: []string{"serve"}}), l.run(t, docker.Spec{Command: []string{"serve"}})
		name := c.Name + ".next"
		w := watch(t, l)
		listed := func() string {
			all, err := l.client.Containers(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range all {
				if one.ID == c.ID {
					return one.Name
				}
			}
			return ""
		}
		listed()
		for range 2 {
			if err := l.client.Rename(t.Context(), c.ID, name); err != nil {
				t.Fatal(err)
			}
		}
		w.until(c.ID, "rename")
		if now, err := l.client.Container(t.Context(), c.ID); err != nil || now.Name != name || now.State != "running" || listed() != name {
			t.Errorf("renamed, it is %+v %v, listed as %s", now, err, listed())
		}
		if err := l.client.Rename(t.Context(), c.ID, other.Name); err == nil || !strings.Contains(err.Error(), "already in use") {
			t.Errorf("to a name that another has: %v", err)
		}
		if err := l.client.Rename(t.Context(), unique("nobody"), "x"); !errors.Is(err, docker.ErrNotFound) {
			t.Errorf("a container that is not there: %v", err)
		}
	})
}

func TestStart_RunsAContainerAgain(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		c := l.run(t, docker.Spec{Command: []string{"serve"}})
		l.raw(t, "POST", "/containers/"+c.ID+"/stop?t=5")
		for range 2 {
			if err := l.client.Start(t.Context(), c.ID); err != nil {
				t.Fatal(err)
			}
		}
		if now, err := l.client.Container(t.Context(), c.ID); err != nil || now.State != "running" {
			t.Errorf("started, it is %+v %v", now, err)
		}
	})
}

func TestTimes_AreWhatContainersSay(t *testing.T) {
	each(t, func(t *testing.T, l *lane) {
		mark := unique("mark")
		labels := map[string]string{"mark": mark}
		l.run(t, docker.Spec{Command: []string{"serve"}, Labels: labels, StopTimeout: 30 * time.Second, Health: &docker.Health{
			Command: []string{"/probe", "exit", "0"}, Interval: 5 * time.Second, Timeout: 3 * time.Second, Retries: 4, StartPeriod: 200 * time.Second,
		}})
		l.run(t, docker.Spec{Command: []string{"serve"}, Labels: labels, Health: &docker.Health{Command: []string{"/probe", "exit", "0"}}})
		l.run(t, docker.Spec{Command: []string{"serve"}, Labels: labels})
		l.run(t, docker.Spec{Command: []string{"serve"}, StopTimeout: time.Hour})
		got, err := l.client.Times(t.Context(), "mark="+mark)
		if want := (docker.Times{Stop: (30 + 10 + 10) * time.Second, Start: (200 + 4*8 + 3*60) * time.Second}); err != nil || got != want {
			t.Errorf("got %v %v, want %v", got, err, want)
		}
		if got, err := l.client.Times(t.Context(), "mark=none"); err != nil || got != (docker.Times{}) {
			t.Errorf("of none: %v %v", got, err)
		}
	})
}
