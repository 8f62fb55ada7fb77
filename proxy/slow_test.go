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
	// flood is the length of the response that a slow reader does not read: more than the buffers on the way hold.
	flood = 16 << 20
	// few is how many slow clients there are by default.
	few = 500
	// others is how many normal clients there are. Each sends a request per perTick.
	others  = 8
	perTick = 5 * time.Millisecond
)

// TestSlow_DoesNotSlowOthers opens many connections that send the head of a request or its body byte by byte, or do not read
// the response. The gateway cuts off the heads in time; all other clients, slow or not, get their responses. The gateway is a
// process of its own. The test prints how long normal clients waited without and beside the slow ones; with
//
//	GATEWAY_SLOW=10000 go test ./proxy -count=1 -v -run TestSlow_DoesNotSlowOthers
//
// there are 10,000 slow ones.
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
	// This process reads nothing, so a crowd there costs only what the test itself does.
	nobody := startProcess(t, nothingRead)
	past := newCrowd(t, nobody.address, many)
	elsewhere := p.usual(t, during, past.drip)
	past.leave()
	nobody.end(t)
	crowd := newCrowd(t, p.address, many)
	beside := p.usual(t, headTimeout/2, crowd.drip)
	crowd.wantHeadsCutOff(t)
	crowd.finishBodies(t)
	crowd.finishReaders(t)
	if many > few {
		// On a busy machine, the difference of the two shows how noisy the ratio is.
		t.Logf("p99 of %d clients alone, when the slow ones have left: %v", others, p.usual(t, during, nil))
	}
	t.Logf("p99 of %d clients alone %v, beside %d slow ones %v: %.2fx; beside as many that connect to another process %v: %.2fx",
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

// processTable is the variable that makes the test's program that process. Its value is the table.
const processTable = "GATEWAY_TEST_APART"

// nothingRead stands in the place of a table for a process that accepts connections and reads nothing.
const nothingRead = "nothing"

func TestMain(m *testing.M) {
	table := os.Getenv(processTable)
	if table == "" {
		os.Exit(m.Run())
	}
	serve := serveProxyProcess
	if table == nothingRead {
		serve = acceptOnly
	}
	if err := serve(table); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// acceptOnly prints its address and accepts until standard input ends.
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

// serveProxyProcess serves until standard input ends. It prints its address, and for each line that it reads how many bytes
// of its heap are in use. It fails if requests are left at the end.
func serveProxyProcess(table string) error {
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
	p.command.Env = append(os.Environ(), processTable+"="+table)
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

// end stops the process. No request may be under way.
func (p *process) end(t *testing.T) {
	t.Helper()
	_ = p.stdin.Close()
	if err := p.command.Wait(); err != nil {
		t.Errorf("the gateway in the other process: %v", err)
	}
}

// usual lets normal clients send requests for that long, and the slow ones drip meanwhile. It returns the 99th percentile of
// the times of responses.
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
		t.Fatal("no request was sent")
	}
	return all[len(all)*99/100]
}

// ask sends requests over one connection at a steady rate.
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

// slowClient is a slow client.
type slowClient struct {
	net.Conn
	// left is the text still to send.
	left string
	// gone reports that the gateway has closed the connection.
	gone bool
}

// crowd is the slow clients.
type crowd struct{ heads, bodies, readers []*slowClient }

// slowBody is the length of the body that is sent byte by byte.
const slowBody = 1000

// leave closes all connections.
func (c *crowd) leave() {
	for _, s := range slices.Concat(c.heads, c.bodies, c.readers) {
		_ = s.Close()
	}
}

// newCrowd opens the connections of a crowd.
func newCrowd(t *testing.T, address string, many int) *crowd {
	t.Helper()
	c := &crowd{}
	open := func(text string, now int) *slowClient {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("%v; the limit of open files has to be higher", err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, text[:now]); err != nil {
			t.Fatal(err)
		}
		return &slowClient{Conn: conn, left: text[now:]}
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

// Each sender sends one more byte in so many ticks of that length. Few send in the same tick: a crowd that kept the processor
// busy would measure the test and not the gateway.
const (
	drops   = 625
	perDrip = time.Millisecond
)

// drip lets the senders of a tick send one more byte.
func (c *crowd) drip(tick int) {
	for _, senders := range [][]*slowClient{c.heads, c.bodies} {
		for i := tick % drops; i < len(senders); i += drops {
			if s := senders[i]; !s.gone && len(s.left) > 1 {
				_, err := io.WriteString(s, s.left[:1])
				s.left, s.gone = s.left[1:], err != nil
			}
		}
	}
}

// wantHeadsCutOff waits until the gateway closes the connections with incomplete heads, with an error response or without.
func (c *crowd) wantHeadsCutOff(t *testing.T) {
	t.Helper()
	until := time.Now().Add(headTimeout + patience)
	for _, s := range c.heads {
		_ = s.SetReadDeadline(until)
		rest, err := io.ReadAll(s)
		if isTimeout(err) {
			t.Fatal("a head may take for ever")
		}
		if len(rest) > 0 && !bytes.HasPrefix(rest, []byte("HTTP/1.1 4")) {
			t.Fatalf("half a head got %q", rest)
		}
		_ = s.Close()
	}
}

// finishBodies sends the rest of the bodies, which must arrive whole.
func (c *crowd) finishBodies(t *testing.T) {
	t.Helper()
	for _, s := range c.bodies {
		_ = s.SetDeadline(time.Now().Add(patience))
		_, err := io.WriteString(s, s.left)
		m, err2 := readResponse(bufio.NewReader(s), "POST", nil)
		if err := errors.Join(err, err2); err != nil || m.body.String() != strconv.Itoa(slowBody)+" <nil>" {
			t.Fatalf("a slow body got %q %q, %v", m.start, &m.body, err)
		}
		_ = s.Close()
	}
}

// finishReaders reads every second response, and closes the others.
func (c *crowd) finishReaders(t *testing.T) {
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
