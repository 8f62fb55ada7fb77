package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"
)

// responseSize is the number of bytes of a proxy's response, head and body, over TLS 1.3.
func responseSize(port int, path string, fresh bool, body int) (int, error) {
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13} //nolint:gosec // to ourselves
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), config)
	if err != nil {
		return 0, fmt.Errorf("requesting one response: %w", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	fields := ""
	if fresh {
		fields = "Connection: close\r\n"
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n", path, port, fields); err != nil {
		return 0, fmt.Errorf("requesting one response: %w", err)
	}
	var got []byte
	for end := -1; end < 0 || len(got) < end+4+body; end = bytes.Index(got, []byte("\r\n\r\n")) {
		part := make([]byte, 64<<10)
		n, err := conn.Read(part)
		got = append(got, part[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("requesting one response: %w", err)
		}
	}
	return len(got), nil
}
