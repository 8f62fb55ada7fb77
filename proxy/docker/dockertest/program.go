package dockertest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Process is what a program gets of the container or exec that it runs in.
type Process struct {
	// Args are those after the program's name.
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Program plays an executable in containers and execs. A nil function does nothing and ends well.
type Program struct {
	// Main plays a container's start: it writes what the program writes at first, and says whether the program goes on.
	// Without it the program goes on.
	Main func(Process) (exit int, running bool)
	// Signal plays a signal, by number; without it the program ends upon it, with code 0 upon 15. Nothing survives 9.
	Signal func(args []string, number string, stdout io.Writer) (exit int, ends bool)
	// Exec plays an exec, health checks included, until it ends.
	Exec func(Process) (exit int)
}

// line is what a container wrote, on stream 1 or 2.
type line struct {
	stream byte
	text   string
}

// recorder keeps what a container writes. The world's lock is held whenever it is written to.
type recorder struct {
	b      *box
	stream byte
}

// Write keeps lines.
func (r recorder) Write(p []byte) (int, error) {
	for text := range strings.Lines(string(p)) {
		r.b.lines = append(r.b.lines, line{r.stream, text})
	}
	return len(p), nil
}

// program finds the program of a command. The lock is held.
func (w *world) program(command []string) (Program, []string, bool) {
	if len(command) == 0 {
		return Program{}, nil, false
	}
	p, ok := w.programs[command[0]]
	return p, command[1:], ok
}

// main plays the start of a container's program. The lock is held.
func (b *box) main() (exit int, running bool) {
	w := b.world
	p, args, _ := w.program(b.command())
	if p.Main == nil {
		return 0, true
	}
	return p.Main(Process{Args: args, Stdin: strings.NewReader(""), Stdout: recorder{b, 1}, Stderr: recorder{b, 2}})
}

// signalled plays a signal to a container's program. The lock is held.
func (b *box) signalled(number string) (exit int, ends bool) {
	w := b.world
	p, args, _ := w.program(b.command())
	switch {
	case number == "9":
		return 137, true
	case p.Signal != nil:
		return p.Signal(args, number, recorder{b, 1})
	case number == "15":
		return 0, true
	}
	n, _ := strconv.Atoi(number)
	return 128 + n, true
}

// scheduleCheck makes a container's health check run after its interval, if its program is played. The lock is held.
func (b *box) scheduleCheck() {
	w := b.world
	check := b.config.Healthcheck
	if len(check.Test) < 2 || check.Test[0] != "CMD" {
		return
	}
	p, args, ok := w.program(check.Test[1:])
	if !ok || p.Exec == nil {
		return
	}
	interval := check.Interval
	if interval == 0 {
		interval = 30 * time.Second
	}
	run := b.run
	time.AfterFunc(interval, func() { b.check(run, p, args) })
}

// check runs a health check of the given run of a container, and schedules the next.
func (b *box) check(run int, p Program, args []string) {
	w := b.world
	exit := p.Exec(Process{Args: args, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard})
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || b.run != run || b.state != "running" {
		return
	}
	b.noise(b.config.Healthcheck.Test[1:], exit)
	retries := b.config.Healthcheck.Retries
	if retries == 0 {
		retries = 3
	}
	if exit == 0 {
		b.failing = 0
		b.setHealth("healthy")
	} else if b.failing++; b.failing >= retries {
		b.setHealth("unhealthy")
	}
	b.scheduleCheck()
}

// noise emits what every exec emits. The lock is held.
func (b *box) noise(command []string, exit int) {
	words, id := strings.Join(command, " "), map[string]string{"execID": newID()}
	b.emit("exec_create: "+words, id)
	b.emit("exec_start: "+words, id)
	b.emit("exec_die", map[string]string{"execID": id["execID"], "exitCode": strconv.Itoa(exit)})
}

// setHealth changes a container's health; only a change is an event. The lock is held.
func (b *box) setHealth(health string) {
	if b.health == health {
		return
	}
	b.health = health
	b.changed()
	if health != "" {
		b.emit("health_status: "+health, nil)
	}
}

// serveLogs answers with what a container wrote.
func (a *api) serveLogs(rw http.ResponseWriter, r *http.Request) {
	w := a.world
	w.mu.Lock()
	b, err := w.box(r.PathValue("name"))
	if err != nil {
		w.mu.Unlock()
		write(rw, 0, nil, err)
		return
	}
	lines, tty := slices.Clone(b.lines), b.config.Tty
	w.mu.Unlock()
	query := r.URL.Query()
	lines = slices.DeleteFunc(lines, func(l line) bool { return query.Get([]string{"", "stdout", "stderr"}[l.stream]) == "" })
	if n, err := strconv.Atoi(query.Get("tail")); err == nil && n < len(lines) {
		lines = lines[len(lines)-max(n, 0):]
	}
	rw.WriteHeader(http.StatusOK)
	for _, l := range lines {
		if tty {
			_, _ = io.WriteString(rw, l.text)
			continue
		}
		_, _ = framer{rw, l.stream}.Write([]byte(l.text))
	}
}

// framer writes one of two streams in the engine's frames.
type framer struct {
	to     io.Writer
	stream byte
}

// Write writes one frame.
func (f framer) Write(p []byte) (int, error) {
	size := len(p)
	frame := append([]byte{f.stream, 0, 0, 0, byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}, p...)
	if _, err := f.to.Write(frame); err != nil {
		return 0, fmt.Errorf("writing a frame: %w", err)
	}
	return size, nil
}
