package http1

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"
)

func TestDecoder_LendsPiecesOfTheBuffer(t *testing.T) {
	var d Decoder
	buf := []byte("3\r\nabc\r\n4\r\nde")
	for _, want := range []struct {
		piece string
		n     int
		err   error
	}{{"abc", 8, nil}, {"de", 5, nil}, {"", 0, ErrIncomplete}} {
		piece, n, done, err := d.Next(buf)
		if string(piece) != want.piece || n != want.n || done || !errors.Is(err, want.err) {
			t.Fatalf("%q, %d, %v, %v, want %+v", piece, n, done, err, want)
		}
		if len(piece) > 0 && uintptr(unsafe.Pointer(&piece[0]))-uintptr(unsafe.Pointer(&buf[0])) >= uintptr(len(buf)) {
			t.Error("the piece is not in the buffer")
		}
		buf = buf[n:]
	}
}

func TestDecoder_IsReadyAgainAfterReset(t *testing.T) {
	var d Decoder
	for range 3 {
		if _, n, done, err := d.Next([]byte("0\r\nX: 1\r\n\r\nrest")); n != 11 || !done || err != nil || len(d.Trailers) != 1 {
			t.Fatal(n, done, err, d.Trailers)
		}
		if _, n, done, err := d.Next([]byte("rest")); n != 0 || !done || err != nil {
			t.Fatal("after the end: ", n, done, err)
		}
		d.Reset()
		if len(d.Trailers) != 0 {
			t.Fatal("trailers stay")
		}
		if _, _, _, err := d.Next([]byte("x")); !errors.Is(err, badSize) {
			t.Fatal(err)
		}
		d.Reset()
	}
}

// TestDecoder_NeedsAShortRest feeds bodies in pieces of any size through a buffer of MaxTrailers bytes, which must
// suffice.
func TestDecoder_NeedsAShortRest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var coded []byte
		var want strings.Builder
		for range random.IntN(20) {
			data := strings.Repeat("d", 1+random.IntN(1+random.IntN(9000)))
			want.WriteString(data)
			coded = append(AppendChunk(coded, len(data)), data+"\r\n"...)
		}
		line := "0;" + strings.Repeat("e", random.IntN(MaxChunkLine-5)) + "e\r\n"
		coded = append(coded, line+"X: "+strings.Repeat("t", random.IntN(MaxTrailers-7))+"\r\n\r\n"...)
		var d Decoder
		var got strings.Builder
		buf := make([]byte, 0, MaxTrailers)
		for done := false; !done; {
			if len(buf) == cap(buf) || len(coded) == 0 {
				t.Fatalf("stuck with %d bytes of which none is done with, and %d to come", len(buf), len(coded))
			}
			n := min(1+random.IntN(cap(buf)), cap(buf)-len(buf), len(coded))
			buf, coded = append(buf, coded[:n]...), coded[n:]
			buf, done = drain(t, &d, buf, &got)
		}
		if got.String() != want.String() || len(coded) > 0 || len(buf) > 0 || len(d.Trailers) != 1 {
			t.Fatalf("%d bytes and %v, want %d bytes", got.Len(), d.Trailers, want.Len())
		}
	}
}

// drain reads all that can be read of buf, and moves the rest to its start.
func drain(t *testing.T, d *Decoder, buf []byte, body *strings.Builder) (rest []byte, done bool) {
	t.Helper()
	at := 0
	for {
		piece, n, done, err := d.Next(buf[at:])
		body.Write(piece)
		at += n
		switch {
		case errors.Is(err, ErrIncomplete), done:
			return buf[:copy(buf, buf[at:])], done
		case err != nil:
			t.Fatal(err)
		}
	}
}

func TestDecoder_DropsFieldsThatAreNoTrailers(t *testing.T) {
	for _, name := range []string{
		"Host", "Content-Length", "transfer-encoding", "Connection", "TE", "Upgrade", "Trailer", "Authorization", "Cookie", "Set-Cookie",
		"Content-Encoding", "Content-Type", "Content-Range", "Cache-Control", "Expect", "Max-Forwards", "Range", "If-None-Match", "If-X",
		"X-Forwarded-For", "X_Real.IP", "Forwarded", "Proxy", "Location", "Date", "Vary", "Age", "WWW-Authenticate", "Proxy-Authorization",
	} {
		var d Decoder
		if _, _, done, err := d.Next([]byte("0\r\n" + name + ": 1\r\nETag: x\r\n\r\n")); !done || err != nil || len(d.Trailers) != 1 || d.Trailers[0].Name != "ETag" {
			t.Errorf("%s: %v, %v, %v", name, done, err, d.Trailers)
		}
	}
}
