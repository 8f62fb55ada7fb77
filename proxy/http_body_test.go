package proxy

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"gateway/proxy/route"
)

// large is the size of a large body, held that of one that is held back; enough is what the gateway may use of its heap
// meanwhile: more than its buffers, and far less than a body. What the system holds for the sockets is up to 40 MiB.
const (
	large  = 100 << 20
	held   = 64 << 20
	enough = 1 << 20
)

// stuff is a body of that many bytes that nobody can guess, and their hash.
func stuff(size int64) (io.Reader, hash.Hash) {
	sum := sha256.New()
	var seed [32]byte
	return io.TeeReader(io.LimitReader(rand.NewChaCha8(seed), size), sum), sum
}

// pour sends a body, in the chunked coding or as it is, and tells how that went.
func pour(to io.Writer, body io.Reader, chunked bool) <-chan error {
	sent := make(chan error, 1)
	go func() {
		last := ""
		if chunked {
			to, last = chunks{to}, chunk("")
		}
		_, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{body}, make([]byte, 64<<10))
		if err == nil && chunked {
			_, err = io.WriteString(to.(chunks).Writer, last)
		}
		sent <- err
	}()
	return sent
}

// drain reads a body behind its head and compares it with what was sent.
func drain(t *testing.T, from *line, head *message, sent <-chan error, want hash.Hash) {
	t.Helper()
	end, err := head.framing(0)
	if err != nil {
		t.Fatal(err)
	}
	got := sha256.New()
	if err := head.readBody(from.r, got, end); err != nil {
		t.Fatalf("reading the body: %v", err)
	}
	if err := <-sent; err != nil {
		t.Fatalf("sending the body: %v", err)
	}
	if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Error("the body changed on its way")
	}
}

// long gives a transfer the time that it takes on a busy machine.
func long(lines ...*line) {
	for _, l := range lines {
		_ = l.SetDeadline(time.Now().Add(time.Minute))
	}
}

// chunks makes chunks of what is written.
type chunks struct{ io.Writer }

func (c chunks) Write(p []byte) (int, error) {
	_, err := io.WriteString(c.Writer, chunk(string(p)))
	return len(p), err
}

// heap is how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// meter is a body that asks for the gateway's heap once in every few MiB.
type meter struct {
	io.Reader
	gateway *apart
	left    int
	most    uint64
}

func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		m.left = 8 << 20
		now, err := m.gateway.heap()
		if err != nil {
			return 0, fmt.Errorf("asking for the heap: %w", err)
		}
		m.most = max(m.most, now)
	}
	n, err := m.Reader.Read(p)
	m.left -= n
	return n, err
}

// TestHTTP_PassesLargeBodiesBothWays has a gateway in a process of its own, so that nothing but the exchange is measured.
func TestHTTP_PassesLargeBodiesBothWays(t *testing.T) {
	for name, size := range map[string]int64{"length": large, "chunked": held} {
		t.Run(name, func(t *testing.T) {
			o := play(t)
			p := startApart(t, mount(t, "/", route.Preserve, o.Target))
			before, err := p.heap()
			if err != nil {
				t.Fatal(err)
			}
			if most := exchangeLarge(t, p, o, name == "chunked", size); most > before+enough {
				t.Errorf("the heap grew from %d KiB to %d KiB", before>>10, most>>10)
			}
			p.end(t)
		})
	}
}

// exchangeLarge sends a large request, and then its answer, and returns the most that the gateway's heap had in use.
func exchangeLarge(t *testing.T, p *apart, o *origin, chunked bool, size int64) uint64 {
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	v := newLine(t, conn)
	v.send(ask("POST", "/x", "", framed(chunked, size)))
	target := o.next(t)
	long(v, target)
	body, want := stuff(size)
	request := &meter{Reader: body, gateway: p}
	drain(t, target, target.head(), pour(v, request, chunked), want)
	target.send("HTTP/1.1 200 OK\r\n" + framed(chunked, size) + "\r\n\r\n")
	body, want = stuff(size)
	answer := &meter{Reader: body, gateway: p}
	drain(t, v, v.head(), pour(target, answer, chunked), want)
	v.still()
	return max(request.most, answer.most)
}

func framed(chunked bool, size int64) string {
	if chunked {
		return "Transfer-Encoding: chunked"
	}
	return "Content-Length: " + strconv.FormatInt(size, 10)
}

// counter counts what was written.
type counter struct {
	io.Writer
	n atomic.Int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n.Add(int64(n))
	return n, err
}

func TestHTTP_HoldsBackWhoSendsFasterThanTheOtherReads(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		t.Run(fmt.Sprintf("answer, chunked %v", chunked), func(t *testing.T) {
			p, o := staged(t)
			v := p.call(t)
			v.send(get("/x"))
			target := o.next(t)
			target.request()
			target.send("HTTP/1.1 200 OK\r\n" + framed(chunked, held) + "\r\n\r\n")
			holdsBack(t, target, v, chunked)
		})
		t.Run(fmt.Sprintf("request, chunked %v", chunked), func(t *testing.T) {
			p, o := staged(t)
			v := p.call(t)
			v.send(ask("POST", "/x", "", framed(chunked, held)))
			holdsBack(t, v, o.next(t), chunked)
		})
	}
}

// holdsBack shows that who sends is stopped while the other does not read, and that no byte is lost by it.
func holdsBack(t *testing.T, from, to *line, chunked bool) {
	t.Helper()
	long(from, to)
	body, want := stuff(held)
	count := &counter{Writer: from}
	sent := pour(count, body, chunked)
	head := to.head()
	stalled(t, &count.n)
	if n := count.n.Load(); n > held*7/8 {
		t.Errorf("%d MiB were taken while nobody read", n>>20)
	}
	drain(t, to, head, sent, want)
}

// stalled waits until a counter stands still for a while.
func stalled(t *testing.T, n *atomic.Int64) {
	t.Helper()
	last, since := int64(-1), time.Now()
	eventually(t, "the sender is held back", func() bool {
		if now := n.Load(); now != last {
			last, since = now, time.Now()
		}
		return last > 0 && time.Since(since) > 100*time.Millisecond
	})
}
