package limit

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Bound is one that was hit, in a form that metrics can have.
type Bound string

// The bounds on connections and on requests under way.
const (
	// None was hit: the client is in.
	None Bound = ""
	// InAll is the bound on those of all clients together.
	InAll Bound = "all"
	// PerClient is the bound on those of one client.
	PerClient Bound = "client"
)

// Bounds are the most at once; 0 is no bound. Where clients have a bound, none gets more than are left for all others, so
// that several together cannot take everything.
type Bounds struct{ All, PerClient int }

// hit is the bound that one more would hit, where a client has mine already and all have total.
func (b Bounds) hit(mine, total int64) Bound {
	switch all := int64(b.All); {
	case b.PerClient > 0 && (mine >= int64(b.PerClient) || mine > 0 && all > 0 && mine > all-total):
		return PerClient
	case all > 0 && total >= all:
		return InAll
	}
	return None
}

// Admission bounds the connections of clients and their requests under way, of each client over all its connections and
// in all. Its fields are set before its first use; its methods are safe for concurrent use.
type Admission struct {
	Conns, Requests Bounds

	conns, requests tally
	// nobody has the connections without a client.
	nobody Account

	mu      sync.Mutex
	clients map[Key]*Account
	// spare is a client that nobody is, so that one request after the other allocates nothing.
	spare *Account
}

// tally counts what is open, and what was refused by either bound.
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

// Counts is how things stand with connections, or with requests under way.
type Counts struct {
	// Open are those that are in.
	Open int
	// FullRefusals and ClientRefusals count what either bound kept out since the start.
	FullRefusals, ClientRefusals uint64
}

// firstShare is the part of what one client may have under way that is kept for connections on which nothing is: so that
// those behind one address are not locked out by the busiest of them.
const firstShare = 4

// Conn is a connection that was let in.
type Conn struct {
	admission *Admission
	account   *Account
	requests  atomic.Int64
}

// Account is what one client has, as long as it has a connection, or a request that came over somebody else's.
type Account struct {
	admission *Admission
	key       Key
	// conns and users are guarded by the admission's mu; users are the connections and the requests of others.
	conns, users int
	requests     atomic.Int64
}

// Enter counts a connection of a client, an address without port, unless that hits a bound. Who got None calls Leave when
// the connection ends, and the others do not. A connection without a client, the empty string, counts in all alone: so
// enters a trusted proxy, which speaks for many.
func (a *Admission) Enter(client string) (*Conn, Bound) {
	a.mu.Lock()
	defer a.mu.Unlock()
	total := a.conns.open.Load()
	if client == "" {
		if bound := (Bounds{All: a.Conns.All}).hit(0, total); bound != None {
			return nil, a.conns.refuse(bound)
		}
		a.nobody.conns++
		a.conns.open.Add(1)
		return &Conn{admission: a, account: &a.nobody}, None
	}
	key := KeyOf(client)
	mine := 0
	if known := a.clients[key]; known != nil {
		mine = known.conns
	}
	if bound := a.Conns.hit(int64(mine), total); bound != None {
		return nil, a.conns.refuse(bound)
	}
	account := a.use(key)
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
	if account != &a.nobody {
		a.disuse(account)
	}
}

// Begin counts a request that came over the connection, unless that hits a bound. Who got None calls End when the request
// has ended.
func (c *Conn) Begin() Bound {
	a, bounds := c.admission, c.admission.Requests
	own, mine, total := c.requests.Add(1)-1, c.account.requests.Add(1)-1, a.requests.open.Add(1)-1
	switch {
	case c.account == &a.nobody:
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

// Claim gives a client to a request that a connection without one brought and that Begin has counted in all, unless it
// has too many. Who got None calls Release when the request has ended.
func (a *Admission) Claim(addr netip.Addr, name string) (*Account, Bound) {
	key := Key{text: name}
	if addr.IsValid() {
		key = keyAt(addr)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.use(key)
	// The total has this one already.
	if mine := c.requests.Add(1) - 1; a.Requests.hit(mine, a.requests.open.Load()-1) == PerClient {
		c.requests.Add(-1)
		a.disuse(c)
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
	a.disuse(c)
}

// use returns the client with that key. The caller holds mu.
func (a *Admission) use(key Key) *Account {
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

// disuse forgets a client whom nobody uses any more. The caller holds mu.
func (a *Admission) disuse(c *Account) {
	if c.users--; c.users == 0 {
		delete(a.clients, c.key)
		c.key = Key{}
		a.spare = c
	}
}

// CountConns tells how things stand with connections.
func (a *Admission) CountConns() Counts { return a.conns.counts() }

// CountRequests tells how things stand with requests under way.
func (a *Admission) CountRequests() Counts { return a.requests.counts() }
