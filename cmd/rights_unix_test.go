//go:build unix

package cmd

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A user who may not use the engine's socket is told so by every command, whatever else it would say.
func TestForbiddenSocket_IsTheReasonEverywhere(t *testing.T) {
	// The folders of tests are closed to other users.
	dir, err := os.MkdirTemp("", "gw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "gateway")
	for _, err := range []error{os.WriteFile(binary, self, 0o755), os.Chmod(dir, 0o755), os.Chmod(socket, 0), os.WriteFile(filepath.Join(dir, "index.html"), nil, 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range []string{
		"ls", "ls --json", "status", "up", "down", "routes", "add portfolio --path /x", "add portfolio --path /x --dry-run", "show club", "logs club",
		"stop club", "start club", "deploy club", "rollback club", "move club --path /y", "rm club --yes", "pause club", "resume club", "network ls",
		"stats", "stats club", "slack show --project club", "slack rm-link x --project club", "network create chess", "network rm chess",
	} {
		c := exec.Command(binary, strings.Fields(command)...)
		c.Dir = dir
		c.Env = []string{"DOCKER_HOST=unix://" + socket, "HOME=" + dir, "GATEWAY_PROJECTS=" + filepath.Join(dir, "projects"), "PATH=" + os.Getenv("PATH")}
		if os.Geteuid() == 0 {
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := c.CombinedOutput()
		text := string(out)
		if err == nil || c.ProcessState.ExitCode() != exitFailed {
			t.Errorf("%s ends with %v, want exit code %d", command, err, exitFailed)
		}
		if !strings.Contains(text, "no permission on the Docker socket "+socket) || !strings.Contains(text, "sudo") || !strings.Contains(text, "group docker") {
			t.Errorf("%s does not name the reason and the fix:\n%s", command, text)
		}
		for _, wrong := range []string{"no project in", "gateway up", "install.sh", "no such project", "no gateway is running"} {
			if strings.Contains(text, wrong) {
				t.Errorf("%s says %q:\n%s", command, wrong, text)
			}
		}
		if n := strings.Count(text, "no permission on"); n != 1 && command != "ls --json" {
			t.Errorf("%s says it %d times:\n%s", command, n, text)
		}
	}
}
