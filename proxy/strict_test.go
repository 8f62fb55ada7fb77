package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
)

// errMalformed means that a message is not HTTP as RFC 9112 defines it. A message that merely breaks off is an
// io.ErrUnexpectedEOF, or the error of the connection.
var errMalformed = errors.New("malformed")

// message is a request or a response as it came over the wire.
type message struct {
	// start is the request line or status line, without its CRLF.
	start string
	// fields and trailers are the field lines in their order and spelling.
	fields, trailers []string
	// body is what the reader kept of it.
	body bytes.Buffer
}

// Ends of a body other than a number of bytes.
const (
	endChunked = -1
	endClose   = -2
)

// values returns all values of a field.
func values(fields []string, name string) []string {
	var found []string
	for _, f := range fields {
		if key, value, _ := strings.Cut(f, ":"); strings.EqualFold(key, name) {
			found = append(found, strings.Trim(value, " \t"))
		}
	}
	return found
}

// value returns the values of a field of the head, joined as RFC 9110 section 5.3 has it.
func (m *message) value(name string) string { return strings.Join(values(m.fields, name), ", ") }

// status is that of a response, 0 of anything else.
func (m *message) status() int {
	if len(m.start) < len("HTTP/1.1 200") {
		return 0
	}
	code, _ := strconv.Atoi(m.start[9:12])
	return code
}

// closes reports that the sender ends the connection after this message.
func (m *message) closes() bool {
	said := strings.ToLower(m.value("Connection"))
	if strings.Contains(m.start, "HTTP/1.0") {
		return !strings.Contains(said, "keep-alive")
	}
	return strings.Contains(said, "close")
}

// readLine returns a line without its CRLF. A bare LF or CR is malformed.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		if errors.Is(err, io.EOF) && line != "" {
			err = io.ErrUnexpectedEOF
		}
		return line, err
	}
	text, found := strings.CutSuffix(line, "\r\n")
	if !found || strings.ContainsAny(text, "\r\x00") {
		return line, fmt.Errorf("%w: the line %q", errMalformed, line)
	}
	return text, nil
}

// readFields reads field lines and the empty line after them.
func readFields(r *bufio.Reader) ([]string, error) {
	var fields []string
	for {
		line, err := readLine(r)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil || line == "" {
			return fields, err
		}
		name, _, found := strings.Cut(line, ":")
		if !found || name == "" || strings.ContainsAny(name, " \t\"(),/;<=>?@[\\]{}") {
			return fields, fmt.Errorf("%w: the field %q", errMalformed, line)
		}
		fields = append(fields, line)
	}
}

// readHead reads a head. The error is io.EOF if no byte came.
func readHead(r *bufio.Reader) (*message, error) {
	start, err := readLine(r)
	if err != nil {
		return &message{start: start}, err
	}
	fields, err := readFields(r)
	return &message{start: start, fields: fields}, err
}

// framing is how the body ends by RFC 9112 section 6.3. It is without when no field frames a body.
func (m *message) framing(without int64) (int64, error) {
	coding, length := values(m.fields, "Transfer-Encoding"), values(m.fields, "Content-Length")
	switch {
	case len(coding)+len(length) == 0:
		return without, nil
	case len(coding)+len(length) > 1:
		return 0, fmt.Errorf("%w: coding %q and length %q", errMalformed, coding, length)
	case len(coding) == 1 && (!strings.EqualFold(coding[0], "chunked") || strings.Contains(m.start, "HTTP/1.0")):
		return 0, fmt.Errorf("%w: coding %q after %q", errMalformed, coding, m.start)
	case len(coding) == 1:
		return endChunked, nil
	}
	n, err := strconv.ParseUint(length[0], 10, 62)
	if err != nil {
		return 0, fmt.Errorf("%w: length %q", errMalformed, length)
	}
	return int64(n), nil
}

// readBody copies the body. If it breaks off, the error is that of the connection, or io.ErrUnexpectedEOF.
func (m *message) readBody(r *bufio.Reader, to io.Writer, end int64) error {
	switch end {
	case endClose:
		_, err := io.Copy(to, r)
		return err
	case endChunked:
		return m.readChunks(r, to)
	}
	_, err := io.CopyN(to, r, end)
	return cutShort(err)
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readChunks removes the chunked coding. It refuses extensions: the gateway sends none.
func (m *message) readChunks(r *bufio.Reader, to io.Writer) error {
	for {
		line, err := readLine(r)
		if err != nil {
			return cutShort(err)
		}
		size, err := strconv.ParseUint(line, 16, 31)
		if err != nil {
			return fmt.Errorf("%w: the chunk size %q", errMalformed, line)
		}
		if size == 0 {
			m.trailers, err = readFields(r)
			return err
		}
		if _, err := io.CopyN(to, r, int64(size)); err != nil {
			return cutShort(err)
		}
		if after, err := readLine(r); err != nil || after != "" {
			return errors.Join(cutShort(err), fmt.Errorf("after a chunk: %q", after))
		}
	}
}

// readRequest reads a request and keeps its body.
func readRequest(r *bufio.Reader) (*message, error) {
	m, err := readHead(r)
	if err != nil {
		return m, err
	}
	end, err := m.framing(0)
	if err != nil {
		return m, err
	}
	return m, m.readBody(r, &m.body, end)
}

// readResponse reads a response to a request of that method; a nil to keeps the body.
func readResponse(r *bufio.Reader, method string, to io.Writer) (*message, error) {
	m, err := readHead(r)
	if err != nil {
		return m, err
	}
	if m.status() < 100 || m.start[:7] != "HTTP/1." || m.start[8] != ' ' || len(m.start) > 12 && m.start[12] != ' ' {
		return m, fmt.Errorf("%w: the status line %q", errMalformed, m.start)
	}
	end, err := m.framing(endClose)
	switch status := m.status(); {
	case err != nil:
		return m, err
	case (status < 200 || status == 204) && end != endClose:
		return m, fmt.Errorf("%w: a %d with a length", errMalformed, status)
	case status < 200 || status == 204 || status == 304 || method == "HEAD":
		return m, nil
	}
	if to == nil {
		to = &m.body
	}
	return m, m.readBody(r, to, end)
}

func TestReadResponse_IsStrict(t *testing.T) {
	for text, want := range map[string]error{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok":                                      nil,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n":   nil,
		"HTTP/1.0 200 OK\r\n\r\nok":                                                           nil,
		"":                                                                                    io.EOF,
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok":                                      io.ErrUnexpectedEOF,
		"HTTP/1.1 200 OK\r\nContent-Le":                                                       io.ErrUnexpectedEOF,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n":                    io.ErrUnexpectedEOF,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n":               io.ErrUnexpectedEOF,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n":                          errMalformed,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n": errMalformed,
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                      errMalformed,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok":                 errMalformed,
		"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok":                                     errMalformed,
		"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok":                                        errMalformed,
		"HTTP/1.1 200 OK\r\nA : b\r\n\r\n":                                                    errMalformed,
		"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n":                                               errMalformed,
		"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n":                                errMalformed,
		"no HTTP at all\r\n\r\n":                                                              errMalformed,
	} {
		if _, err := readResponse(bufio.NewReader(strings.NewReader(text)), "GET", nil); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}
