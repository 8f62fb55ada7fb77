package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gateway/proxy/route"
)

const (
	soakClients = 8
	// heapSlack and memorySlack are by how much the heap and the resident memory may grow after the warm-up.
	heapSlack   = 4 << 20
	memorySlack = 48 << 20
)

// TestSoak_LeavesNothingBehind runs a load of all kinds of clients for a while. Afterwards there are exactly as many
// goroutines and descriptors as after a short warm-up with the same load, and no more memory but for the slack above. The
// resident memory counts only when the time is set, since it includes that of other tests.
//
//	GATEWAY_SOAK_SECONDS=3600 go test ./proxy -count=1 -v -timeout 2h -run TestSoak_LeavesNothingBehind
func TestSoak_LeavesNothingBehind(t *testing.T) {
	during := time.Duration(number(t, "GATEWAY_SOAK_SECONDS", 4)) * time.Second
	settledFiles(t)
	pprof.Do(t.Context(), pprof.Labels("soak", "yes"), func(context.Context) {
		s := &soak{t: t, app: httptest.NewServer(http.HandlerFunc(everything))}
		s.running = start(t, Config{})
		s.load(min(during/4, 10*time.Second))
		before := s.rest()
		s.load(during)
		after := before
		defer func() {
			t.Logf("after the warm-up %v", before)
			t.Logf("at the end        %v, after %d connections", after, s.conns.Load())
			if t.Failed() {
				t.Log(labelled("soak"))
			}
		}()
		eventually(t, "goroutines and descriptors are as many as before", func() bool {
			after = s.rest()
			return after.goroutines <= before.goroutines && after.files <= before.files
		})
		resident := os.Getenv("GATEWAY_SOAK_SECONDS") != "" && after.memory > before.memory+memorySlack
		if resident || after.heap > before.heap+heapSlack {
			t.Error("memory grew")
		}
		s.stop()
		if err := <-s.ended; err != nil {
			t.Errorf("Serve = %v", err)
		}
		s.app.Close()
	})
	noGoroutines(t, "soak")
}

// sample is what a process uses.
type sample struct {
	goroutines, files int
	heap, memory      uint64
}

func (s sample) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d KiB in use, %d KiB resident", s.goroutines, s.files, s.heap>>10, s.memory>>10)
}

// soak is a proxy with one app that does everything.
type soak struct {
	*running
	t     *testing.T
	app   *httptest.Server
	conns atomic.Int64
}

// sample measures the process. It counts only the goroutines with the label.
func (s *soak) sample() sample {
	goroutines := 0
	for line := range strings.SplitSeq(labelled("soak"), "\n") {
		if count, _, found := strings.Cut(line, " @ "); found {
			n, _ := strconv.Atoi(count)
			goroutines += n
		}
	}
	resident := uint64(0)
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		_, _ = fmt.Sscanf(string(text), "%d %d", new(int), &resident)
	}
	return sample{goroutines, openFiles(), heapInUse(), resident * uint64(os.Getpagesize())}
}

// rest samples without clients: without a table the gateway keeps no connection, nor does the app.
func (s *soak) rest() sample {
	eventually(s.t, "no request is under way", func() bool { return s.Status().Proxy.Inflight == 0 })
	s.SetTable(route.Build(nil, nil))
	s.app.CloseClientConnections()
	last, since := s.sample(), time.Now()
	eventually(s.t, "the numbers stand still", func() bool {
		// A garbage collection can free more for the next one.
		now := s.sample()
		if now.goroutines != last.goroutines || now.files != last.files {
			last, since = now, time.Now()
		}
		return time.Since(since) > 200*time.Millisecond
	})
	return s.sample()
}

// everything is an app with everything that the clients of the soak test request.
func everything(w http.ResponseWriter, r *http.Request) {
	switch place, _, _ := strings.Cut(r.URL.Path[1:], "/"); place {
	case "download":
		w.Header().Set("Content-Length", strconv.Itoa(len(download)))
		_, _ = w.Write(download)
	case "chunks":
		for i := range 5 {
			_, _ = w.Write(download[:1000*i])
			_ = http.NewResponseController(w).Flush()
		}
	case "upload":
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, " ", err)
	case "events":
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
		}
	case "socket":
		echo(w, r)
	case "break":
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write(download[:500])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		fmt.Fprint(w, r.Method, " ", r.URL.Path)
	}
}

var download = bytes.Repeat([]byte("0123456789abcde\n"), 32<<10)

// load runs clients for that long.
func (s *soak) load(during time.Duration) {
	s.SetTable(route.Build([]route.Route{
		mount(s.t, "/app", route.Strip, at("app", s.app.Listener.Addr().String())),
		mount(s.t, "/dead", route.Strip, at("dead", deadAddress(s.t))),
	}, nil))
	until := time.Now().Add(during)
	var clients sync.WaitGroup
	for i := range soakClients {
		clients.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 5))
			for time.Now().Before(until) && !s.t.Failed() {
				kind := clientKinds[rng.IntN(len(clientKinds))]
				if err := s.connect(kind, 1+rng.IntN(10)); err != nil {
					s.t.Errorf("%.60q: %v", kind.text, err)
				}
				s.conns.Add(1)
			}
		})
	}
	s.report(during, &clients)
	clients.Wait()
}

// report logs samples during a long load.
func (s *soak) report(during time.Duration, clients *sync.WaitGroup) {
	if during < time.Minute {
		return
	}
	clients.Go(func() {
		tick := time.NewTicker(during / 20)
		defer tick.Stop()
		for range 19 {
			<-tick.C
			s.t.Logf("meanwhile %v, after %d connections", s.sample(), s.conns.Load())
		}
	})
}

// clientKind is what a client does: it sends the same request over one connection, a few times or once.
type clientKind struct {
	text, method string
	once         bool
	// wants is the body of the response, status its status if it is not 200.
	wants  string
	status int
	// leaves reports that the client leaves without the response, broken that the response breaks off.
	leaves, broken bool
	// talk is sent behind the response, and comes back.
	talk string
}

var clientKinds = []clientKind{
	{text: get("/app/x"), wants: "GET /x"},
	{text: get("/app/x", "Connection: close"), wants: "GET /x", once: true},
	{text: rawRequest("HEAD", "/app/x", ""), method: "HEAD"},
	{text: get("/app/download"), wants: string(download)},
	{text: get("/app/chunks"), wants: chunksWant},
	{text: rawRequest("POST", "/app/upload", string(download)), wants: strconv.Itoa(len(download)) + " <nil>"},
	{text: rawRequest("POST", "/app/upload", chunk(string(download))+chunk(""), "Transfer-Encoding: chunked"), wants: strconv.Itoa(len(download)) + " <nil>"},
	{text: rawRequest("POST", "/app/x", "small"), wants: "POST /x"},
	{text: get("/app/events"), wants: "data: 0\n\ndata: 1\n\ndata: 2\n\n"},
	{text: "GET /app/x HTTP/1.0\r\n\r\n", wants: "GET /x", once: true},
	{text: "GET /app/chunks HTTP/1.0\r\n\r\n", wants: chunksWant, once: true},
	{text: "GET /app/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", wants: "GET /x"},
	{text: get("/app/socket", upgrading...), status: 101, once: true, talk: "frames\n"},
	{text: get("/nowhere"), status: 404},
	{text: get("/dead/"), status: 502},
	{text: get("/app/../.."), status: 400},
	{text: "GET /app/ HTTP/1.1\r\n\r\n", status: 400, once: true},
	{text: get("/app/break"), once: true, broken: true},
	{text: get("/app/download"), once: true, leaves: true},
	{text: rawRequest("POST", "/app/upload", string(download[:1000]), "Content-Length: 100000"), once: true, leaves: true},
	{text: get("/app/socket", upgrading...), once: true, leaves: true},
	{text: "GET /app/x HTTP/1.1\r\nHo", once: true, leaves: true},
}

// chunksWant is the body of "chunks".
var chunksWant = string(download[:1000]) + string(download[:2000]) + string(download[:3000]) + string(download[:4000])

// connect runs one client.
func (s *soak) connect(h clientKind, times int) error {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	if h.once {
		times = 1
	}
	for range times {
		if _, err := io.WriteString(conn, h.text); err != nil {
			return err
		}
		if h.leaves {
			return nil
		}
		m, err := readResponse(r, h.method, nil)
		if err := h.check(m, err); err != nil {
			return err
		}
		if m.closes() && h.talk == "" {
			return nil
		}
	}
	if h.talk == "" {
		return nil
	}
	if _, err := io.WriteString(conn, h.talk); err != nil {
		return err
	}
	if got, err := r.ReadString('\n'); got != h.talk {
		return fmt.Errorf("sent %q, received %q, %w", h.talk, got, err)
	}
	return nil
}

// check compares a response with what the client wants.
func (h *clientKind) check(m *message, err error) error {
	status := h.status
	if status == 0 {
		status = 200
	}
	switch {
	case h.broken && (err == nil || isTimeout(err)):
		return fmt.Errorf("a broken response looks whole: %w", err)
	case h.broken:
		return nil
	case err != nil:
		return err
	case m.status() != status || status == 200 && m.body.String() != h.wants:
		return fmt.Errorf("got %q %.100q", m.start, &m.body)
	}
	return nil
}
