package projects

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/route"
)

func TestFault_NamesTheCauseInOneLine(t *testing.T) {
	web := func(state string, exit int, run docker.Run) docker.Container {
		c := composed("shop", "/srv/shop")
		c.Name, c.State, c.ExitCode, c.Run = "shop-web-1", state, exit, run
		return c
	}
	oom, looping, again := web("exited", 137, docker.Run{}), web("restarting", 3, docker.Run{}), web("running", 3, docker.Run{})
	oom.OOMKilled, looping.Restarts, again.Restarts = true, 4, 1
	sick := web("running", 0, docker.Run{Check: "connect: refused\nat line 2\x1b[2J"})
	sick.Health = "unhealthy"
	runc := `failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown`
	for name, c := range map[string]struct {
		c          docker.Container
		log, cause string
		want       string
	}{
		"at once":        {web("exited", 3, docker.Run{Length: time.Second}), "it begins\nboom\n", "x", "web-1 stopped at once (exit 3): boom"},
		"later":          {web("exited", 1, docker.Run{Length: 42 * time.Second}), "", "x", "web-1 stopped after 42s (exit 1)"},
		"memory":         {oom, "", "x", "web-1 stopped at once (exit 137): it needed more memory than it may have; raise mem_limit of the service"},
		"killed":         {web("exited", 137, docker.Run{}), "", "x", "web-1 stopped at once (exit 137): it was killed"},
		"no command":     {web("exited", 127, docker.Run{}), "sh: nope: not found", "x", "(exit 127): its command, or one that it runs, is not in the image"},
		"no rights":      {web("exited", 126, docker.Run{}), "", "x", "(exit 126): its command cannot be executed"},
		"processor":      {web("exited", 1, docker.Run{}), "exec /app: exec format error", "x", "another kind of processor"},
		"never began":    {web("created", 127, docker.Run{Fault: runc}), "", "x", `web-1 could not start: exec: "nope": executable file not found in $PATH: unknown`},
		"in a loop":      {looping, "", "x", "web-1 stopped at once (exit 3), again after each of 4 restarts"},
		"just up again":  {again, "", "container shop-web-1 does not keep running (Restarting (7) 1 second ago)", "web-1 stopped at once (exit 7), again after"},
		"restarted once": {again, "", "something else", ""},
		"healthcheck":    {sick, "", "x", "web-1 runs, and its healthcheck fails: connect: refused"},
		"one-shot":       {web("exited", 0, docker.Run{}), "", "x", ""},
		"ended":          {web("exited", 0, docker.Run{}), "", "container shop-web-1 exited (0)", "web-1 ended by itself (exit 0); a service that is to end"},
		"waits":          {web("created", 0, docker.Run{}), "", "dependency failed to start", ""},
		"well":           {web("running", 0, docker.Run{}), "", "x", ""},
	} {
		got := faultOf(c.c, c.log, errors.New(c.cause))
		if c.want == "" && got != "" || !strings.Contains(got, c.want) || strings.ContainsAny(got, "\n\x1b") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAdd_SaysWhichContainerFailedAndWhy(t *testing.T) {
	b := newBench(t)
	cause := fmt.Errorf("changing the restart policy: %w", errors.New("cannot update a stopped container"))
	b.Ready = func(context.Context, Name, []route.Key) error {
		b.engine.Crash("robots-site-1", 3, 2, false)
		return cause
	}
	_, err := b.Do(t.Context(), request(t, "robots", "/robots"))
	failure, ok := errors.AsType[*Failure](err)
	if !ok || err.Error() != "site-1 stopped at once (exit 3), again after each of 2 restarts" || !errors.Is(err, cause) || !strings.Contains(failure.Undone, "was removed again") {
		t.Errorf("%v, want the container's name and exit code", err)
	}
	if !strings.Contains(failure.Logs, "robots-site-1") {
		t.Errorf("the logs are %q", failure.Logs)
	}
}
