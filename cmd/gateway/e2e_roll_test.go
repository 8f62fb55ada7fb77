package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// service is the containers of one service of compose, on a network of their own.
type service struct {
	t       *testing.T
	project string
	labels  []string
	// logs are those of containers that are gone.
	logs strings.Builder
}

// newService makes the network of a service at /PROJECT. All of it goes when the test ends.
func newService(t *testing.T, project string, labels ...string) *service {
	t.Helper()
	s := &service{t: t, project: project, labels: append([]string{
		"com.docker.compose.project=" + project, "com.docker.compose.service=web", "gateway.path=/" + project,
	}, labels...)}
	docker(t, "network", "create", s.network())
	t.Cleanup(s.remove)
	return s
}

func (s *service) remove() {
	left := docker(s.t, "ps", "-aq", "--filter", "label=com.docker.compose.project="+s.project)
	docker(s.t, append([]string{"rm", "-f", "-v"}, strings.Fields(left)...)...)
	_ = exec.Command("docker", "network", "disconnect", "-f", s.network(), "gateway-proxy").Run()
	docker(s.t, "network", "rm", s.network())
}

func (s *service) network() string { return s.project + "_web" }

func (s *service) path() string { return "/" + s.project }

// start runs one more container.
func (s *service) start(name string, args ...string) {
	s.t.Helper()
	all := []string{"run", "-d", "--name", name, "--network", s.network(), "--env", "NAME=" + name, "--stop-timeout", "5"}
	for _, l := range s.labels {
		all = append(all, "--label", l)
	}
	docker(s.t, append(append(all, args...), appImage)...)
}

// stop stops a container as compose does when it replaces one, and removes it.
func (s *service) stop(name string) {
	s.t.Helper()
	docker(s.t, "stop", name)
	s.logs.WriteString(docker(s.t, "logs", name) + "\n")
	docker(s.t, "rm", name)
}

// target is what the gateway says of a container, nothing if it is no target of the service.
func (s *service) target(name string) target {
	s.t.Helper()
	for _, found := range routes(s.t)[s.path()].Targets {
		if found.Name == name {
			return found
		}
	}
	return target{}
}

// awaitTarget waits until the gateway says something of a container, and returns all that it says.
func (s *service) awaitTarget(name, what string, holds func(target) bool) (last target) {
	s.t.Helper()
	await(s.t, fmt.Sprintf("%s to be %s", name, what), func() bool {
		last = s.target(name)
		return holds(last)
	}, func() string { return fmt.Sprintf("last: %+v", last) })
	return last
}

// carriedOutOnce checks that each POST that was answered was done, and no POST twice.
func (s *service) carriedOutOnce(posts []string, running ...string) {
	s.t.Helper()
	for _, name := range running {
		s.logs.WriteString(docker(s.t, "logs", name) + "\n")
	}
	times := map[string]int{}
	for line := range strings.Lines(s.logs.String()) {
		if id, posted := strings.CutPrefix(strings.TrimSpace(line), "app: posted "); posted {
			times[id]++
		}
	}
	for _, id := range posts {
		if times[id] == 0 {
			s.t.Errorf("%s was answered and not carried out", id)
		}
	}
	for id, n := range times {
		if n > 1 {
			s.t.Errorf("%s was carried out %d times", id, n)
		}
	}
	s.t.Logf("%d POSTs were answered, %d carried out", len(posts), len(times))
}

func TestReplicas_LoseNoRequest(t *testing.T) {
	s := newService(t, "e2e-roll", "gateway.health.path=/health", "gateway.health.interval=1s", "gateway.health.timeout=500ms",
		"gateway.health.fall=1", "gateway.health.rise=1")
	replicas := []string{"e2e-roll-1", "e2e-roll-2", "e2e-roll-3"}
	for _, name := range replicas {
		s.start(name)
	}
	for _, name := range replicas {
		s.awaitTarget(name, "passing", func(found target) bool { return found.Health == "passing" })
	}
	c := gather(t, s.path())
	c.awaitAnswersBy(replicas...)

	c.phase("a new route")
	add(t, "e2e-roll-added", "/e2e-roll/added")
	eventually(t, base+"/e2e-roll/added/", "the new route", served)

	replicas = rollStartFirst(c, s, replicas)
	replicas = rollStopFirst(c, s, replicas)
	strike(c, s, replicas)

	c.phase("at last")
	c.awaitAnswersBy(replicas...)
	c.leave()
	s.carriedOutOnce(c.posts, replicas...)
}

// rollStartFirst replaces one container after the other: the new one answers before the old one is told to stop.
func rollStartFirst(c *crowd, s *service, replicas []string) (next []string) {
	c.phase("update, start-first")
	for i, old := range replicas {
		name := fmt.Sprintf("e2e-roll-%d", 4+i)
		s.start(name, "--env", "DELAY=300ms")
		c.awaitAnswersBy(name)
		s.stop(old)
		next = append(next, name)
	}
	return next
}

// rollStopFirst stops the old one before the new one is there.
func rollStopFirst(c *crowd, s *service, replicas []string) (next []string) {
	c.phase("update, stop-first")
	for i, old := range replicas {
		name := fmt.Sprintf("e2e-roll-%d", 7+i)
		s.stop(old)
		s.start(name, "--env", "DELAY=300ms")
		c.awaitAnswersBy(name)
		next = append(next, name)
	}
	return next
}

// strike has one replica after the other fail in each of the ways that there are, and come back.
func strike(c *crowd, s *service, replicas []string) {
	first, second, third := replicas[0], replicas[1], replicas[2]
	t := s.t

	c.phase("killed")
	c.withoutPosts(func() {
		process := pid(t, first)
		kill(t, process)
		await(t, "its end", func() bool {
			line, err := os.ReadFile("/proc/" + process + "/cmdline")
			return err != nil || len(line) == 0
		}, func() string { return process })
	})
	c.awaitAnswersBy(second, third)
	docker(t, "start", first)
	c.awaitAnswersBy(first)

	c.phase("stopped by SIGSTOP")
	c.withoutPosts(func() {
		docker(t, "kill", "-s", "STOP", second)
		s.awaitTarget(second, "failing", func(found target) bool { return found.Health == "failing" })
	})
	c.awaitAnswersBy(first, third)
	docker(t, "kill", "-s", "CONT", second)
	c.awaitAnswersBy(second)

	c.phase("off its network")
	c.withoutPosts(func() {
		docker(t, "network", "disconnect", s.network(), third)
		s.awaitTarget(third, "gone", func(found target) bool { return found.State != "ready" })
	})
	c.awaitAnswersBy(first, second)
	docker(t, "network", "connect", s.network(), third)
	c.awaitAnswersBy(third)

	c.phase("answering with 500")
	var ejected target
	c.withoutPosts(func() {
		docker(t, "kill", "-s", "USR1", first)
		ejected = s.awaitTarget(first, "ejected", func(found target) bool { return found.Ejected })
	})
	s.awaitTarget(first, "ejected for longer after a trial", func(found target) bool {
		return found.EjectedUntil.After(ejected.EjectedUntil.Add(time.Second))
	})
	docker(t, "kill", "-s", "USR2", first)
	c.awaitAnswersBy(first)
}
