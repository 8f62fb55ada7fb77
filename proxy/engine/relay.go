package engine

import (
	"errors"
	"io"

	"gateway/proxy/header"
	"gateway/proxy/http1"
	"gateway/proxy/socket"
)

// relaying is the body of an answer on its way.
type relaying struct {
	*forwarding
	sink flusher
	// wrapped is the outermost transformer, nil when there is none: bytes that are sent are counted here only then.
	wrapped Sink
}

// spliceFrom is from how many bytes on a body passes without being read into memory.
const spliceFrom = 64 << 10

// wrap puts the transformers in the way, the last one nearest to the target.
func (r *relaying) wrap() {
	sink := r.Exchange.sink()
	r.sink, r.wrapped = sink, sink
}

// pass sends the body on as it comes: whatever is there is sent before more is waited for.
func (r *relaying) pass() error {
	var trailers header.Header
	var err error
	switch length := r.answer.Length; length {
	case http1.Chunked:
		trailers, err = r.passChunked()
	case http1.UntilClose:
		r.reusable = false
		err = r.passAll()
	default:
		err = r.passCounted(length)
	}
	if err != nil {
		return err
	}
	r.reusable = r.reusable && r.from == r.got
	r.note()
	if r.wrapped != nil {
		if err := r.wrapped.Close(); err != nil {
			return breakOff(r.Exchange, err)
		}
	}
	return r.end(trailers)
}

// write sends a piece on.
func (r *relaying) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := r.sink.Write(p)
	if r.wrapped == nil {
		r.sent += int64(n)
	}
	if err != nil {
		return undeliverable(r.Exchange, err)
	}
	return nil
}

// await sends on what there is and waits for more. The error is io.EOF as it is, or says what became of the exchange.
func (r *relaying) await() error {
	if err := r.sink.Flush(); err != nil {
		return undeliverable(r.Exchange, err)
	}
	r.bound(r.link.sock, r.engine.config.Pause)
	full := r.got == len(r.buf)
	if full && r.large == nil {
		r.grow()
	}
	err := r.more()
	// What was read is the client's to take, in a time of its own.
	r.bound(r.link.sock, 0)
	if err == io.EOF {
		return err
	}
	if err != nil {
		return breakOff(r.Exchange, err)
	}
	return nil
}

// awaitMore is await for bodies that may not end with the connection.
func (r *relaying) awaitMore() error {
	err := r.await()
	if err == io.EOF {
		return breakOff(r.Exchange, io.ErrUnexpectedEOF)
	}
	return err
}

func (r *relaying) passCounted(left int64) error {
	for {
		n := int(min(left, int64(r.got-r.from)))
		if err := r.write(r.buf[r.from : r.from+n]); err != nil {
			return err
		}
		r.from += n
		left -= int64(n)
		if left == 0 {
			return nil
		}
		if to := r.visitor.plain(); left >= spliceFrom && to != nil && to.Splices() && r.wrapped == nil && r.link.plain() {
			if pipe := socket.NewPipe(); pipe != nil {
				return r.splice(pipe, to, left)
			}
		}
		if err := r.awaitMore(); err != nil {
			return err
		}
	}
}

// splice moves the rest of the body from socket to socket.
func (r *relaying) splice(pipe *socket.Pipe, to *socket.Socket, left int64) error {
	defer pipe.Release()
	if err := r.visitor.Flush(); err != nil {
		return r.gone(err)
	}
	for left > 0 {
		r.bound(r.link.sock, r.engine.config.Pause)
		n, err := pipe.Fill(r.link.sock, left)
		r.bound(r.link.sock, 0)
		if err != nil {
			return breakOff(r.Exchange, broken(err))
		}
		if err := pipe.Empty(to); err != nil {
			return r.gone(err)
		}
		left -= int64(n)
		r.sent += int64(n)
		r.visitor.moved(int64(n))
	}
	return nil
}

func (r *relaying) passChunked() (header.Header, error) {
	r.decoder.Reset()
	r.decoder.Answer = true
	for {
		piece, n, done, err := r.decoder.Next(r.buf[r.from:r.got])
		r.from += n
		if err := r.write(piece); err != nil {
			return nil, err
		}
		switch {
		case done:
			return r.decoder.Trailers, nil
		case errors.Is(err, http1.ErrIncomplete):
			if err := r.awaitMore(); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, breakOff(r.Exchange, err)
		}
	}
}

func (r *relaying) passAll() error {
	for {
		if err := r.write(r.buf[r.from:r.got]); err != nil {
			return err
		}
		r.from = r.got
		if err := r.await(); err != nil {
			if err == io.EOF && r.link.cutOff() {
				return breakOff(r.Exchange, io.ErrUnexpectedEOF)
			}
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
}
