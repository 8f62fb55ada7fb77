//go:build unix

package cmd

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"gateway/cmd/cli/clitest"
)

// startServe starts a process of its own, as an admin would, and waits until it answers.
func startServe(t *testing.T, stderr io.Writer, args ...string) (serve *exec.Cmd, answers func() bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := l.Addr().String()
	_ = l.Close()
	dir := t.TempDir()
	// The test's program is the gateway's when it is called that.
	serve = exec.CommandContext(t.Context(), self)
	serve.Args = []string{"gateway", "serve", "--listen", web, "--ping", "", "--state", "", "--socket", filepath.Join(dir, "s")}
	serve.Args = append(serve.Args, args...)
	serve.Stderr = stderr
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	answers = func() bool {
		res, err := http.Get("http://" + web + "/")
		return err == nil && res.Body.Close() == nil
	}
	clitest.Patiently(t, "an answer", answers)
	return serve, answers
}

func TestServe_IsNotEndedBySIGHUP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	for name, args := range map[string][]string{"without a log": nil, "with one": {"--access-log", path}} {
		t.Run(name, func(t *testing.T) {
			serve, answers := startServe(t, t.Output(), args...)
			if args != nil {
				if err := os.Rename(path, path+".1"); err != nil {
					t.Fatal(err)
				}
			}
			if err := serve.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			clitest.Patiently(t, "the new file", func() bool { return args == nil || clitest.LinesOf(path) >= 0 })
			if !answers() {
				t.Error("it does not answer any more")
			}
			if err := errors.Join(serve.Process.Signal(syscall.SIGTERM), serve.Wait()); err != nil {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestServe_OutlivesWhoeverReadWhatItSays(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	defer w.Close()
	path := filepath.Join(t.TempDir(), "access.log")
	serve, answers := startServe(t, w, "--access-log", path)
	if err := errors.Join(os.Remove(path), serve.Process.Signal(syscall.SIGHUP)); err != nil {
		t.Fatal(err)
	}
	clitest.Patiently(t, "the new file", func() bool { return clitest.LinesOf(path) >= 0 })
	if !answers() {
		t.Error("it does not answer any more")
	}
	if err := errors.Join(serve.Process.Signal(syscall.SIGTERM), serve.Wait()); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestAdd_OutlivesWhoeverReadWhatItSays(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	defer w.Close()
	add := exec.CommandContext(t.Context(), self)
	// It warns of a folder without an index before it finds that there is no engine.
	add.Args = []string{"gateway", "add", "portfolio", "--path", "/x", "--dir", t.TempDir(), "--projects", t.TempDir(), "--docker-host", "unix:///nonexistent"}
	add.Stderr = w
	_ = add.Run()
	if code := add.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("it ended with %v", add.ProcessState)
	}
}
