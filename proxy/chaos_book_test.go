package proxy

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// call is one request of a client and all that is known of it.
type call struct {
	id, method string
	app        *cast
	// body and size are the bytes of the request's and the answer's.
	body, size int
	// whole reports that head and body come in one piece, or that there is no body, and streamed that they certainly do
	// not; two is HTTP/2.
	whole, streamed, two bool
	// stays is the id of the target that the client's cookie names.
	stays string

	// leaves reports that the client goes before it has its answer, unreached that the connection had ended before its
	// turn came.
	leaves, unreached bool
	began, ended      time.Time
	// status is what came, 0 for nothing, and from the replica that it came from, empty for the gateway itself.
	status int
	from   string
	// err is why the answer is not whole.
	err error

	// arrivals are the times that it reached a replica. They change with the book.
	arrivals []*arrival
}

// arrival is a request at one replica.
type arrival struct {
	replica *replica
	at      time.Time
	// kept reports that the connection had another request before.
	kept bool
	// body is how much of the request's came, whole that it was all.
	body  int
	whole bool
	// status is that of the answer, begun that its head was sent, done that all of it was.
	status      int
	begun, done bool
}

// book records the requests of clients and those that reached the replicas.
type book struct {
	t  *testing.T
	mu sync.Mutex
	// calls are all, open those that have not ended.
	calls  map[string]*call
	open   map[*call]bool
	wrongs int
}

func newBook(t *testing.T) *book {
	return &book{t: t, calls: map[string]*call{}, open: map[*call]bool{}}
}

// wrong notes a mistake of the gateway; the first few are enough.
func (b *book) wrong(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wrongs++; b.wrongs <= 10 {
		b.t.Errorf(format, args...)
	}
}

// note changes what the book has.
func (b *book) note(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// begin notes that a client begins to ask.
func (b *book) begin(c *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.began = time.Now()
	b.calls[c.id] = c
	b.open[c] = true
}

// end notes that nothing more comes.
func (b *book) end(c *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.ended = time.Now()
	delete(b.open, c)
}

// quietSince reports that all that began before has ended.
func (b *book) quietSince(t time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.open {
		if !c.began.After(t) {
			return false
		}
	}
	return true
}

// arrive notes that a request reached a replica. It returns nil for one that nobody sent.
func (b *book) arrive(a *arrival, m *message) *call {
	id := m.value("X-Id")
	b.mu.Lock()
	c := b.calls[id]
	if c != nil {
		c.arrivals = append(c.arrivals, a)
	}
	b.mu.Unlock()
	method, rest, _ := strings.Cut(m.start, " ")
	if c == nil || method != c.method || !strings.HasSuffix(rest, "/"+id+" HTTP/1.1") {
		b.wrong("%s was sent a mixed request: %q with %q", a.replica.Name, m.start, m.fields)
		return nil
	}
	return c
}
