package accesslog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// running runs a log until stop is called, which returns after the last line is written.
func running(t *testing.T, l *Log) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
}

func opened(t *testing.T, c Config) *Log {
	t.Helper()
	l, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ids counts the request ids of the lines in text, each of which must be whole.
func ids(t *testing.T, text string, count map[string]int) {
	t.Helper()
	for line := range strings.Lines(text) {
		var e struct {
			ID string `json:"request_id"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.ID == "" || line[len(line)-1] != '\n' {
			t.Fatalf("%v: the line %q", err, line)
		}
		count[e.ID]++
	}
}

func TestLog_LosesNothingWhileItsFileIsMoved(t *testing.T) {
	const appenders, lines = 8, 3000
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	l := opened(t, Config{Path: path})
	stop := running(t, l)
	var all sync.WaitGroup
	for a := range appenders {
		all.Go(func() {
			agent := strings.Repeat(fmt.Sprint(a), 100)
			for i := range lines {
				for l.waiting() > 8 {
					runtime.Gosched()
				}
				l.Append(&Entry{Time: time.Now(), RequestID: fmt.Sprintf("%d-%d", a, i), UserAgent: agent})
			}
		})
	}
	appended := make(chan struct{})
	go func() {
		defer close(appended)
		all.Wait()
	}()
	moved := 0
	for appending := true; appending; moved++ {
		if err := errors.Join(os.Rename(path, fmt.Sprintf("%s.%d", path, moved)), l.Reopen()); err != nil {
			t.Error(err)
		}
		select {
		case <-appended:
			appending = false
		default:
			runtime.Gosched()
		}
	}
	stop()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != moved+1 {
		t.Fatalf("there are %d files after %d moves, %v", len(files), moved, err)
	}
	count := map[string]int{}
	for _, f := range files {
		ids(t, content(t, f), count)
	}
	if len(count) != appenders*lines {
		t.Errorf("there are %d lines, want %d", len(count), appenders*lines)
	}
	for id, n := range count {
		if n != 1 {
			t.Errorf("%s is there %d times", id, n)
		}
	}
}

func TestLog_KeepsItsFileWhenItCannotBeOpenedAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l := opened(t, Config{Path: filepath.Join(dir, "access.log")})
	stop := running(t, l)
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("it is content: %v", err)
	}
	l.Append(&Entry{RequestID: "x"})
	stop()
	if text := content(t, filepath.Join(dir+".old", "access.log")); strings.Count(text, "\n") != 1 {
		t.Errorf("the file holds %q", text)
	}
}

func TestLog_WritesEverySecondAndWhenABlockIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out watched
		l := opened(t, Config{Writer: &out})
		stop := running(t, l)
		l.Append(&Entry{RequestID: "x"})
		synctest.Wait()
		if n := out.count(); n != 0 {
			t.Errorf("%d lines were written at once", n)
		}
		time.Sleep(interval)
		synctest.Wait()
		if n := out.count(); n != 1 {
			t.Errorf("%d lines were written after a second", n)
		}
		many := 0
		for ; l.waiting() == 0; many++ {
			l.Append(&Entry{RequestID: "y"})
		}
		synctest.Wait()
		if n := out.count(); n != many {
			t.Errorf("%d lines were written once a block was full of %d", n, many)
		}
		stop()
		if n := out.count(); n != many+1 || l.Dropped() != 0 {
			t.Errorf("%d lines were written in the end, %d dropped", n, l.Dropped())
		}
	})
}

// waiting is how many full blocks wait to be written.
func (l *Log) waiting() int {
	l.blocks.mu.Lock()
	defer l.blocks.mu.Unlock()
	return len(l.blocks.full)
}

// watched is a writer that can be made to fail or wait.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	err  error
	// block holds up writes until it is closed.
	block chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	block, err := w.block, w.err
	w.mu.Unlock()
	if block != nil {
		<-block
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return w.text.Write(p)
}

func (w *watched) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Count(w.text.Bytes(), []byte{'\n'})
}

func (w *watched) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func TestLog_WarnsOnceOfAFullDiskAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, said watched
		l := opened(t, Config{Writer: &out, Logger: slog.New(slog.NewTextHandler(&said, nil))})
		stop := running(t, l)
		out.fail(errors.New("no space left"))
		for i := range 2000 {
			l.Append(&Entry{RequestID: fmt.Sprint(i)})
		}
		time.Sleep(10 * interval)
		synctest.Wait()
		if text := said.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "no space left") {
			t.Errorf("it says\n%s", text)
		}
		out.fail(nil)
		time.Sleep(interval)
		synctest.Wait()
		if text := said.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "written again") {
			t.Errorf("it says\n%s", text)
		}
		stop()
		count := map[string]int{}
		ids(t, out.String(), count)
		if len(count) != 2000 || l.Dropped() != 0 {
			t.Errorf("%d lines were written, %d dropped", len(count), l.Dropped())
		}
	})
}

// A line in every block would be few lines.
func TestLog_KeepsBlocksFullOfWhatAFullDiskDoesNotTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := watched{err: errors.New("no space left")}
		l := opened(t, Config{Writer: &out})
		stop := running(t, l)
		for i := range 3 * maxBlocks {
			l.Append(&Entry{RequestID: fmt.Sprint(i)})
			time.Sleep(interval)
		}
		out.fail(nil)
		time.Sleep(3 * interval)
		synctest.Wait()
		if n := out.count(); n != 3*maxBlocks || l.Dropped() != 0 {
			t.Errorf("%d lines were written, %d dropped", n, l.Dropped())
		}
		stop()
	})
}

func TestLog_DropsWhatASlowDiskDoesNotTakeAndCountsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, said := watched{block: make(chan struct{})}, watched{}
		l := opened(t, Config{Writer: &out, Logger: slog.New(slog.NewTextHandler(&said, nil))})
		stop := running(t, l)
		const lines = 50000
		e := Entry{RequestID: "x", UserAgent: strings.Repeat("a", 100)}
		for range lines {
			l.Append(&e)
		}
		dropped := l.Dropped()
		if size := int(lines-dropped) * len(lineOf(Config{}, e)); dropped == 0 || size > maxBlocks*blockSize || size < (maxBlocks-2)*blockSize {
			t.Errorf("%d were dropped, and %d bytes kept", dropped, size)
		}
		time.Sleep(complaints - interval)
		synctest.Wait()
		if text := said.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, fmt.Sprint("lines=", dropped, " ")) {
			t.Errorf("it says\n%s", text)
		}
		l.Append(&e)
		time.Sleep(2 * interval)
		synctest.Wait()
		if text := said.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, fmt.Sprint("lines=1 in_all=", dropped+1)) {
			t.Errorf("after a minute it says\n%s", text)
		}
		close(out.block)
		synctest.Wait()
		l.Append(&e)
		stop()
		if got, want := out.count(), int(lines-dropped)+1; got != want || l.Dropped() != dropped+1 {
			t.Errorf("%d lines were written, want %d", got, want)
		}
		if l.blocks.made > spareBlocks {
			t.Errorf("it keeps %d blocks", l.blocks.made)
		}
	})
}

func TestLog_CountsWhatIsLostInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, said := watched{err: errors.New("no space left")}, watched{}
		l := opened(t, Config{Writer: &out, Logger: slog.New(slog.NewTextHandler(&said, nil))})
		stop := running(t, l)
		for range 1000 {
			l.Append(&Entry{RequestID: "x"})
		}
		stop()
		l.Append(&Entry{RequestID: "late"})
		if l.Dropped() != 1001 || !strings.Contains(said.String(), "lines=1000 ") {
			t.Errorf("%d are lost; it says\n%s", l.Dropped(), said.String())
		}
	})
}

func TestLog_LeavesADiskThatNeverAnswersBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, said := watched{block: make(chan struct{})}, watched{}
		l := opened(t, Config{Writer: &out, Logger: slog.New(slog.NewTextHandler(&said, nil))})
		stop := running(t, l)
		l.Append(&Entry{RequestID: "x"})
		time.Sleep(2 * interval)
		before := time.Now()
		stop()
		if took := time.Since(before); took != grace || !strings.Contains(said.String(), "last lines") {
			t.Errorf("it ended after %s; it says\n%s", took, said.String())
		}
		if err := l.Reopen(); err != nil {
			t.Error(err)
		}
		close(out.block)
	})
}

func TestLog_HasQueriesOnlyWhereTheyAreWanted(t *testing.T) {
	for _, wanted := range []bool{false, true} {
		var out watched
		l := opened(t, Config{Writer: &out, Query: wanted})
		stop := running(t, l)
		e := full()
		l.Append(&e)
		stop()
		if want := lineOf(Config{Query: wanted}, e); out.String() != want || strings.Contains(want, `"query":"x=1&y=2"`) != wanted {
			t.Errorf("wanted %v: it writes\n%swant\n%s", wanted, out.String(), want)
		}
	}
}

func TestLog_WritesForTheOwnerAndItsGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	stop := running(t, opened(t, Config{Path: path}))
	stop()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("it is %v, %v", info, err)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, format := range []Format{JSON, Combined} {
		l, err := Open(Config{Writer: io.Discard, Format: format})
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		e := usual()
		b.Run(string(format), func(b *testing.B) {
			b.ReportAllocs()
			before := l.Dropped()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					l.Append(&e)
					if i%500 == 0 {
						// Requests leave the writer time to run.
						runtime.Gosched()
					}
				}
			})
			b.ReportMetric(float64(l.Dropped()-before), "dropped")
		})
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}

// usual is what most requests are.
func usual() Entry {
	return Entry{
		Time: time.Now(), RequestID: "0123456789abcdef0123456789abcdef", Client: "192.0.2.1", Peer: "192.0.2.1",
		Method: "GET", Host: "example.org", Path: "/robots/static/style.css", Query: "?v=3", Major: 1, Minor: 1,
		Status: 200, Sent: 5120, Duration: 1234 * time.Microsecond, Response: time.Millisecond,
		Place:     NewPlace("/robots", "robots", "robots-web-1", "172.20.0.2:80"),
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
		Referer:   "https://example.org/robots/",
	}
}
