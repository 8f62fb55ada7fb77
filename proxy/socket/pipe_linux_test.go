//go:build linux && !portable

package socket

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestPipe_MovesBytesFromOneSocketToAnother(t *testing.T) {
	w := watching(t)
	from, source := pair(t, w)
	to, sink := pair(t, w)
	body := bytes.Repeat([]byte("splice"), 1_000_000)
	go func() { _, _ = source.Write(body); _ = source.CloseWrite() }()
	got := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(sink)
		got <- all
	}()
	p := NewPipe()
	defer p.Release()
	moved := 0
	for {
		// One byte is left for later, to see that no more is taken than asked for.
		n, err := p.Fill(from, int64(max(len(body)-1-moved, 1)))
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		moved += n
		if err := p.Empty(to); err != nil {
			t.Fatal(err)
		}
	}
	_ = to.CloseWrite()
	if all := <-got; !bytes.Equal(all, body) || moved != len(body) {
		t.Errorf("%d bytes of %d were moved, %d arrived", moved, len(body), len(all))
	}
}

func TestPipe_TimesOutWhenAPeerReadsNothing(t *testing.T) {
	w := watching(t)
	from, source := pair(t, w)
	to, _ := pair(t, w)
	to.WriteTimeout(20 * time.Millisecond)
	go func() { _, _ = source.Write(make([]byte, 64<<20)) }()
	p := NewPipe()
	for {
		if _, err := p.Fill(from, 64<<20); err != nil {
			t.Fatalf("filling: %v", err)
		}
		if err := p.Empty(to); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%v, want a timeout", err)
			}
			break
		}
	}
	if from.Interrupted() {
		t.Error("the other side was blamed")
	}
	ends := []int{p.in, p.out}
	p.Release()
	for _, fd := range ends {
		if err := syscall.Fstat(fd, new(syscall.Stat_t)); err != syscall.EBADF {
			t.Errorf("a pipe that holds bytes stays open: %v", err)
		}
	}
	if other := NewPipe(); other == p {
		t.Error("a pipe that holds bytes was used again")
	}
}
