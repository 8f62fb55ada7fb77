package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// guest is a client with one connection.
type guest struct {
	*stage
	rng  *rand.Rand
	name string
	// calm asks for nothing that could fail.
	calm bool
	// leaves reports that the client goes before it is done.
	leaves bool
}

// wish is one request and what came of it.
type wish struct {
	id, method, do, text string
	size                 int
	// last announces the end of the connection.
	last bool
}

// visit asks for a few things over one connection, in a row or all at once.
func (g *guest) visit() {
	wishes := make([]wish, 1+g.rng.IntN(6))
	for i := range wishes {
		wishes[i] = g.wish(i, i == len(wishes)-1)
	}
	g.leaves = !g.calm && g.rng.IntN(8) == 0
	if g.calm {
		leave := g.came(g)
		defer leave()
	}
	conn, err := net.Dial("tcp", g.address)
	if err != nil {
		g.wrong("%s cannot connect: %v", g.name, err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(3 * patience))
	l := conn.(*net.TCPConn)
	r := bufio.NewReaderSize(g.reader(l), 16+g.rng.IntN(4096))
	if g.rng.IntN(2) == 0 {
		g.pipeline(l, r, wishes)
		return
	}
	for _, w := range wishes {
		sent := make(chan error, 1)
		go func() { sent <- g.send(l, w.text) }()
		goes := g.receive(r, w)
		if !goes {
			// The writer must not outlive the visit, and may still wait for a gateway that reads no more.
			_ = l.Close()
		}
		if err := <-sent; err != nil || !goes {
			return
		}
	}
}

func (g *guest) pipeline(l *net.TCPConn, r *bufio.Reader, wishes []wish) {
	var all strings.Builder
	for _, w := range wishes {
		all.WriteString(w.text)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_ = g.send(l, all.String())
	}()
	defer func() {
		_ = l.Close()
		<-sent
	}()
	for _, w := range wishes {
		if !g.receive(r, w) {
			return
		}
	}
}

// slow reads a little at a time.
type slow struct {
	io.Reader
	rng *rand.Rand
}

func (s slow) Read(p []byte) (int, error) {
	if s.rng.IntN(20) == 0 {
		<-time.After(time.Duration(s.rng.IntN(3)) * time.Millisecond)
	}
	return s.Reader.Read(p[:min(len(p), 1+s.rng.IntN(3000))])
}

func (g *guest) reader(l *net.TCPConn) io.Reader {
	if g.rng.IntN(4) > 0 {
		return l
	}
	return slow{l, rand.New(rand.NewPCG(g.rng.Uint64(), 4))}
}

// send sends a request, or a part of it.
func (g *guest) send(l *net.TCPConn, text string) error {
	if !g.leaves {
		_, err := io.WriteString(l, text)
		return err
	}
	_, _ = io.WriteString(l, text[:len(text)*2/3])
	if len(text)%2 == 0 {
		_ = l.SetLinger(0)
	}
	_ = l.Close()
	return errors.New("the client left")
}

// wish draws a request.
func (g *guest) wish(i int, last bool) wish {
	w := wish{id: g.name + "-" + strconv.Itoa(i) + "-", method: "GET", last: last}
	place := "/calm/"
	names := harmless
	if !g.calm {
		place, names = "/wild"+strconv.Itoa(g.rng.IntN(wildest))+"/", deedNames
	}
	w.do = names[g.rng.IntN(len(names))]
	w.size = []int{0, 1, 100, 2000}[g.rng.IntN(4)] + g.rng.IntN(50)
	if w.do != "second" && w.do != "after-last" && w.do != "drip" && g.rng.IntN(6) == 0 {
		w.size += g.rng.IntN(300 << 10)
	}
	fields := []string{"X-Id: " + w.id, "X-Do: " + w.do, "X-Size: " + strconv.Itoa(w.size)}
	if last {
		fields = append(fields, "Connection: close")
	}
	body := ""
	switch g.rng.IntN(6) {
	case 0:
		w.method = "HEAD"
	case 1, 2:
		w.method = "POST"
		body = string(bodyOf(w.id, []int{1, 1000, 100 << 10}[g.rng.IntN(3)]))
		if g.rng.IntN(2) == 0 {
			half := len(body) / 2
			body = chunk(body[half:]) + chunk("")
			if half > 0 {
				body = chunk(string(bodyOf(w.id, half))) + body
			}
			fields = append(fields, "Transfer-Encoding: chunked")
		}
	}
	w.text = rawRequest(w.method, place+"q/"+w.id, body, fields...)
	return w
}

// receive reads and judges the answer. It returns false when the connection has ended or will.
func (g *guest) receive(r *bufio.Reader, w wish) bool {
	m, err := readResponse(r, w.method, nil)
	for err == nil && m.status() < 200 {
		if id := m.value("X-App-Id"); id != w.id {
			g.wrong("%s got the %d of %q", w.id, m.status(), id)
		}
		m, err = readResponse(r, w.method, nil)
	}
	id, sound := m.value("X-App-Id"), slices.Contains(harmless, w.do) && g.calm
	switch {
	case errors.Is(err, errMalformed):
		g.wrong("%s (%s) got what is no HTTP: %v, %q", w.id, w.do, err, m.start)
	case g.leaves:
		g.count("left")
		return false
	case isTimeout(err):
		g.wrong("%s (%s) got nothing for long", w.id, w.do)
	case sound && (err != nil || id == ""):
		g.wrong("%s (%s) failed although nothing was wrong: %q, %v\n%s", w.id, w.do, m.start, err, g.log.of("request="+m.value("X-Request-Id")+" "))
	case errors.Is(err, io.EOF) || m.start == "":
		g.count("connection ended")
	case id == "" && err == nil:
		g.judgePage(m, w)
	case id != w.id:
		g.wrong("%s (%s) got the answer of %q: %q, %v", w.id, w.do, id, m.start, err)
	default:
		g.judge(m, w, err)
	}
	if err == nil && m.closes() {
		// Where the target has a large body, the gateway may not know yet that it sent all of it.
		if sound && !w.last && len(w.text) < 64<<10 {
			g.wrong("%s (%s) closed the connection although nothing was wrong", w.id, w.do)
		}
		g.nothingMore(r)
	}
	return err == nil && !m.closes()
}

// judge looks at an answer of the app.
func (g *guest) judge(m *message, w wish, err error) {
	body, size := m.body.Bytes(), w.size
	switch {
	case w.method == "HEAD":
		size = 0
	case err == nil && (w.do == "bad-chunk" || w.do == "bad-size" || w.do == "rst-close"):
		g.wrong("%s (%s) got an answer that broke as a whole one", w.id, w.do)
	}
	switch {
	case w.do != "bad-chunk" && w.do != "bad-size" && (len(body) > size || !bytes.Equal(body, bodyOf(w.id, size)[:len(body)])):
		g.wrong("%s (%s) got a body that is not its own: %.60q", w.id, w.do, body)
	case err != nil:
		g.count("broken off")
	case len(body) != size && w.method != "HEAD":
		g.wrong("%s (%s) got %d bytes for %d and cannot know", w.id, w.do, len(body), size)
	default:
		g.count("answered")
	}
}

// judgePage looks at an answer of the gateway, or at a 408 that a target sent at the wrong time.
func (g *guest) judgePage(m *message, w wish) {
	if m.status() < 400 || bytes.Contains(m.body.Bytes(), []byte("id-")) {
		g.wrong("%s (%s) got %q with %q", w.id, w.do, m.start, &m.body)
	}
	g.count("the gateway's page")
}

// nothingMore waits for the end of a connection after its last answer.
func (g *guest) nothingMore(r *bufio.Reader) {
	rest, err := io.ReadAll(r)
	if len(rest) > 0 || isTimeout(err) {
		g.wrong("%s: after the last answer came %.60q, %v", g.name, rest, err)
	}
	g.count("session")
}
