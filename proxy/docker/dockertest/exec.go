package dockertest

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// execution is an exec. All of it needs the world's lock.
type execution struct {
	id      string
	b       *box
	command []string
	running bool
	exit    *int
}

func (a *api) handleExecCreate(r *http.Request) (int, any, error) {
	w := a.world
	var request struct{ Cmd []string }
	if err := read(r, &request); err != nil {
		return 0, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.box(r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	if !b.up() {
		return 0, nil, refuse(http.StatusConflict, "Container %s is not running", b.id)
	}
	if len(request.Cmd) == 0 {
		return 0, nil, refuse(http.StatusBadRequest, "No exec command specified")
	}
	x := &execution{id: newID(), b: b, command: request.Cmd}
	w.execs[x.id] = x
	b.emit("exec_create: "+strings.Join(x.command, " "), map[string]string{"execID": x.id})
	return http.StatusCreated, map[string]string{"Id": x.id}, nil
}

func (a *api) handleExecInspect(r *http.Request) (int, any, error) {
	w := a.world
	w.mu.Lock()
	defer w.mu.Unlock()
	x := w.execs[r.PathValue("id")]
	if x == nil {
		return 0, nil, refuse(http.StatusNotFound, "No such exec instance: %s", r.PathValue("id"))
	}
	return http.StatusOK, map[string]any{"ID": x.id, "Running": x.running, "ExitCode": x.exit, "ContainerID": x.b.id}, nil
}

// serveExec hands the connection to the exec's program and plays it until it ends.
func (a *api) serveExec(rw http.ResponseWriter, r *http.Request) {
	w := a.world
	w.mu.Lock()
	x := w.execs[r.PathValue("id")]
	w.mu.Unlock()
	if x == nil {
		write(rw, 0, nil, refuse(http.StatusNotFound, "No such exec instance: %s", r.PathValue("id")))
		return
	}
	conn, buffered, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		write(rw, 0, nil, err)
		return
	}
	defer conn.Close()
	release, err := a.wire.hold(conn)
	if err != nil {
		return
	}
	defer release()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	a.play(x, buffered.Reader, conn)
}

// play runs an exec's program.
func (a *api) play(x *execution, stdin *bufio.Reader, conn io.Writer) {
	w := a.world
	w.mu.Lock()
	p, args, ok := w.program(x.command)
	x.running = true
	attributes := map[string]string{"execID": x.id}
	x.b.emit("exec_start: "+strings.Join(x.command, " "), attributes)
	w.mu.Unlock()
	exit := 0
	switch {
	case !ok:
		exit = 126
		fmt.Fprintf(framer{conn, 1}, "OCI runtime exec failed: exec failed: unable to start container process: exec: %q: stat %s: no such file or directory: unknown\r\n", x.command[0], x.command[0])
	case p.Exec != nil:
		exit = p.Exec(Process{Args: args, Stdin: stdin, Stdout: framer{conn, 1}, Stderr: framer{conn, 2}})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	x.running, x.exit = false, &exit
	attributes["exitCode"] = strconv.Itoa(exit)
	x.b.emit("exec_die", attributes)
}
