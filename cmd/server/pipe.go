package server

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

func newPipe(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:    "pipe",
		Short:  "Connect stdin and stdout to the admin socket",
		Long:   "Runs inside the proxy's container, so that commands outside reach the admin socket through docker exec.",
		Hidden: true,
		Args:   cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return pipe{in: env.In, out: env.Out, path: env.Socket()}.Run(c.Context())
		},
	}
}

// pipe joins a pair of streams to the admin socket.
type pipe struct {
	in   io.Reader
	out  io.Writer
	path string
}

// Run copies both ways until the socket's side ends. It does not wait for the reading of in, which may stay open long
// after: the process ends with it.
func (p pipe) Run(ctx context.Context) error {
	conn, err := cli.DialUnix(ctx, p.path)
	if err != nil {
		return fmt.Errorf("%w at %s: %w", cli.ErrNoGateway, p.path, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	go func() {
		if _, err := io.Copy(conn, p.in); err != nil {
			conn.Close()
			return
		}
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}()
	if _, err := io.Copy(p.out, conn); err != nil && ctx.Err() == nil {
		return fmt.Errorf("copying from %s: %w", p.path, err)
	}
	return nil
}
