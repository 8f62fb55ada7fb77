package projects

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestMain lets the test binary be the other process that holds a lock, and waits less for the engine in memory.
func TestMain(m *testing.M) {
	if root := os.Getenv("GATEWAY_TEST_LOCK"); root != "" {
		holdLock(root)
		return
	}
	settleTime = 500 * time.Millisecond
	rolloutPoll = time.Millisecond
	os.Exit(m.Run())
}

func holdLock(root string) {
	store, err := NewStore(root)
	if err != nil {
		panic(err)
	}
	unlock, err := store.Lock(context.Background(), "robots")
	if err != nil {
		panic(err)
	}
	defer unlock()
	fmt.Println("held")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

func TestLock_NamesTheProcessThatHoldsIt(t *testing.T) {
	store := newStore(t)
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "GATEWAY_TEST_LOCK="+store.Root())
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("the other process: %q %v", line, err)
	}
	_, err = store.lock(t.Context(), "robots", 10*time.Millisecond)
	if !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", other.Process.Pid)) {
		t.Errorf("got %v, want process %d", err, other.Process.Pid)
	}
	if unlock, err := store.lock(t.Context(), "blog", 0); err != nil {
		t.Errorf("another project: %v", err)
	} else {
		unlock()
	}
	// Killed, it lets go.
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait()
	_ = stdin.Close()
	unlock, err := store.Lock(t.Context(), "robots")
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	onlyProjects(t, store)
}

func TestLock_LetsOneInAtATime(t *testing.T) {
	store := newStore(t)
	var inside, entered atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				unlock, err := store.lock(context.Background(), "robots", time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two are inside")
				}
				entered.Add(1)
				inside.Add(-1)
				unlock()
			}
		})
	}
	all.Wait()
	if entered.Load() != 40 {
		t.Errorf("%d got in", entered.Load())
	}
}

// Whoever releases a lock removes the folders that were made for it, at any moment of another's attempt.
func TestLock_OutlivesFoldersThatGo(t *testing.T) {
	store := newStore(t)
	done := make(chan struct{})
	var removing sync.WaitGroup
	removing.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				_ = os.Remove(filepath.Join(store.root, locks))
				_ = os.Remove(store.root)
			}
		}
	})
	for range 200 {
		unlock, err := store.lock(t.Context(), "robots", time.Minute)
		if err != nil {
			t.Error(err)
			break
		}
		unlock()
	}
	close(done)
	removing.Wait()
}

func TestLock_EndsWithTheContext(t *testing.T) {
	store := newStore(t)
	unlock, err := store.Lock(t.Context(), "robots")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Lock(ctx, "robots"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestLock_SaysWhatToDoAboutAFolderThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := NewStore(filepath.Join(file, "projects"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Lock(t.Context(), "robots"); err == nil || !strings.Contains(err.Error(), "--projects") {
		t.Errorf("lock: %v", err)
	}
	if err := store.checkRoom(0); err == nil || !strings.Contains(err.Error(), "--projects") {
		t.Errorf("room: %v", err)
	}
}

func TestCheckRoom_LeavesNothingBehind(t *testing.T) {
	store := newStore(t)
	if err := store.checkRoom(0); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(filepath.Dir(store.Root())); err != nil || len(entries) != 0 {
		t.Errorf("left %v %v", entries, err)
	}
	if err := store.checkRoom(1 << 62); err == nil || !strings.Contains(err.Error(), "free") {
		t.Errorf("more than any disk has: %v", err)
	}
}
