package main_test

import (
	"fmt"
	"net"
	"net/http"
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

// lingers has an app go on for a moment when it is told to stop, as those do that are asked to lose nothing: what
// comes before everybody has heard of it is answered. An app that closes its connections at once closes some on which a
// request has just arrived; what may be sent twice is sent elsewhere then, and a POST is lost.
const lingers = "LINGER=200ms"

func TestReplicas_LoseNoRequest(t *testing.T) {
	s := newService(t, "e2e-roll", "gateway.health.path=/health", "gateway.health.interval=1s", "gateway.health.timeout=500ms",
		"gateway.health.fall=1", "gateway.health.rise=1")
	replicas := []string{"e2e-roll-1", "e2e-roll-2", "e2e-roll-3"}
	for _, name := range replicas {
		s.start(name, "--env", lingers)
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

// rollStopFirst stops the old one before the new one is there. The old ones do not linger.
func rollStopFirst(c *crowd, s *service, replicas []string) (next []string) {
	c.phase("update, stop-first")
	for i, old := range replicas {
		name := fmt.Sprintf("e2e-roll-%d", 7+i)
		c.without(func() { s.stop(old) }, http.MethodPost)
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
	c.without(func() {
		address := docker(t, "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}:8000", first)
		kill(t, pid(t, first))
		await(t, "its connections to be closed", func() bool {
			conn, err := net.DialTimeout("tcp", address, time.Second)
			if err == nil {
				conn.Close()
			}
			return err != nil
		}, func() string { return address })
	}, http.MethodPost)
	c.awaitAnswersBy(second, third)
	docker(t, "start", first)
	c.awaitAnswersBy(first)

	c.phase("stopped by SIGSTOP")
	docker(t, "kill", "-s", "STOP", second)
	s.awaitTarget(second, "failing", func(found target) bool { return found.Health == "failing" })
	c.awaitAnswersBy(first, third)
	// The POSTs that it has got are answered now.
	docker(t, "kill", "-s", "CONT", second)
	c.awaitAnswersBy(second)

	c.phase("paused by the engine")
	docker(t, "pause", second)
	s.awaitTarget(second, "taken out", func(found target) bool { return found.State == "stopped" })
	c.awaitAnswersBy(first, third)
	docker(t, "unpause", second)
	c.awaitAnswersBy(second)

	c.phase("off its network")
	c.without(func() {
		docker(t, "network", "disconnect", s.network(), third)
		s.awaitTarget(third, "gone", func(found target) bool { return found.State != "ready" })
	}, http.MethodPost)
	c.awaitAnswersBy(first, second)
	docker(t, "network", "connect", s.network(), third)
	c.awaitAnswersBy(third)

	c.phase("answering with 500")
	var ejected target
	c.without(func() {
		docker(t, "kill", "-s", "USR1", first)
		ejected = s.awaitTarget(first, "ejected", func(found target) bool { return found.Ejected })
	}, http.MethodPost, http.MethodPut)
	s.awaitTarget(first, "ejected for longer after a trial", func(found target) bool {
		return found.EjectedUntil.After(ejected.EjectedUntil.Add(time.Second))
	})
	docker(t, "kill", "-s", "USR2", first)
	c.awaitAnswersBy(first)
}
