package accesslog

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestLog_CountsWhatAFullDeviceDoesNotTake(t *testing.T) {
	var said watched
	l := opened(t, Config{Path: "/dev/full", Logger: slog.New(slog.NewTextHandler(&said, nil))})
	stop := running(t, l)
	for range 100 {
		l.Append(&Entry{RequestID: "x"})
	}
	stop()
	if l.Dropped() != 100 || !strings.Contains(said.String(), syscall.ENOSPC.Error()) {
		t.Errorf("%d are lost; it says\n%s", l.Dropped(), said.String())
	}
}

func TestOpen_DoesNotWaitForTheReaderOfAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Path: path}); err == nil || !strings.Contains(err.Error(), "reads it first") {
		t.Errorf("without a reader: %v", err)
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	l := opened(t, Config{Path: path})
	stop := running(t, l)
	l.Append(&Entry{RequestID: "x"})
	stop()
	buf := make([]byte, 4096)
	if n, err := reader.Read(buf); err != nil || !strings.HasSuffix(string(buf[:n]), "}\n") {
		t.Errorf("its reader got %q, %v", buf[:n], err)
	}
}

func TestLog_WritesOnToTheFileThatStandardOutputIs(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l := opened(t, Config{Writer: w})
	stop := running(t, l)
	if err := l.Reopen(); err != nil {
		t.Error(err)
	}
	l.Append(&Entry{RequestID: "x"})
	stop()
	if _, err := w.WriteString("still open\n"); err != nil {
		t.Error(err)
	}
	_ = w.Close()
	buf := make([]byte, 4096)
	if n, err := r.Read(buf); err != nil || !strings.Contains(string(buf[:n]), "}\nstill open\n") {
		t.Errorf("its reader got %q, %v", buf[:n], err)
	}
}
