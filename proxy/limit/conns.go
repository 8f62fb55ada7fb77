package limit

import "sync"

// Bound is one that was hit, in a form that metrics can have.
type Bound string

// The bounds on connections.
const (
	// None was hit: the client is in.
	None Bound = ""
	// InAll is the bound on all connections.
	InAll Bound = "all"
	// PerClient is the bound on those of one client.
	PerClient Bound = "client"
)

// Conns counts connections, of each client and in all. Its fields are set before its first use; its methods are safe for
// concurrent use.
type Conns struct {
	// Max is the most connections at once, PerClient the most of one client; 0 is no bound.
	Max, PerClient int

	mu      sync.Mutex
	counts  Counts
	clients map[Key]int
}

// Counts is how things stand with connections.
type Counts struct {
	// Open are those that are in, Clients whose they are, not counting those without a client.
	Open, Clients int
	// FullRefusals and ClientRefusals count what Max and PerClient kept out since the start.
	FullRefusals, ClientRefusals uint64
}

// Enter counts a connection of a client, an address without port, unless that hits a bound, which it returns. Who got
// None calls Leave with the same client when the connection ends, and the others do not. A connection without a client,
// the empty string, counts in all alone: so enters a trusted proxy, which speaks for many, and who is behind it when that
// is known by Claim.
func (c *Conns) Enter(client string) Bound {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Max > 0 && c.counts.Open >= c.Max {
		c.counts.FullRefusals++
		return InAll
	}
	if bound := c.add(client); bound != None {
		return bound
	}
	c.counts.Open++
	return None
}

// Claim gives a client to a connection that entered without one. With None it leaves as that client's from then on; else
// it is still without one, and should end.
func (c *Conns) Claim(client string) Bound {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.add(client)
}

// Leave ends what Enter or Claim with that client began.
func (c *Conns) Leave(client string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Open--
	if client == "" {
		return
	}
	key := KeyOf(client)
	if c.clients[key]--; c.clients[key] <= 0 {
		delete(c.clients, key)
	}
}

// Counts returns how things stand.
func (c *Conns) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	counts.Clients = len(c.clients)
	return counts
}

// add counts one more of a client's. The caller holds mu.
func (c *Conns) add(client string) Bound {
	if client == "" {
		return None
	}
	key := KeyOf(client)
	n, known := c.clients[key]
	if c.PerClient > 0 && n >= c.PerClient {
		c.counts.ClientRefusals++
		return PerClient
	}
	if !known {
		key = key.kept()
	}
	if c.clients == nil {
		c.clients = map[Key]int{}
	}
	c.clients[key] = n + 1
	return None
}
