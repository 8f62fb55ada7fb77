package engine

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// Frames of HTTP/2 (RFC 9113 section 6) and their flags.
const (
	dataFrame, headersFrame, resetFrame, settingsFrame, goAwayFrame, continuationFrame = 0, 1, 3, 4, 7, 9
	endStream, endHeaders                                                              = 1, 4
)

// wire is a client that speaks HTTP/2 byte by byte, and so can send what no library would.
type wire struct {
	net.Conn
	t testing.TB
}

type wireFrame struct {
	kind, flags byte
	stream      uint32
	payload     []byte
}

// dialWire begins a connection with the settings given.
func dialWire(t testing.TB, address string, secure bool, settings ...byte) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	w := &wire{conn, t}
	if _, err := io.WriteString(conn, preface); err != nil {
		t.Fatal(err)
	}
	w.send(settingsFrame, 0, 0, settings)
	return w
}

// send sends one frame.
func (w *wire) send(kind, flags byte, stream uint32, payload []byte) {
	w.t.Helper()
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	head = binary.BigEndian.AppendUint32(append(head, flags), stream)
	if _, err := w.Write(append(head, payload...)); err != nil {
		w.t.Fatal(err)
	}
}

// ask sends the head of a request, as names and values in turn.
func (w *wire) ask(stream uint32, flags byte, fields ...string) {
	w.t.Helper()
	var block []byte
	for i := 0; i < len(fields); i += 2 {
		// A literal that is not indexed and has a new name (RFC 7541 section 6.2.2).
		block = append(block, 0)
		for _, text := range fields[i : i+2] {
			block = append(lengthOf(block, len(text)), text...)
		}
	}
	kind := byte(headersFrame)
	for ; len(block) > maxFrame; block = block[maxFrame:] {
		w.send(kind, flags, stream, block[:maxFrame])
		kind, flags = continuationFrame, 0
	}
	w.send(kind, flags|endHeaders, stream, block)
}

// lengthOf appends an integer with a prefix of 7 bits (RFC 7541 section 5.1).
func lengthOf(b []byte, n int) []byte {
	if n < 127 {
		return append(b, byte(n))
	}
	return binary.AppendUvarint(append(b, 127), uint64(n-127))
}

// next reads frames up to one that is for a stream, or that ends the connection, and acknowledges settings.
func (w *wire) next() wireFrame {
	w.t.Helper()
	for {
		f := w.read()
		switch {
		case f.kind == settingsFrame && f.flags == 0:
			w.send(settingsFrame, 1, 0, nil)
		case f.stream != 0 || f.kind == goAwayFrame:
			return f
		}
	}
}

func (w *wire) read() wireFrame {
	w.t.Helper()
	var head [9]byte
	if _, err := io.ReadFull(w, head[:]); err != nil {
		w.t.Fatal("reading a frame:", err)
	}
	f := wireFrame{kind: head[3], flags: head[4], stream: binary.BigEndian.Uint32(head[5:])}
	f.payload = make([]byte, binary.BigEndian.Uint32(head[:])>>8)
	if _, err := io.ReadFull(w, f.payload); err != nil {
		w.t.Fatal("reading a frame:", err)
	}
	return f
}

// body reads the frames of a stream until it ends, and returns the head, the data, and the code of a reset or 0.
func (w *wire) body() (head, data []byte, reset uint32) {
	w.t.Helper()
	for {
		f := w.next()
		switch f.kind {
		case headersFrame:
			head = append(head, f.payload...)
		case dataFrame:
			data = append(data, f.payload...)
		case resetFrame:
			return head, data, binary.BigEndian.Uint32(f.payload)
		case goAwayFrame:
			w.t.Fatalf("the connection ends: %q", f.payload)
		}
		if f.flags&endStream != 0 && f.kind <= headersFrame {
			return head, data, 0
		}
	}
}
