package engine

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"gateway/proxy/socket"
)

// corked returns a cork and the other end of its connection.
func corked(t *testing.T) (*cork, net.Conn) {
	t.Helper()
	e := New(Config{Handler: &carrier{hooks: none{}}, Timeouts: Timeouts{Write: soon}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	k := newCork(e, socket.New(conn, e.watch))
	t.Cleanup(func() { _ = k.Close(); _ = other.Close() })
	_ = other.SetDeadline(time.Now().Add(patience))
	return k, other
}

func TestCork_SendsEverythingInOrder(t *testing.T) {
	k, other := corked(t)
	var want bytes.Buffer
	got := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(other)
		got <- all
	}()
	write := func(p []byte) {
		want.Write(p)
		if n, err := k.Write(p); n != len(p) || err != nil {
			t.Errorf("wrote %d of %d, %v", n, len(p), err)
		}
	}
	write([]byte("before "))
	k.Serve(func() {
		for i := range 2000 {
			write(bytes.Repeat([]byte{byte(i)}, i))
		}
		for range 50 {
			write(make([]byte, 3*largeBuffer))
			write([]byte("small"))
		}
		write([]byte("last"))
	})
	write([]byte(" after"))
	_ = k.Close()
	if all := <-got; !bytes.Equal(all, want.Bytes()) {
		t.Errorf("%d bytes arrived, want the %d that were written", len(all), want.Len())
	}
}

func TestCork_SendsWhatWaitsBeforeItCloses(t *testing.T) {
	k, other := corked(t)
	k.Serve(func() {
		_, _ = k.Write([]byte("goodbye"))
		_ = k.Close()
	})
	if all, err := io.ReadAll(other); string(all) != "goodbye" || err != nil {
		t.Errorf("%q, %v", all, err)
	}
}

func TestCork_ReturnsErrorsAndEnds(t *testing.T) {
	k, other := corked(t)
	_ = other.Close()
	k.Serve(func() {
		for range 1_000_000 {
			if _, err := k.Write(make([]byte, 1000)); err != nil {
				return
			}
		}
		t.Error("no write to a closed connection failed")
	})
}

// The library may write a frame in another goroutine while the connection ends. The race detector sees it best.
func TestCork_MayBeWrittenToAsItsWorkEnds(t *testing.T) {
	first, other := corked(t)
	go func() { _, _ = io.Copy(io.Discard, other) }()
	for range 2000 {
		k := newCork(first.engine, first.Socket)
		var writers sync.WaitGroup
		for range 8 {
			writers.Go(func() {
				for range 3 {
					_, _ = k.Write([]byte("frame"))
				}
			})
		}
		k.Serve(func() {})
		writers.Wait()
	}
}

// TLS sends its last alert and makes every later write fail at once.
func TestCork_SendsWhatWaitsBeforeADeadlineThatHasPassed(t *testing.T) {
	for range 50 {
		k, other := corked(t)
		k.Serve(func() {
			_, _ = k.Write([]byte("goodbye"))
			_ = k.SetWriteDeadline(past)
			_ = k.Close()
		})
		if all, err := io.ReadAll(other); string(all) != "goodbye" || err != nil {
			t.Fatalf("%q, %v", all, err)
		}
	}
}

// A peer that reads nothing, or slowly, does not keep a connection from being closed.
func TestCork_ClosesWhileSomethingIsOnItsWay(t *testing.T) {
	for _, size := range []int{largeBuffer / 2, 64 << 20} {
		k, _ := corked(t)
		full, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			k.Serve(func() {
				// More than the send buffer takes.
				for {
					if _, err := k.Write(make([]byte, size)); err != nil {
						return
					}
				}
			})
		}()
		go func() {
			defer close(full)
			eventually(t, k.waiting)
			_ = k.Close()
		}()
		closed(t, "Close returns", full)
		closed(t, "Serve returns", ended)
	}
}

// Many goroutines write at once, some more than the buffer holds, and nothing is lost or mixed.
func TestCork_KeepsTheOrderOfEachWriter(t *testing.T) {
	k, other := corked(t)
	const writers, rounds = 4, 60
	got := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(other)
		got <- all
	}()
	k.Serve(func() {
		var all sync.WaitGroup
		for w := range byte(writers) {
			all.Go(func() {
				for i := range byte(rounds) {
					size := 8
					if i%4 == w {
						size = largeBuffer + 8
					}
					p := bytes.Repeat([]byte{w}, size)
					p[0], p[1], p[2] = 255, i, byte(size/largeBuffer)
					_, _ = k.Write(p)
				}
			})
		}
		all.Wait()
	})
	_ = k.Close()
	var next [writers]byte
	for all := <-got; len(all) > 0; {
		size := 8
		if all[2] == 1 {
			size += largeBuffer
		}
		w := all[3]
		if all[0] != 255 || all[1] != next[w] || len(all) < size || bytes.Count(all[3:size], []byte{w}) != size-3 {
			t.Fatalf("%d bytes before the end comes % x", len(all), all[:8])
		}
		next[w]++
		all = all[size:]
	}
	if next != [writers]byte{rounds, rounds, rounds, rounds} {
		t.Errorf("came %v", next)
	}
}
