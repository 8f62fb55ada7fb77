package engine

import (
	"errors"
	"io"

	"gateway/proxy/header"
	"gateway/proxy/http1"
	"gateway/proxy/socket"
)

// bodyRelay relays the body of a response.
type bodyRelay struct {
	f    *forwarding
	sink flusher
	// wrapped is the outermost transformer, nil without one: only then are sent bytes counted here.
	wrapped Sink
}

// spliceFrom is the size from which a body is spliced.
const spliceFrom = 64 << 10

// wrap inserts the transformers, the last one nearest to the target.
func (r *bodyRelay) wrap() {
	sink := r.f.x.sink()
	r.sink, r.wrapped = sink, sink
}

// pass relays the body as it arrives: it sends what there is before it waits for more.
func (r *bodyRelay) pass() error {
	var trailers header.Header
	var err error
	switch length := r.f.x.response.Length; length {
	case http1.Chunked:
		trailers, err = r.passChunked()
	case http1.UntilClose:
		r.f.reusable = false
		err = r.passAll()
	default:
		err = r.passCounted(length)
	}
	if err != nil {
		return err
	}
	r.f.reusable = r.f.reusable && r.f.from == r.f.got
	r.f.checkTrailing()
	if r.wrapped != nil {
		if err := r.wrapped.Close(); err != nil {
			return failResponse(r.f.x, err)
		}
	}
	return r.f.x.end(trailers)
}

// write sends a piece.
func (r *bodyRelay) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := r.sink.Write(p)
	if r.wrapped == nil {
		r.f.x.sent += int64(n)
	}
	if err != nil {
		return undeliverable(r.f.x, err)
	}
	return nil
}

// await sends what there is and waits for more. The error is io.EOF, or that of the exchange.
func (r *bodyRelay) await() error {
	if err := r.sink.Flush(); err != nil {
		return undeliverable(r.f.x, err)
	}
	r.f.x.setTimeout(r.f.link.sock, r.f.x.engine.config.Pause)
	full := r.f.got == len(r.f.buf)
	if full && r.f.large == nil {
		r.f.grow()
	}
	err := r.f.readMore()
	// While the client reads, only its timeout applies.
	r.f.x.setTimeout(r.f.link.sock, 0)
	if err == io.EOF {
		return err
	}
	if err != nil {
		return failResponse(r.f.x, err)
	}
	return nil
}

// awaitMore is await for bodies that may not end with the connection.
func (r *bodyRelay) awaitMore() error {
	err := r.await()
	if err == io.EOF {
		return failResponse(r.f.x, io.ErrUnexpectedEOF)
	}
	return err
}

func (r *bodyRelay) passCounted(left int64) error {
	for {
		n := int(min(left, int64(r.f.got-r.f.from)))
		if err := r.write(r.f.buf[r.f.from : r.f.from+n]); err != nil {
			return err
		}
		r.f.from += n
		left -= int64(n)
		if left == 0 {
			return nil
		}
		if to := r.f.x.client.plain(); left >= spliceFrom && to != nil && to.Splices() && r.wrapped == nil && r.f.link.plain() {
			if pipe := socket.NewPipe(); pipe != nil {
				return r.splice(pipe, to, left)
			}
		}
		if err := r.awaitMore(); err != nil {
			return err
		}
	}
}

// splice splices the rest of the body.
func (r *bodyRelay) splice(pipe *socket.Pipe, to *socket.Socket, left int64) error {
	defer pipe.Release()
	if err := r.f.x.client.Flush(); err != nil {
		return r.f.x.clientFailed(err)
	}
	for left > 0 {
		r.f.x.setTimeout(r.f.link.sock, r.f.x.engine.config.Pause)
		n, err := pipe.Fill(r.f.link.sock, left)
		r.f.x.setTimeout(r.f.link.sock, 0)
		if err != nil {
			return failResponse(r.f.x, truncated(err))
		}
		if err := pipe.Empty(to); err != nil {
			return r.f.x.clientFailed(err)
		}
		left -= int64(n)
		r.f.x.sent += int64(n)
		r.f.x.client.moved(int64(n))
	}
	return nil
}

func (r *bodyRelay) passChunked() (header.Header, error) {
	r.f.x.decoder.Reset()
	r.f.x.decoder.Response = true
	for {
		piece, n, done, err := r.f.x.decoder.Next(r.f.buf[r.f.from:r.f.got])
		r.f.from += n
		if err := r.write(piece); err != nil {
			return nil, err
		}
		switch {
		case done:
			return r.f.x.decoder.Trailers, nil
		case errors.Is(err, http1.ErrIncomplete):
			if err := r.awaitMore(); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, failResponse(r.f.x, err)
		}
	}
}

func (r *bodyRelay) passAll() error {
	for {
		if err := r.write(r.f.buf[r.f.from:r.f.got]); err != nil {
			return err
		}
		r.f.from = r.f.got
		if err := r.await(); err != nil {
			if err == io.EOF && r.f.link.cutOff() {
				return failResponse(r.f.x, io.ErrUnexpectedEOF)
			}
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
}
