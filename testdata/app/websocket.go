package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net/http"
)

// upgrade echoes WebSocket frames of up to 125 bytes (RFC 6455 section 5.2), as much of the protocol as a test needs.
func upgrade(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if key == "" {
		http.Error(w, "this is for WebSockets", http.StatusUpgradeRequired)
		return
	}
	conn, stream, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	stream.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")
	for stream.Flush() == nil {
		frame, err := readFrame(stream.Reader)
		if err != nil {
			return
		}
		stream.Write(frame)
	}
}

// readFrame reads one masked frame and returns it as a server sends it: unmasked.
func readFrame(r *bufio.Reader) ([]byte, error) {
	const longest = 125
	var head [6]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := int(head[1] & 0x7f)
	if size > longest {
		return nil, io.ErrShortBuffer
	}
	frame := append([]byte{head[0], byte(size)}, make([]byte, size)...)
	if _, err := io.ReadFull(r, frame[2:]); err != nil {
		return nil, err
	}
	for i := range size {
		frame[2+i] ^= head[2+i%4]
	}
	return frame, nil
}
