package limit

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Bound is a bound that was hit, as metrics name it.
type Bound string

// The bounds on connections and on requests under way.
const (
	// None means that no bound was hit.
	None Bound = ""
	// InAll is the bound on all clients together.
	InAll Bound = "all"
	// PerClient is the bound on one client.
	PerClient Bound = "client"
)

// Bounds are how many there may be at once; 0 is no bound. With a bound per client, no client gets more than are left for
// all others, so that several together cannot take everything.
type Bounds struct{ All, PerClient int }

// hit is the bound that one more would hit, when a client has mine already and all clients have total.
func (b Bounds) hit(mine, total int64) Bound {
	switch all := int64(b.All); {
	case b.PerClient > 0 && (mine >= int64(b.PerClient) || mine > 0 && all > 0 && mine > all-total):
		return PerClient
	case all > 0 && total >= all:
		return InAll
	}
	return None
}

// Admission bounds the connections and the requests under way, of each client over all its connections and of all clients.
// Its fields are set before its first use; its methods are safe for concurrent use.
type Admission struct {
	Conns, Requests Bounds

	conns, requests tally
	// anonymous has the connections without a client.
	anonymous Account

	mu      sync.Mutex
	clients map[Key]*Account
	// spare is an unused account, so that one request after the other allocates nothing.
	spare *Account
}

// tally counts what is open, and what each bound refused.
type tally struct {
	open       atomic.Int64
	full, most atomic.Uint64
}

// refuse counts a refusal.
func (t *tally) refuse(by Bound) Bound {
	if by == PerClient {
		t.most.Add(1)
	} else {
		t.full.Add(1)
	}
	return by
}

func (t *tally) counts() Counts {
	return Counts{Open: int(t.open.Load()), FullRefusals: t.full.Load(), ClientRefusals: t.most.Load()}
}

// Counts are the numbers of connections, or of requests under way.
type Counts struct {
	Open int
	// FullRefusals and ClientRefusals count what each bound has refused since the start.
	FullRefusals, ClientRefusals uint64
}

// firstShare is the part of a client's requests under way that is reserved for idle connections, so that the busiest one
// behind a shared address does not lock out the others.
const firstShare = 4

// Conn is an admitted connection.
type Conn struct {
	admission *Admission
	account   *Account
	requests  atomic.Int64
}

// Account counts what one client has, for as long as it has a connection or a request over that of a proxy.
type Account struct {
	admission *Admission
	key       Key
	// conns and users are guarded by the admission's mu. users counts the connections, and the requests over those of
	// proxies.
	conns, users int
	requests     atomic.Int64
}

// Enter counts a connection of a client, an address without port, unless that hits a bound. If it returns None, the caller
// must call Leave when the connection ends. A connection without a client, the empty string, counts for all clients alone:
// that of a trusted proxy has many.
func (a *Admission) Enter(client string) (*Conn, Bound) {
	a.mu.Lock()
	defer a.mu.Unlock()
	total := a.conns.open.Load()
	if client == "" {
		if bound := (Bounds{All: a.Conns.All}).hit(0, total); bound != None {
			return nil, a.conns.refuse(bound)
		}
		a.anonymous.conns++
		a.conns.open.Add(1)
		return &Conn{admission: a, account: &a.anonymous}, None
	}
	key := KeyOf(client)
	mine := 0
	if known := a.clients[key]; known != nil {
		mine = known.conns
	}
	if bound := a.Conns.hit(int64(mine), total); bound != None {
		return nil, a.conns.refuse(bound)
	}
	account := a.acquire(key)
	account.conns++
	a.conns.open.Add(1)
	return &Conn{admission: a, account: account}, None
}

// Leave ends what Enter began.
func (c *Conn) Leave() {
	a, account := c.admission, c.account
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns.open.Add(-1)
	account.conns--
	if account != &a.anonymous {
		a.release(account)
	}
}

// Begin counts a request on the connection, unless that hits a bound. If it returns None, the caller must call End when the
// request has ended.
func (c *Conn) Begin() Bound {
	a, bounds := c.admission, c.admission.Requests
	own, mine, total := c.requests.Add(1)-1, c.account.requests.Add(1)-1, a.requests.open.Add(1)-1
	switch {
	case c.account == &a.anonymous:
		bounds.PerClient = 0
	case own > 0:
		bounds.PerClient -= bounds.PerClient / firstShare
	}
	if bound := bounds.hit(mine, total); bound != None {
		c.End()
		return a.requests.refuse(bound)
	}
	return None
}

// End ends what Begin began.
func (c *Conn) End() {
	c.requests.Add(-1)
	c.account.requests.Add(-1)
	c.admission.requests.open.Add(-1)
}

// Claim counts a request on a connection without a client, which Begin has counted for all clients, for its client, unless
// that has too many. If it returns None, the caller must call Release when the request has ended.
func (a *Admission) Claim(addr netip.Addr, name string) (*Account, Bound) {
	key := Key{text: name}
	if addr.IsValid() {
		key = keyAt(addr)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.acquire(key)
	// The total has this one already.
	if mine := c.requests.Add(1) - 1; a.Requests.hit(mine, a.requests.open.Load()-1) == PerClient {
		c.requests.Add(-1)
		a.release(c)
		return nil, a.requests.refuse(PerClient)
	}
	return c, None
}

// Release ends what Claim began.
func (c *Account) Release() {
	a := c.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	c.requests.Add(-1)
	a.release(c)
}

// acquire returns the account with that key, and counts a user. The caller holds mu.
func (a *Admission) acquire(key Key) *Account {
	c, known := a.clients[key]
	if !known {
		if c = a.spare; c == nil {
			c = new(Account)
		}
		a.spare = nil
		c.admission, c.key = a, key.kept()
		if a.clients == nil {
			a.clients = map[Key]*Account{}
		}
		a.clients[c.key] = c
	}
	c.users++
	return c
}

// release counts a user less, and forgets an account without users. The caller holds mu.
func (a *Admission) release(c *Account) {
	if c.users--; c.users == 0 {
		delete(a.clients, c.key)
		c.key = Key{}
		a.spare = c
	}
}

// CountConns counts the connections.
func (a *Admission) CountConns() Counts { return a.conns.counts() }

// CountRequests counts the requests under way.
func (a *Admission) CountRequests() Counts { return a.requests.counts() }
