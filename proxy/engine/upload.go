package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"gateway/proxy/header"
	"gateway/proxy/http1"
	"gateway/proxy/socket"
)

// sending sends the body of a request while the response is awaited: the target may respond at any time.
type sending struct {
	f *forwarding
	// ended is closed when sending has ended; done reports that all of the body was sent.
	ended chan struct{}
	done  atomic.Bool
	// responding reports that the final response has begun.
	responding atomic.Bool
}

// upload sends the head, and the body while it receives the response.
func (f *forwarding) upload() error {
	f.buf = f.x.back
	if err := f.sendHead(); err != nil {
		return err
	}
	f.sending = &sending{f: f, ended: make(chan struct{})}
	return f.finish(f.sending.Serve())
}

// sendHead sends the head over a connection that accepts it. Nothing of the body was read before.
func (f *forwarding) sendHead() error {
	for {
		l := f.link
		f.x.setTimeout(l.sock, f.x.engine.config.Response)
		err := l.check()
		if err == nil {
			_, err = l.stream.Write(f.x.out)
		}
		if err == nil {
			f.x.out = f.x.outs[:0]
			return nil
		}
		if err == socket.ErrStale && l.idleInput() == inputUnsolicited {
			f.to.markUnusable()
		}
		l.close()
		switch {
		case !l.used:
			return fmt.Errorf("%w: %w", ErrConnect, err)
		case f.step:
			return f.unpinned()
		}
		if err := f.connect(); err != nil {
			return err
		}
	}
}

// check checks whether a kept connection can still be used.
func (l *link) check() error {
	if l.used && (!l.sock.Usable() || !l.plain() && l.hasBuffered()) {
		return socket.ErrStale
	}
	return nil
}

// hasBuffered reports that TLS has unsolicited bytes.
func (l *link) hasBuffered() bool {
	l.sock.InterruptRead()
	defer l.sock.ResumeRead()
	n, err := l.stream.Read(l.peeked[:])
	return n > 0 || !timedOut(err)
}

// Serve sends the body and receives the response at the same time. It stops sending when the response is complete; if
// some of the body is left, neither connection is reused.
func (s *sending) Serve() error {
	whole := false
	go func() {
		defer close(s.ended)
		s.send()
	}()
	// A target that does not read blocks both directions, and Cut reaches neither.
	spare := context.AfterFunc(s.f.x.engine.base, s.f.link.sock.Interrupt)
	defer spare()
	// Deferred, since a hook may panic.
	defer func() {
		if !whole {
			s.f.reusable = false
			s.f.link.sock.Interrupt()
			s.f.x.client.stopBody()
		}
		<-s.ended
		s.f.x.client.settleBody()
	}()
	err := s.f.receive()
	whole = err == nil && s.settled()
	return err
}

// settleTime is how long a response may precede the end of sending and still count as one to the complete request: a
// target that has all of it may respond before this side knows.
const settleTime = 5 * time.Millisecond

// settled reports whether all of the body was sent, or will be in a moment.
func (s *sending) settled() bool {
	if !s.done.Load() {
		timer := time.NewTimer(settleTime)
		defer timer.Stop()
		select {
		case <-s.ended:
		case <-timer.C:
		}
	}
	return s.done.Load()
}

// send sends the body.
func (s *sending) send() {
	// How long a target may pause in reading is the write timeout of its socket.
	s.setTimeout(0)
	err := s.sendBody()
	if err == nil {
		s.done.Store(true)
		s.setTimeout(s.f.x.engine.config.Response)
		// Nothing is read from the client from now on, so watch whether it disconnects.
		s.f.x.client.watch(s.f.link.sock.Interruption(), underWay)
		return
	}
	if unread, ok := errors.AsType[*clientError](err); ok {
		s.f.x.failBody(unread.error)
		s.f.link.sock.Interrupt()
		return
	}
	// The target reads no more; it may have responded.
	s.setTimeout(s.f.x.engine.config.Response)
}

// setTimeout limits the waits for the target until its response begins, which has its own timeouts.
func (s *sending) setTimeout(d time.Duration) {
	if s.responding.Load() {
		return
	}
	s.f.x.setTimeout(s.f.link.sock, d)
	if s.responding.Load() {
		// It has begun meanwhile.
		s.f.x.setTimeout(s.f.link.sock, s.f.x.engine.config.Pause)
	}
}

// clientError is an error in reading from the client.
type clientError struct{ error }

func (s *sending) sendBody() error {
	buf := s.f.x.engine.borrow()
	var pipe *socket.Pipe
	var err error
	if s.f.x.Request.Length < 0 {
		err = s.sendChunked(buf[:])
	} else {
		pipe, err = s.sendCounted(buf[:])
	}
	s.f.x.engine.giveBack(buf)
	if pipe != nil {
		return s.moveBody(pipe, s.f.x.spliced)
	}
	return err
}

// sendCounted sends a body of known length. It stops where the rest can be spliced, and returns the pipe for that.
func (s *sending) sendCounted(buf []byte) (*socket.Pipe, error) {
	for {
		if b := s.f.x.spliced; b != nil && s.f.link.plain() && b.spliceable() >= spliceFrom {
			if pipe := socket.NewPipe(); pipe != nil {
				return pipe, nil
			}
		}
		n, err := s.f.x.body.Read(buf)
		if n > 0 {
			if err := s.write(buf[:n]); err != nil {
				return nil, err
			}
		}
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, &clientError{err}
		}
	}
}

// moveBody splices the rest of the body.
func (s *sending) moveBody(pipe *socket.Pipe, b *bodyReader) error {
	defer pipe.Release()
	for {
		last := b.spliceTo(pipe)
		if last != nil && last != io.EOF {
			return &clientError{last}
		}
		if err := pipe.Empty(s.f.link.sock); err != nil || last == io.EOF {
			return err
		}
	}
}

func (s *sending) write(p []byte) error {
	_, err := s.f.link.stream.Write(p)
	return err
}

// trailers returns those of the client's body.
func (s *sending) trailers() header.Header {
	if s.f.x.trailer == nil {
		return nil
	}
	return s.f.x.trailer.trailers()
}

// chunkRoom is the room before a chunk for its size.
const chunkRoom = 8

func (s *sending) sendChunked(buf []byte) error {
	for {
		n, err := s.f.x.body.Read(buf[chunkRoom : len(buf)-2])
		if n > 0 {
			if err := s.write(chunkOf(buf, n)); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return s.write(http1.AppendLastChunk(buf[:0], s.trailers()))
		}
		if err != nil {
			return &clientError{err}
		}
	}
}

// chunkOf makes a chunk of the n bytes after the room for its size.
func chunkOf(buf []byte, n int) []byte {
	var size [chunkRoom]byte
	line := http1.AppendChunk(size[:0], n)
	start := chunkRoom - len(line)
	copy(buf[start:], line)
	copy(buf[chunkRoom+n:], "\r\n")
	return buf[start : chunkRoom+n+2]
}
