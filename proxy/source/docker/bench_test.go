//go:build unix

package docker_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
	"gateway/proxy/label"
	"gateway/proxy/route"
	"gateway/proxy/source"
	dockersource "gateway/proxy/source/docker"
)

// watchEnv makes the test binary a process that watches the engine at that address, so that the benchmark can tell what
// watching costs from what the engine in memory costs.
const watchEnv = "GATEWAY_TEST_WATCH"

func TestMain(m *testing.M) {
	if host := os.Getenv(watchEnv); host != "" {
		if err := watchAlone(host); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// watchAlone writes "table READY" for every table, and answers each line on stdin with "cpu NANOSECONDS" of this process.
func watchAlone(host string) error {
	engine, err := docker.New(host)
	if err != nil {
		return err
	}
	defer engine.Close()
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		_ = dockersource.New(dockersource.Config{
			Engine: engine, Join: true, Logger: slog.New(slog.DiscardHandler),
		}).Run(ctx, source.Listing{}, source.Receiver{
			Publish: func(l source.Listing) { say("table %d", ready(route.Build(l.Routes, l.Problems))) },
			Report:  func(source.Status) {},
		})
	})
	questions := bufio.NewScanner(os.Stdin)
	for questions.Scan() {
		var use syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
			break
		}
		say("cpu %d", use.Utime.Nano()+use.Stime.Nano())
	}
	cancel()
	running.Wait()
	return questions.Err()
}

func ready(t *route.Table) int {
	n := 0
	for i := range t.Routes() {
		if t.Routes()[i].State() == route.Ready {
			n++
		}
	}
	return n
}

// watcher is the other end of watchAlone.
type watcher struct {
	tb    testing.TB
	in    io.Writer
	lines *bufio.Scanner
}

func startWatcher(tb testing.TB, host string) *watcher {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), watchEnv+"="+host)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("the watching process: %v", err)
		}
	})
	return &watcher{tb, in, bufio.NewScanner(out)}
}

// next is the number in the next line that starts with the word.
func (w *watcher) next(word string) int64 {
	w.tb.Helper()
	for w.lines.Scan() {
		var n int64
		if rest, ok := strings.CutPrefix(w.lines.Text(), word+" "); ok {
			if _, err := fmt.Sscan(rest, &n); err != nil {
				w.tb.Fatal(err)
			}
			return n
		}
	}
	w.tb.Fatalf("the watching process ended: %v", w.lines.Err())
	return 0
}

// waitReady returns when a table with that many ready routes was published.
func (w *watcher) waitReady(n int64) {
	w.tb.Helper()
	for w.next("table") != n {
	}
}

func (w *watcher) cpu() time.Duration {
	w.tb.Helper()
	if _, err := io.WriteString(w.in, "\n"); err != nil {
		w.tb.Fatal(err)
	}
	return time.Duration(w.next("cpu"))
}

// populate adds n running containers, fifty to a project, as compose makes them.
func populate(e *dockertest.Engine, n int) {
	for i := range n {
		project := fmt.Sprintf("project%d", i/50)
		if i%50 == 0 {
			e.AddNetwork(dockertest.Network{Name: project + "_web", Labels: map[string]string{label.Role: label.RoleEdge}})
		}
		e.AddContainer(dockertest.Container{
			Name: fmt.Sprintf("app%d", i), Networks: []string{project + "_web"}, Ports: []uint16{8080},
			Labels: map[string]string{
				label.Path:                                fmt.Sprintf("/app%d", i),
				label.Owner:                               "owner@example.org",
				"com.docker.compose.project":              project,
				"com.docker.compose.service":              fmt.Sprintf("app%d", i),
				"com.docker.compose.oneoff":               "False",
				"com.docker.compose.container-number":     "1",
				"com.docker.compose.config-hash":          strings.Repeat("0123456789abcdef", 4),
				"com.docker.compose.image":                "sha256:" + strings.Repeat("0123456789abcdef", 4),
				"com.docker.compose.project.config_files": "/srv/projects/" + project + "/compose.yaml",
				"com.docker.compose.project.working_dir":  "/srv/projects/" + project,
				"com.docker.compose.version":              "5.5.1",
				"org.opencontainers.image.description":    "An image with the labels that images have.",
			},
		})
	}
}

// BenchmarkSource1000 reports what one change among 1,000 containers costs the watching process in all, and how long
// it takes from the engine's start event to the table with the route.
func BenchmarkSource1000(b *testing.B) {
	const containers = 1000
	e := dockertest.Start(b)
	e.AddNetwork(dockertest.Network{Name: dockersource.HomeNetwork})
	e.AddContainer(dockertest.Container{
		Name: "gateway-proxy", Networks: []string{dockersource.HomeNetwork}, Labels: map[string]string{label.Role: label.RoleProxy},
	})
	populate(e, containers)
	w := startWatcher(b, e.Host())
	w.waitReady(containers)
	var cpu, routed time.Duration
	changes := 0
	for i := 0; b.Loop(); i++ {
		name := fmt.Sprintf("app%d", i*37%containers)
		before := w.cpu()
		e.Stop(name)
		w.waitReady(containers - 1)
		<-time.After(300 * time.Millisecond) // what comes after the first table belongs to the costs as well
		e.Start(name)
		begun := time.Now()
		w.waitReady(containers)
		routed += time.Since(begun)
		<-time.After(300 * time.Millisecond)
		cpu += w.cpu() - before
		changes += 2
	}
	b.ReportMetric(float64(cpu.Microseconds())/1000/float64(changes), "cpu-ms/change")
	b.ReportMetric(float64(routed.Microseconds())/1000/float64(changes/2), "ms-to-routed")
	b.ReportMetric(0, "ns/op")
}
