package engine

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
)

func TestEngine_AnswersBrokenChunks(t *testing.T) {
	r, p := through(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST /x/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	t.Log(<-p.fails)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(resp.Status)
}
