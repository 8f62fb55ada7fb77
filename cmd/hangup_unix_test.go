//go:build unix

package cmd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gateway/proxy/accesslog"
)

func hangUp(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// patiently repeats a check until it holds.
func patiently(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(15*time.Second)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func linesOf(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return -1
	}
	return strings.Count(string(text), "\n")
}

func TestRunLogged_OpensTheLogAnewOnSIGHUP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	logger := slog.New(slog.DiscardHandler)
	access, err := accessLogOptions{path: path, format: "json"}.open(&Env{}, logger)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	err = runLogged(ctx, access, logger, func(ctx context.Context) error {
		access.Append(&accesslog.Entry{Status: 200})
		patiently(t, "the first line", func() bool { return linesOf(path) == 1 })
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		hangUp(t)
		patiently(t, "the new file", func() bool { return linesOf(path) == 0 })
		stop()
		<-ctx.Done()
		// A request that ends after all others were told to has its line.
		access.Append(&accesslog.Entry{Status: 200})
		return io.EOF
	})
	if err != io.EOF || linesOf(path) != 1 || linesOf(path+".1") != 1 {
		t.Errorf("it ended with %v, and files of %d and %d lines", err, linesOf(path+".1"), linesOf(path))
	}
}

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
	patiently(t, "an answer", answers)
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
			patiently(t, "the new file", func() bool { return args == nil || linesOf(path) >= 0 })
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
	patiently(t, "the new file", func() bool { return linesOf(path) >= 0 })
	if !answers() {
		t.Error("it does not answer any more")
	}
	if err := errors.Join(serve.Process.Signal(syscall.SIGTERM), serve.Wait()); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestOutliveTerminal_InterruptsWhatHangsUp(t *testing.T) {
	ctx, stop := outliveTerminal(t.Context())
	defer stop()
	hangUp(t)
	select {
	case <-ctx.Done():
	case <-time.After(15 * time.Second):
		t.Error("it goes on")
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
