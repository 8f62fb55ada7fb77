package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// sshCommand is what connects to the engine on another machine: the docker command there passes its standard streams
// on to the engine's socket.
func sshCommand(host string) ([]string, error) {
	u, err := url.Parse(host)
	if err != nil {
		return nil, err
	}
	if _, has := u.User.Password(); has {
		return nil, errors.New("a password in the address is not supported: use an ssh key")
	}
	if u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("write ssh://[USER@]HOST[:PORT]")
	}
	cmd := []string{"ssh", "-T", "-o", "ConnectTimeout=30", "-o", "ServerAliveInterval=15"}
	if name := u.User.Username(); name != "" {
		cmd = append(cmd, "-l", name)
	}
	if port := u.Port(); port != "" {
		cmd = append(cmd, "-p", port)
	}
	cmd = append(cmd, "--", u.Hostname(), "docker")
	if socket := strings.Trim(u.Path, "/"); socket != "" {
		if strings.ContainsAny(socket, " \t\n'\"\\$`;&|<>*?()") {
			return nil, fmt.Errorf("the socket path /%s has characters that a shell reads", socket)
		}
		cmd = append(cmd, "--host", "unix:///"+socket)
	}
	return append(cmd, "system", "dial-stdio"), nil
}

// commandConn is a command's standard streams as a connection. Closing it ends the command.
type commandConn struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
	stderr *tail
	ended  func() error
}

// dialCommand starts a command to talk through. Like any dialer's, its context does not bound the connection's life.
func dialCommand(ctx context.Context, command []string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cmd := exec.Command(command[0], command[1:]...)
	c := &commandConn{cmd: cmd, stderr: &tail{limit: 4 << 10}}
	cmd.Stderr = c.stderr
	var err error
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.stdout, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: command[0], Err: err}
	}
	c.ended = sync.OnceValue(cmd.Wait)
	return c, nil
}

// Read reads the command's output; at its end the error has what the command complained of.
func (c *commandConn) Read(p []byte) (int, error) {
	n, err := c.stdout.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if failed := c.ended(); failed != nil {
		err = fmt.Errorf("%s: %w: %s", c.cmd.Args[0], failed, strings.TrimSpace(c.stderr.String()))
		return n, &net.OpError{Op: "read", Net: c.cmd.Args[0], Err: err}
	}
	return n, err
}

// Write writes to the command's input.
func (c *commandConn) Write(p []byte) (int, error) { return c.stdin.Write(p) }

// CloseWrite ends the command's input.
func (c *commandConn) CloseWrite() error { return c.stdin.Close() }

// Close ends the command and waits for its end.
func (c *commandConn) Close() error {
	_ = c.stdin.Close()
	_ = c.cmd.Process.Kill()
	_ = c.stdout.Close()
	_ = c.ended()
	return nil
}

// LocalAddr names the command.
func (c *commandConn) LocalAddr() net.Addr { return pipeAddr("local") }

// RemoteAddr names the command.
func (c *commandConn) RemoteAddr() net.Addr { return pipeAddr(strings.Join(c.cmd.Args, " ")) }

// SetDeadline bounds reads and writes where the system can bound them on pipes.
func (c *commandConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline bounds reads where the system can bound them on pipes.
func (c *commandConn) SetReadDeadline(t time.Time) error {
	if f, ok := c.stdout.(interface{ SetReadDeadline(time.Time) error }); ok {
		return f.SetReadDeadline(t)
	}
	return os.ErrNoDeadline
}

// SetWriteDeadline bounds writes where the system can bound them on pipes.
func (c *commandConn) SetWriteDeadline(t time.Time) error {
	if f, ok := c.stdin.(interface{ SetWriteDeadline(time.Time) error }); ok {
		return f.SetWriteDeadline(t)
	}
	return os.ErrNoDeadline
}

// pipeAddr is the address of something that is reached through a process.
type pipeAddr string

// Network says that it is no network.
func (pipeAddr) Network() string { return "pipe" }

// String names the process.
func (a pipeAddr) String() string { return string(a) }

// tail keeps the last bytes written to it. It is safe for concurrent use.
type tail struct {
	limit int
	mu    sync.Mutex
	kept  bytes.Buffer
}

// Write keeps the last bytes of p and never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept.Write(p)
	if excess := t.kept.Len() - t.limit; excess > 0 {
		t.kept.Next(excess)
	}
	return len(p), nil
}

// String returns what is kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept.String()
}
