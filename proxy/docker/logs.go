package docker

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// maxLogs bounds what Logs returns; older lines go first.
const maxLogs = 1 << 20

// Logs returns the last lines that a container wrote to stdout and stderr, in the order the engine has them: as many as
// tail says, all when it is 0 or less, and no more than a megabyte. The error wraps ErrNotFound when there is none.
func (c *Client) Logs(ctx context.Context, nameOrID string, lines int) (string, error) {
	what := "reading the logs of container " + nameOrID
	if err := given("container", nameOrID); err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	options := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "all"}
	if lines > 0 {
		options.Tail = strconv.Itoa(lines)
	}
	kept := &tail{limit: maxLogs}
	err := c.link.do(ctx, what, func(s *session) error {
		i, err := c.link.inspect(ctx, s, nameOrID)
		if err != nil {
			return err
		}
		logs, err := s.sdk.ContainerLogs(ctx, i.ID, options)
		if err != nil {
			return err
		}
		defer logs.Close()
		if i.Config.Tty { // a terminal is one stream, without frames
			_, err = io.Copy(kept, logs)
			return err
		}
		_, err = stdcopy.StdCopy(kept, kept, logs)
		return err
	})
	return kept.String(), err
}
