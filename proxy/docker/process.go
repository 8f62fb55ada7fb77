package docker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNotVisible says that the processes of a container cannot be seen from this machine or this process.
var ErrNotVisible = errors.New("the container's processes are not visible here")

// ProcessDir is the folder in /proc of the first process of a running container, as inspected by Container. The error
// wraps ErrNotVisible when the engine is on another machine, in a virtual machine, or counts processes in another
// namespace: the process of that number is then another one, or none.
func (c *Client) ProcessDir(container Container) (string, error) {
	if !strings.HasPrefix(c.Host(), "unix://") || container.Run.PID <= 0 || container.ID == "" {
		return "", ErrNotVisible
	}
	dir := filepath.Join("/proc", strconv.Itoa(container.Run.PID))
	group, err := os.ReadFile(filepath.Join(dir, "cgroup"))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotVisible, err)
	}
	if !strings.Contains(string(group), container.ID) {
		return "", ErrNotVisible
	}
	return dir, nil
}
