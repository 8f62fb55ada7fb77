package proxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gateway/proxy/route"
)

const (
	// flood is the answer that a slow reader does not read: more than the buffers between it and its target hold.
	flood = 16 << 20
	// few is how many slow clients there are by default.
	few = 500
	// others is how many clients of the usual kind there are, each with so many requests in a second.
	others  = 8
	perTick = 5 * time.Millisecond
)

// TestSlow_DoesNotSlowOthers has many clients who send the head of a request or its body byte by byte, or do not read
// what they asked for. The heads are cut off in time; the others, slow or not, get their answers. The gateway is a process
// of its own. How long the usual clients waited without and beside the slow ones is printed; with
//
//	GATEWAY_SLOW=10000 go test ./proxy -count=1 -v -run TestSlow_DoesNotSlowOthers
//
// there are 10,000 of those.
func TestSlow_DoesNotSlowOthers(t *testing.T) {
	t.Parallel()
	many := number(t, "GATEWAY_SLOW", few)
	zeros := make([]byte, flood)
	p := startProxyProcess(t,
		mount(t, "/usual", route.Strip, app(t, "usual", nil)),
		mount(t, "/count", route.Strip, app(t, "count", func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n, " ", err)
		})),
		mount(t, "/flood", route.Strip, app(t, "flood", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(flood))
			_, _ = w.Write(zeros)
		})))
	during := headTimeout / 2
	if many <= few {
		during = time.Second
	}
	alone := p.usual(t, during, nil)
	// What is sent there nobody reads: what a crowd costs there is the test's own work.
	nobody := startProcess(t, nothingRead)
	past := crowded(t, nobody.address, many)
	elsewhere := p.usual(t, during, past.drip)
	past.leave()
	nobody.end(t)
	crowd := crowded(t, p.address, many)
	beside := p.usual(t, headTimeout/2, crowd.drip)
	crowd.headsEnd(t)
	crowd.bodiesPass(t)
	crowd.readersRead(t)
	if many > few {
		// On a machine that others use too, the two say how far the ratio is to be trusted.
		t.Logf("p99 of %d clients alone, when the slow ones have left: %v", others, p.usual(t, during, nil))
	}
	t.Logf("p99 of %d clients alone %v, beside %d slow ones %v: %.2fx; beside as many who connect past the gateway, to nobody, %v: %.2fx",
		others, alone, many, beside, float64(beside)/float64(alone), elsewhere, float64(elsewhere)/float64(alone))
	p.end(t)
}

// process is a proxy in a process of its own.
type process struct {
	address string
	command *exec.Cmd
	// mu serialises heap.
	mu     sync.Mutex
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// apartTable is the variable that makes the test's program be that process, and says its table.
const apartTable = "GATEWAY_TEST_APART"

// nothingRead stands in the place of a table for a process that accepts connections and reads nothing.
const nothingRead = "nothing"

func TestMain(m *testing.M) {
	table := os.Getenv(apartTable)
	if table == "" {
		os.Exit(m.Run())
	}
	serve := serveApart
	if table == nothingRead {
		serve = acceptOnly
	}
	if err := serve(table); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// acceptOnly says its address and accepts until standard input ends.
func acceptOnly(string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = l.Close()
	}()
	var open []net.Conn
	for {
		conn, err := l.Accept()
		if err != nil {
			for _, conn := range open {
				_ = conn.Close()
			}
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		open = append(open, conn)
	}
}

// serveApart serves until standard input ends. It says its address, for each line it reads how many bytes of its heap are
// in use, and at the end whether nothing is left.
func serveApart(table string) error {
	s, err := New(Config{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		return err
	}
	t := new(route.Table)
	if err := json.Unmarshal([]byte(table), t); err != nil {
		return err
	}
	s.SetTable(t)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	for len(s.Status().Proxy.Listeners) == 0 {
		runtime.Gosched()
	}
	fmt.Println(strings.TrimPrefix(s.Status().Proxy.Listeners[0], "http://"))
	for questions := bufio.NewScanner(os.Stdin); questions.Scan(); {
		fmt.Println(heapInUse())
	}
	for until := time.Now().Add(patience); s.Status().Proxy.Inflight > 0; runtime.Gosched() {
		if time.Now().After(until) {
			return fmt.Errorf("%d requests are still under way", s.Status().Proxy.Inflight)
		}
	}
	stop()
	return <-ended
}

// startProxyProcess starts a proxy in a process of its own.
func startProxyProcess(t *testing.T, routes ...route.Route) *process {
	t.Helper()
	table, err := json.Marshal(route.Build(routes, nil))
	if err != nil {
		t.Fatal(err)
	}
	return startProcess(t, string(table))
}

// startProcess starts the test's program as another process.
func startProcess(t *testing.T, table string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{command: exec.CommandContext(t.Context(), self)}
	p.command.Env = append(os.Environ(), apartTable+"="+table)
	p.command.Stderr = t.Output()
	p.stdin, err = p.command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(out)
	if _, err := fmt.Fscanln(p.stdout, &p.address); err != nil {
		t.Fatalf("reading the address of the other process: %v", err)
	}
	return p
}

// heap is how many bytes the gateway in the process has in use. It is safe for concurrent use.
func (p *process) heap() (bytes uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.stdin, "\n"); err != nil {
		return 0, err
	}
	_, err = fmt.Fscanln(p.stdout, &bytes)
	return bytes, err
}

// end stops the process, in which nothing may be under way any more.
func (p *process) end(t *testing.T) {
	t.Helper()
	_ = p.stdin.Close()
	if err := p.command.Wait(); err != nil {
		t.Errorf("the gateway in the other process: %v", err)
	}
}

// usual has clients of the usual kind ask at their pace for that long, and meanwhile lets the slow ones drip.
// It returns how long the slowest in a hundred answers took.
func (p *process) usual(t *testing.T, during time.Duration, drip func(int)) time.Duration {
	t.Helper()
	var asking sync.WaitGroup
	took := make([][]time.Duration, others)
	for i := range others {
		asking.Go(func() { took[i] = p.ask(t, during, "/usual/"+strconv.Itoa(i)) })
	}
	if drip != nil {
		tick := time.NewTicker(perDrip)
		defer tick.Stop()
		for n, began := 0, time.Now(); time.Since(began) < during; <-tick.C {
			for ; n < int(time.Since(began)/perDrip); n++ {
				drip(n)
			}
		}
	}
	asking.Wait()
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	if len(all) == 0 {
		t.Fatal("nobody asked")
	}
	return all[len(all)*99/100]
}

// ask asks over one connection at a steady pace.
func (p *process) ask(t *testing.T, during time.Duration, path string) []time.Duration {
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(during + patience))
	r := bufio.NewReader(conn)
	var took []time.Duration
	want := "usual GET /" + path[len("/usual/"):]
	tick := time.NewTicker(perTick)
	defer tick.Stop()
	for until := time.Now().Add(during); time.Now().Before(until); <-tick.C {
		began := time.Now()
		_, err := io.WriteString(conn, get(path))
		m, err2 := readResponse(r, "GET", nil)
		if err := errors.Join(err, err2); err != nil || m.body.String() != want {
			t.Errorf("beside slow clients: %q %q, %v", m.start, &m.body, err)
			return took
		}
		took = append(took, time.Since(began))
	}
	return took
}

// slowOne is a slow client.
type slowOne struct {
	net.Conn
	// left is what it still has to send.
	left string
	// gone reports that the gateway takes no more.
	gone bool
}

// crowd are the slow clients.
type crowd struct{ heads, bodies, readers []*slowOne }

// slowBody is the body that is sent byte by byte.
const slowBody = 1000

// leave ends all connections.
func (c *crowd) leave() {
	for _, s := range slices.Concat(c.heads, c.bodies, c.readers) {
		_ = s.Close()
	}
}

// crowded opens the connections of a crowd.
func crowded(t *testing.T, address string, many int) *crowd {
	t.Helper()
	c := &crowd{}
	open := func(text string, now int) *slowOne {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("%v; the limit of open files has to be higher", err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, text[:now]); err != nil {
			t.Fatal(err)
		}
		return &slowOne{Conn: conn, left: text[now:]}
	}
	head := get("/usual/slow", "X-Slow: "+strings.Repeat("s", 200))
	body := rawRequest("POST", "/count/", strings.Repeat("b", slowBody))
	for i := range many {
		switch {
		case i%100 < 85:
			c.heads = append(c.heads, open(head, 1+i%100))
		case i%100 < 99:
			c.bodies = append(c.bodies, open(body, len(body)-slowBody+i%2))
		default:
			read := get("/flood/")
			c.readers = append(c.readers, open(read, len(read)))
		}
	}
	return c
}

// Each who sends sends one more byte in so many ticks of that length: not all at the same time, and few at once, since a
// crowd that kept the processor busy at times would say nothing about the gateway.
const (
	drops   = 625
	perDrip = time.Millisecond
)

// drip has those send one more byte whose tick it is.
func (c *crowd) drip(tick int) {
	for _, senders := range [][]*slowOne{c.heads, c.bodies} {
		for i := tick % drops; i < len(senders); i += drops {
			if s := senders[i]; !s.gone && len(s.left) > 1 {
				_, err := io.WriteString(s, s.left[:1])
				s.left, s.gone = s.left[1:], err != nil
			}
		}
	}
}

// headsEnd waits until the gateway cuts off those whose heads are not there, with an answer that says so or without.
func (c *crowd) headsEnd(t *testing.T) {
	t.Helper()
	until := time.Now().Add(headTimeout + patience)
	for _, s := range c.heads {
		_ = s.SetReadDeadline(until)
		rest, err := io.ReadAll(s)
		if isTimeout(err) {
			t.Fatal("a head may come byte by byte for ever")
		}
		if len(rest) > 0 && !bytes.HasPrefix(rest, []byte("HTTP/1.1 4")) {
			t.Fatalf("half a head was answered %q", rest)
		}
		_ = s.Close()
	}
}

// bodiesPass sends the rest of the bodies, which must have lost nothing.
func (c *crowd) bodiesPass(t *testing.T) {
	t.Helper()
	for _, s := range c.bodies {
		_ = s.SetDeadline(time.Now().Add(patience))
		_, err := io.WriteString(s, s.left)
		m, err2 := readResponse(bufio.NewReader(s), "POST", nil)
		if err := errors.Join(err, err2); err != nil || m.body.String() != strconv.Itoa(slowBody)+" <nil>" {
			t.Fatalf("a slow body was answered %q %q, %v", m.start, &m.body, err)
		}
		_ = s.Close()
	}
}

// readersRead has every second one read at last, and the others leave.
func (c *crowd) readersRead(t *testing.T) {
	t.Helper()
	for i, s := range c.readers {
		if i%2 == 0 {
			_ = s.SetDeadline(time.Now().Add(patience))
			body := &byteCounter{}
			if m, err := readResponse(bufio.NewReader(s), "GET", body); err != nil || body.n != flood {
				t.Fatalf("a slow reader got %q and %d bytes, %v", m.start, body.n, err)
			}
		}
		_ = s.Close()
	}
}

// byteCounter counts what is written to it.
type byteCounter struct{ n int64 }

func (c *byteCounter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
