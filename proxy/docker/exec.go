package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// Exec runs a command in a running container as the container's user. Reading from the connection reads the command's
// stdout, writing writes its stdin; CloseWrite, which the connection has too, ends its stdin, and Close ends the
// connection, upon which a command that reads its stdin ends. Once stdout has ended, reading says io.EOF if the command
// ended well, else an error with the exit code and what the command wrote to stderr. The context bounds the start alone.
// Deadlines work as on the connection to the engine.
func (c *Client) Exec(ctx context.Context, container string, command []string) (net.Conn, error) {
	// Of a script, the first line is enough to know it by.
	line, _, _ := strings.Cut(strings.Join(command, " "), "\n")
	what := fmt.Sprintf("running %s in container %s", strings.TrimSpace(line), container)
	if err := given("container", container); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	var conn net.Conn
	err := c.link.do(ctx, what, func(s *session) error {
		created, err := s.sdk.ExecCreate(ctx, container, client.ExecCreateOptions{
			AttachStdin: true, AttachStdout: true, AttachStderr: true, Cmd: command,
		})
		if err != nil {
			return err
		}
		raw, rest, err := c.link.attach(ctx, s, created.ID)
		if err != nil {
			return err
		}
		conn = &execConn{
			Conn: raw, name: what, frames: frames{from: rest},
			status: func(ctx context.Context) (status, error) { return c.link.exit(ctx, s, created.ID) },
		}
		return nil
	})
	return conn, err
}

// attach starts an exec and takes over the connection. The SDK's way cannot be cancelled once it is connected, and
// drops the engine's words when it refuses.
func (l *link) attach(ctx context.Context, s *session, id string) (conn net.Conn, rest *bufio.Reader, err error) {
	conn, err = l.dial(ctx, "", "")
	if err != nil {
		return nil, nil, err
	}
	release := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		if !release() && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			_ = conn.Close()
		}
	}()
	to := l.base
	to.Path = strings.TrimSuffix(l.base.Path, "/") + "/v" + s.api + "/exec/" + id + "/start"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), strings.NewReader(`{"Detach":false,"Tty":false}`))
	if err != nil {
		return nil, nil, err
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Connection": {"Upgrade"}, "Upgrade": {"tcp"}}
	if err := req.Write(conn); err != nil {
		return nil, nil, err
	}
	rest = bufio.NewReader(conn)
	resp, err := http.ReadResponse(rest, req)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		defer resp.Body.Close()
		return nil, nil, refused(resp)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols && resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("the engine answered %s instead of handing over the connection", resp.Status)
	}
	return conn, rest, nil
}

// status is how an exec ended.
type status struct {
	Running  bool
	ExitCode *int
}

// patience bounds the wait for the exit code of a command whose output has ended.
const patience = 2 * time.Second

// exit waits for an exec's end, which the engine may note a little after the output has ended.
func (l *link) exit(ctx context.Context, s *session, id string) (status, error) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		var now status
		if err := l.get(ctx, s, "/exec/"+id+"/json", &now); err != nil {
			return now, err
		}
		if !now.Running && now.ExitCode != nil {
			return now, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// execConn is a command in a container as a connection.
type execConn struct {
	net.Conn
	name   string
	status func(context.Context) (status, error)

	mu     sync.Mutex // guards what follows; held while reading
	frames frames
	ended  error
}

// Read reads the command's stdout.
func (c *execConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil || len(p) == 0 {
		return 0, c.ended
	}
	n, err := c.frames.Read(p)
	if errors.Is(err, io.EOF) {
		c.ended = c.end()
		err = c.ended
	}
	return n, err
}

// end says how the command ended.
func (c *execConn) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stderr := strings.TrimSpace(c.frames.stderr.String())
	now, err := c.status(ctx)
	switch {
	case err != nil && stderr != "":
		return fmt.Errorf("%s: %s", c.name, stderr)
	case err != nil:
		return fmt.Errorf("%s: asking for its exit code: %w", c.name, err)
	case *now.ExitCode == 0:
		return io.EOF
	case stderr == "":
		return fmt.Errorf("%s: exit code %d", c.name, *now.ExitCode)
	}
	return fmt.Errorf("%s: exit code %d: %s", c.name, *now.ExitCode, stderr)
}

// CloseWrite ends the command's stdin.
func (c *execConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// frames reads the stdout out of the engine's framing of two streams. A read that fails with a deadline can be repeated.
type frames struct {
	from   io.Reader
	head   [8]byte
	have   int    // bytes of head that were read
	left   uint32 // bytes of the frame that were not
	stderr tail
}

// maxComplaint bounds what is kept of stderr.
const maxComplaint = 4 << 10

// Read reads stdout.
func (f *frames) Read(p []byte) (int, error) {
	for {
		if f.left == 0 {
			if err := f.next(); err != nil {
				return 0, err
			}
			continue
		}
		to := p[:min(len(p), int(min(f.left, 1<<30)))]
		n, err := f.from.Read(to)
		f.left -= uint32(n)
		if err != nil && f.left > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if stdcopy.StdType(f.head[0]) == stdcopy.Stdout {
			return n, err
		}
		f.stderr.limit = maxComplaint
		_, _ = f.stderr.Write(to[:n])
		if err != nil {
			return 0, err
		}
	}
}

// next reads the head of the next frame: the stream, three zeros, the length.
func (f *frames) next() error {
	if f.have == len(f.head) {
		f.have = 0
	}
	for f.have < len(f.head) {
		n, err := f.from.Read(f.head[f.have:])
		f.have += n
		if err != nil && f.have < len(f.head) {
			if f.have > 0 && errors.Is(err, io.EOF) {
				return io.ErrUnexpectedEOF
			}
			return err
		}
	}
	if stream := stdcopy.StdType(f.head[0]); stream > stdcopy.Systemerr || !bytes.Equal(f.head[1:4], []byte{0, 0, 0}) {
		return fmt.Errorf("the engine sent a frame that begins with % x", f.head)
	}
	f.left = binary.BigEndian.Uint32(f.head[4:])
	return nil
}
