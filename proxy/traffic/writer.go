package traffic

import (
	"bufio"
	"io"
	"mime"
	"net"
	"net/http"
)

// Writer passes an answer on and notes what it was. What it does not do itself, http.ResponseController finds in the
// writer below.
type Writer struct {
	http.ResponseWriter
	status   int
	bytes    int64
	hijacked bool
}

// Watch returns a Writer for w.
func Watch(w http.ResponseWriter) *Writer { return &Writer{ResponseWriter: w} }

// Status is the answer's status, 0 as long as there is none. An upgraded connection has 101.
func (w *Writer) Status() int { return w.status }

// Bytes is the size of the answer's body so far. What goes over an upgraded connection is not counted.
func (w *Writer) Bytes() int64 { return w.bytes }

// Streamed reports whether the answer is one whose duration says nothing about latency: an upgraded connection or
// server-sent events.
func (w *Writer) Streamed() bool {
	if w.hijacked {
		return true
	}
	kind, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type"))
	return kind == "text/event-stream"
}

// WriteHeader implements http.ResponseWriter.
func (w *Writer) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	w.begin()
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom, with that of the writer below if it has one.
func (w *Writer) ReadFrom(source io.Reader) (int64, error) {
	w.begin()
	n, err := io.Copy(w.ResponseWriter, source)
	w.bytes += n
	return n, err
}

func (w *Writer) begin() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

// Hijack implements http.Hijacker.
func (w *Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.hijacked, w.status = true, http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

// Unwrap lets http.ResponseController find the rest.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
