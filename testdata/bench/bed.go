package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"gateway/testdata/bench/peer"
)

// Cores: the proxy has one to itself, and everything else that works has the other.
const (
	proxyCore = 0
	loadCore  = 1
)

// bed is what all measurements share: the programs, the certificate, two backends.
type bed struct {
	options
	dir   string
	setup peer.Setup
	wrk   string // the script that makes wrk print figures
	kill  []func()
}

// newBed makes a folder for the run and starts the backends. The caller stops it.
func newBed(ctx context.Context, o options) (*bed, error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	b := &bed{options: o, dir: dir, wrk: filepath.Join(dir, "wrk.lua")}
	b.kill = append(b.kill, func() { os.RemoveAll(dir) })
	if err := b.alone(ctx); err != nil {
		b.stop()
		return nil, err
	}
	b.setup = peer.Setup{
		Dir: dir, Bin: o.bin, Gateway: o.gateway, HTTP: o.port + 2, Backend: o.port, HotPort: o.port + 1, Routes: 100,
		Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), Pair: filepath.Join(dir, "pair.pem"),
	}
	if b.setup.Gateway == "" {
		b.setup.Gateway = filepath.Join(o.bin, "gateway")
	}
	err = certify(b.setup)
	if err == nil {
		err = os.WriteFile(b.wrk, []byte(wrkScript), 0o600)
	}
	for i, mark := range []string{"a", "b"} {
		if err == nil {
			err = b.backend(o.port+i, mark)
		}
	}
	if err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

// alone waits until no other bench runs on this machine: they would disturb each other, and use the same ports.
func (b *bed) alone(ctx context.Context) error {
	file, err := os.OpenFile(filepath.Join(os.TempDir(), "gateway-bench.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("waiting for other runs: %w", err)
	}
	b.kill = append(b.kill, func() { file.Close() })
	for waits := 0; ; waits++ {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("waiting for other runs: %w", err)
		}
		if waits == 0 {
			fmt.Fprintln(os.Stderr, "waiting for another run of the bench to end")
		}
		if err := pause(ctx, time.Second/2); err != nil {
			return err
		}
	}
}

func (b *bed) backend(port int, mark string) error {
	cmd, log, err := peer.Launch(filepath.Join(b.dir, "backend-"+mark), loadCore,
		filepath.Join(b.bin, "backend"), "--port", strconv.Itoa(port), "--mark", mark, "--addresses", strconv.Itoa(peer.Replicas))
	if err != nil {
		return err
	}
	b.kill = append(b.kill, func() { peer.Kill(cmd, log) })
	return nil
}

func (b *bed) stop() {
	for _, kill := range slices.Backward(b.kill) {
		kill()
	}
}

// onLoadCore is a command beside the backend.
func onLoadCore(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "taskset", append([]string{"-c", strconv.Itoa(loadCore), name}, args...)...)
}
