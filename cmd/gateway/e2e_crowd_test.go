package main_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// crowdSize is how many users there are, crowdPause the time between two requests of one.
	crowdSize  = 100
	crowdPause = 100 * time.Millisecond
	// impatience is how long a user waits for an answer.
	impatience = 20 * time.Second
)

// crowd are users of one route. Each keeps a connection for some requests and takes a new one then. Nothing that fails is
// tried again: net/http's own client would do so, and hide what the gateway loses.
type crowd struct {
	t        *testing.T
	path     string
	stop     context.CancelFunc
	done     sync.WaitGroup
	sequence atomic.Int64

	mu  sync.Mutex
	now *phase
	all []*phase
	// barred are the methods that nobody uses for the moment, underway counts the requests by their method.
	barred   []string
	underway map[string]int
	// posts are the ids of the POSTs that were answered.
	posts []string
}

// phase is what the crowd came upon from one moment to another.
type phase struct {
	name   string
	began  time.Time
	took   []time.Duration
	by     map[string]int
	errors []string
	// refused are the answers other than 200, if these were expected.
	refused map[int]int
	// accepts says which answers other than 200 are expected, nil for none.
	accepts func(answer) bool
}

// gather brings a crowd to a path, which leaves when the test ends.
func gather(t *testing.T, path string) *crowd {
	t.Helper()
	return gatherOf(t, path, crowdSize)
}

// gatherOf brings a crowd of some size.
func gatherOf(t *testing.T, path string, size int) *crowd {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := &crowd{t: t, path: path, stop: stop, underway: map[string]int{}}
	c.phase("at first")
	for i := range size {
		c.done.Go(func() { c.visit(ctx, crowdPause*time.Duration(i)/time.Duration(size)) })
	}
	t.Cleanup(c.leave)
	return c
}

// leave ends the crowd, and tells what it saw.
func (c *crowd) leave() {
	if c.all == nil {
		return
	}
	c.stop()
	c.done.Wait()
	for _, p := range c.all {
		c.t.Log(p.summary())
		for i, e := range p.errors {
			if i == 10 {
				c.t.Errorf("%s: and %d more", p.name, len(p.errors)-i)
				break
			}
			c.t.Errorf("%s: %s", p.name, e)
		}
	}
	c.all = nil
}

// phase begins another phase, in which no answer but 200 is expected.
func (c *crowd) phase(name string) *phase { return c.phaseWith(name, nil) }

// phaseWith begins another phase, in which other answers are accepted too.
func (c *crowd) phaseWith(name string, accepts func(answer) bool) *phase {
	p := &phase{name: name, began: time.Now(), by: map[string]int{}, refused: map[int]int{}, accepts: accepts}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = p
	c.all = append(c.all, p)
	return p
}

func (p *phase) summary() string {
	slices.Sort(p.took)
	at := func(share float64) time.Duration {
		if len(p.took) == 0 {
			return 0
		}
		return p.took[int(share*float64(len(p.took)-1))].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("%-28s %5d requests, %d errors, p50 %s, p99 %s, longest %s, other answers %v, by %v",
		p.name, len(p.took), len(p.errors), at(0.5), at(0.99), at(1), p.refused, p.by)
}

// without does something while no request of these methods is under way, nor begins: one that may not be sent twice is
// lost with the target that works on it.
func (c *crowd) without(do func(), methods ...string) {
	c.t.Helper()
	bar := func(methods []string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.barred = methods
	}
	bar(methods)
	defer bar(nil)
	await(c.t, fmt.Sprint("the end of each ", methods), func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return !slices.ContainsFunc(methods, func(m string) bool { return c.underway[m] > 0 })
	}, func() string { return "some are under way" })
	do()
}

// count is how many requests of the phase were answered by somebody, or refused with a status.
func (c *crowd) count(p *phase, by string, status int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return p.by[by] + p.refused[status]
}

// awaitAnswersBy waits until each of them answered some more requests.
func (c *crowd) awaitAnswersBy(names ...string) {
	c.t.Helper()
	c.mu.Lock()
	p := c.now
	c.mu.Unlock()
	const some = 20
	for _, name := range names {
		before := c.count(p, name, 0)
		await(c.t, "answers by "+name, func() bool { return c.count(p, name, 0) >= before+some },
			func() string { return fmt.Sprint(c.count(p, name, 0)) })
	}
}

// visit is one user, who begins a while after the others.
func (c *crowd) visit(ctx context.Context, after time.Duration) {
	u := user{crowd: c}
	defer u.hangUp()
	select {
	case <-ctx.Done():
		return
	case <-time.After(after):
	}
	tick := time.NewTicker(crowdPause)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			u.ask(i)
		}
	}
}

// user is one of a crowd, with its connection, if it has one.
type user struct {
	*crowd
	conn  net.Conn
	bytes *bufio.Reader
}

func (u *user) hangUp() {
	if u.conn != nil {
		u.conn.Close()
		u.conn = nil
	}
}

// ask makes the user's next request, and notes how that went.
func (u *user) ask(i int) {
	const renewed, posted, put = 5, 10, 20
	if i%renewed == 0 {
		u.hangUp()
	}
	method := http.MethodGet
	switch {
	case i%posted == 3:
		method = http.MethodPost
	case i%put == 7:
		method = http.MethodPut
	}
	p, method := u.begin(method)
	id := fmt.Sprintf("job-%d", u.sequence.Add(1))
	began := time.Now()
	a, err := u.exchange(method, id, i%10)
	took := time.Since(began)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.underway[method]--
	p.took = append(p.took, took)
	by, right := strings.CutPrefix(a.body, id+" by ")
	switch {
	case err == nil && a.status == http.StatusOK && right:
		p.by[by]++
		if method == http.MethodPost {
			u.posts = append(u.posts, id)
		}
	case err == nil && p.accepts != nil && p.accepts(a):
		p.refused[a.status]++
	default:
		p.errors = append(p.errors, fmt.Sprintf("%s %s %s into the phase, new connection %t: after %s: %v %d %.200q",
			method, id, began.Sub(p.began).Round(time.Millisecond), i%renewed == 0, took.Round(time.Millisecond), err, a.status, a.body))
	}
}

// begin notes that a request begins, in which phase, and by which method.
func (c *crowd) begin(method string) (*phase, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(c.barred, method) {
		method = http.MethodGet
	}
	c.underway[method]++
	return c.now, method
}

// exchange makes one request, which the app works on for that many milliseconds.
func (u *user) exchange(method, id string, ms int) (a answer, err error) {
	defer func() {
		if err != nil {
			u.hangUp()
		}
	}()
	if u.conn == nil {
		if u.conn, err = net.DialTimeout("tcp", strings.TrimPrefix(base, "http://"), impatience); err != nil {
			return a, err
		}
		u.bytes = bufio.NewReader(u.conn)
	}
	body := ""
	if method != http.MethodGet {
		body = id
	}
	r, err := http.NewRequest(method, fmt.Sprintf("%s%s/job?id=%s&ms=%d", base, u.path, id, ms), strings.NewReader(body))
	if err != nil {
		return a, err
	}
	if err := errors.Join(u.conn.SetDeadline(time.Now().Add(impatience)), r.Write(u.conn)); err != nil {
		return a, err
	}
	res, err := http.ReadResponse(u.bytes, r)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.Close {
		u.hangUp()
	}
	return answer{res.StatusCode, res.Header, string(text)}, err
}
