package engine

import (
	"cmp"
	"io"
	"net"
	"slices"
	"sync/atomic"

	"gateway/proxy/header"
	"gateway/proxy/http1"
	"gateway/proxy/socket"
)

// bodyReader reads the body of a request of HTTP/1.1 that did not arrive completely with its head. One goroutine reads;
// done is safe for concurrent use.
type bodyReader struct {
	conn *conn
	// left is the number of bytes to come of a body with a length; a chunked body has a decoder.
	left    int64
	chunked bool
	decoder http1.Decoder
	// buf[from:to] was read and not decoded; piece was decoded and not returned.
	piece    []byte
	buf      *[largeBuffer]byte
	from, to int
	done     atomic.Bool
	err      error
}

func (b *bodyReader) reset(c *conn, length int64) {
	b.conn = c
	b.left, b.chunked, b.piece, b.err = length, length == http1.Chunked, nil, nil
	b.done.Store(false)
	b.decoder.Reset()
}

// Read implements io.Reader. The error is io.EOF at the end; any other error is permanent.
func (b *bodyReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	var n int
	if b.chunked {
		n, b.err = b.readChunked(p)
	} else {
		n, b.err = b.readCounted(p)
	}
	return n, b.err
}

func (b *bodyReader) readCounted(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	c := b.conn
	n := copy(p, c.inbox.in[c.inbox.from:c.inbox.to])
	c.inbox.from += n
	var err error
	if n == 0 {
		n, err = b.await(p)
	}
	return n, b.consumed(int64(n), err)
}

// await waits for more bytes. The timeout applies only while the client is waited for, not while the target is.
func (b *bodyReader) await(p []byte) (int, error) {
	c := b.conn
	c.sock.Within(c.engine.config.Body)
	defer c.sock.Within(0)
	return c.stream.Read(p)
}

// consumed notes bytes that were read of a body with a length.
func (b *bodyReader) consumed(n int64, err error) error {
	b.conn.x.received.Add(n)
	b.left -= n
	if b.left == 0 {
		b.done.Store(true)
		return io.EOF
	}
	return truncated(err)
}

// truncated returns the error of a body that ends too early.
func truncated(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readChunked returns the next decoded piece. It reads from the connection only when there is none.
func (b *bodyReader) readChunked(p []byte) (int, error) {
	c := b.conn
	if b.buf == nil {
		b.buf, b.from, b.to = c.engine.borrow(), 0, 0
	}
	for len(b.piece) == 0 {
		piece, n, done, err := b.decoder.Next(b.buf[b.from:b.to])
		b.from += n
		b.piece = piece
		if done {
			b.done.Store(true)
			return 0, io.EOF
		}
		if err == http1.ErrIncomplete && len(piece) == 0 {
			err = b.refill()
		}
		if err != nil && err != http1.ErrIncomplete {
			return 0, err
		}
	}
	n := copy(p, b.piece)
	b.piece = b.piece[n:]
	c.x.received.Add(int64(n))
	return n, nil
}

// refill reads more bytes for the decoder.
func (b *bodyReader) refill() error {
	c := b.conn
	b.to = copy(b.buf[:], b.buf[b.from:b.to])
	b.from = 0
	if n := copy(b.buf[b.to:], c.inbox.in[c.inbox.from:c.inbox.to]); n > 0 {
		c.inbox.from += n
		b.to += n
		return nil
	}
	n, err := b.await(b.buf[b.to:])
	b.to += n
	if n > 0 {
		return nil
	}
	return cmp.Or(truncated(err), io.ErrUnexpectedEOF)
}

// trailers returns the trailer fields of a body that was read to its end.
func (b *bodyReader) trailers() header.Header { return b.decoder.Trailers }

// spliceable is the number of bytes that can be spliced from the socket, 0 if some were read already.
func (b *bodyReader) spliceable() int64 {
	c := b.conn
	if b.chunked || c.stream != net.Conn(c.sock) || !c.sock.Splices() || c.inbox.from < c.inbox.to || b.err != nil {
		return 0
	}
	return b.left
}

// spliceTo moves a part of the body into a pipe. The error is io.EOF at the end.
func (b *bodyReader) spliceTo(pipe *socket.Pipe) error {
	c := b.conn
	c.sock.Within(c.engine.config.Body)
	n, err := pipe.Fill(c.sock, b.left)
	c.sock.Within(0)
	b.err = b.consumed(int64(n), err)
	return b.err
}

// more reports that bytes after the body were read.
func (b *bodyReader) more() bool { return b.buf != nil && b.from < b.to }

// release returns the memory. Bytes after the body move to the inbox, in new memory, since the request still borrows
// the old.
func (b *bodyReader) release() {
	if b.buf == nil {
		return
	}
	c := b.conn
	if rest := b.buf[b.from:b.to]; len(rest) > 0 && !c.over {
		c.inbox.in = slices.Concat(rest, c.inbox.in[c.inbox.from:c.inbox.to])
		c.inbox.from, c.inbox.seen, c.inbox.to = 0, 0, len(c.inbox.in)
	}
	c.engine.giveBack(b.buf)
	b.buf = nil
}

// borrow lends a large buffer until giveBack.
func (e *Engine) borrow() *[largeBuffer]byte {
	b, _ := e.large.Get().(*[largeBuffer]byte)
	return b
}

func (e *Engine) giveBack(b *[largeBuffer]byte) { e.large.Put(b) }
