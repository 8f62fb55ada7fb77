package limit

import (
	"net/netip"
	"sync"
	"testing"
	"unsafe"
)

// borrowed is the string of those bytes, which changes as they do.
func borrowed(b []byte) string { return unsafe.String(&b[0], len(b)) }

// entered are the connections of clients, by their addresses.
type entered map[string][]*Conn

// enter opens a connection of a client, and returns the bound that this hits.
func (e entered) enter(a *Admission, client string) Bound {
	conn, hit := a.Enter(client)
	if hit == None {
		e[client] = append(e[client], conn)
	}
	return hit
}

// leave ends a connection of a client.
func (e entered) leave(client string) {
	last := len(e[client]) - 1
	e[client][last].Leave()
	e[client] = e[client][:last]
}

func TestAdmission_SaysWhichBoundIsHit(t *testing.T) {
	a, in := &Admission{Conns: Bounds{All: 5, PerClient: 2}}, entered{}
	for i, step := range []struct {
		client string
		want   Bound
	}{
		{"192.0.2.1", None},
		{"192.0.2.1", None},
		{"192.0.2.1", PerClient},
		{"::ffff:192.0.2.1", PerClient},
		{"2001:db8::1", None},
		{"2001:db8::2", None},
		{"2001:db8::3", PerClient},
		{"192.0.2.2", None},
		{"192.0.2.3", InAll},
		{"192.0.2.1", PerClient},
		{"", InAll},
	} {
		if got := in.enter(a, step.client); got != step.want {
			t.Errorf("step %d: %s hits %q, want %q", i, step.client, got, step.want)
		}
	}
	if got, want := a.CountConns(), (Counts{Open: 5, FullRefusals: 2, ClientRefusals: 4}); got != want {
		t.Errorf("it counts %+v, want %+v", got, want)
	}
	in.leave("192.0.2.1")
	in.leave("2001:db8::1")
	for _, client := range []string{"192.0.2.1", "2001:db8::4"} {
		if got := in.enter(a, client); got != None {
			t.Errorf("after one left, %s hits %q", client, got)
		}
	}
}

func TestAdmission_ForgetsClientsWithoutConnections(t *testing.T) {
	a, in := &Admission{Conns: Bounds{PerClient: 1}}, entered{}
	for i := range 1000 {
		if got := in.enter(a, address(i)); got != None {
			t.Fatalf("%s hits %q", address(i), got)
		}
	}
	if n := a.CountConns(); n.Open != 1000 || len(a.clients) != 1000 {
		t.Errorf("it counts %+v of %d clients", n, len(a.clients))
	}
	for i := range 1000 {
		in.leave(address(i))
	}
	if n := a.CountConns(); n != (Counts{}) || len(a.clients) != 0 {
		t.Errorf("it counts %+v of %d clients", n, len(a.clients))
	}
}

func TestAdmission_WithoutBounds(t *testing.T) {
	a, in := new(Admission), entered{}
	for range 10_000 {
		if got := in.enter(a, "192.0.2.1"); got != None {
			t.Fatalf("a connection hits %q", got)
		}
		if got := in["192.0.2.1"][0].Begin(); got != None {
			t.Fatalf("a request hits %q", got)
		}
	}
}

func TestAdmission_KeepsNothingBorrowed(t *testing.T) {
	a, in := &Admission{Conns: Bounds{PerClient: 1}}, entered{}
	name := []byte("front")
	in.enter(a, borrowed(name))
	copy(name, "xxxxx")
	if got := in.enter(a, "front"); got != PerClient {
		t.Errorf("it was forgotten with the buffer: %q", got)
	}
}

// begin begins requests over a connection until a bound is hit, up to so many, and returns how many began.
func begin(c *Conn, most int) (n int, hit Bound) {
	for ; n < most; n++ {
		if hit := c.Begin(); hit != None {
			return n, hit
		}
	}
	return n, None
}

func TestAdmission_CountsRequestsOverAllConnectionsOfAClient(t *testing.T) {
	a, in := &Admission{Requests: Bounds{All: 100, PerClient: 10}}, entered{}
	for range 3 {
		in.enter(a, "192.0.2.1")
	}
	in.enter(a, "192.0.2.2")
	first, second, third := in["192.0.2.1"][0], in["192.0.2.1"][1], in["192.0.2.1"][2]
	if n, _ := begin(first, 6); n != 6 {
		t.Fatalf("%d requests began, want 6", n)
	}
	if n, hit := begin(second, 100); n != 2 || hit != PerClient {
		t.Errorf("over another connection %d more began, and then hit %q", n, hit)
	}
	// What is left is for connections that have none.
	if n, hit := begin(third, 100); n != 1 || hit != PerClient {
		t.Errorf("over the third connection %d more began, and then hit %q", n, hit)
	}
	if n, hit := begin(in["192.0.2.2"][0], 5); n != 5 || hit != None {
		t.Errorf("another client began %d, and then hit %q", n, hit)
	}
	first.End()
	first.End()
	if n, hit := begin(second, 100); n != 1 || hit != PerClient {
		t.Errorf("after two ended %d more began, and then hit %q", n, hit)
	}
	if got, want := a.CountRequests(), (Counts{Open: 13, ClientRefusals: 3}); got != want {
		t.Errorf("it counts %+v, want %+v", got, want)
	}
}

// Several clients that take all they can leave room for one that needs little.
func TestAdmission_LeavesRoomForOtherClients(t *testing.T) {
	a, in := &Admission{Requests: Bounds{All: 1000, PerClient: 250}}, entered{}
	for i := range 6 {
		in.enter(a, address(i))
		begin(in[address(i)][0], 1000)
	}
	in.enter(a, "192.0.2.1")
	if n, hit := begin(in["192.0.2.1"][0], 3); n != 3 {
		t.Errorf("with %+v, another client began %d and then hit %q", a.CountRequests(), n, hit)
	}
	// Those without a client have only the bound on all.
	in.enter(a, "")
	if _, hit := begin(in[""][0], 1000); hit != InAll || a.CountRequests().Open != 1000 {
		t.Errorf("a trusted proxy hits %q with %+v", hit, a.CountRequests())
	}
}

func TestAdmission_ClaimsRequestsForClientsBehindAProxy(t *testing.T) {
	a, in := &Admission{Requests: Bounds{All: 100, PerClient: 2}}, entered{}
	in.enter(a, "")
	front := in[""][0]
	claim := func(client string) (*Account, Bound) {
		if hit := front.Begin(); hit != None {
			t.Fatalf("in all, %q is hit", hit)
		}
		account, hit := a.Claim(netip.MustParseAddr(client), client)
		if hit != None {
			front.End()
		}
		return account, hit
	}
	one, first := claim("192.0.2.1")
	_, second := claim("192.0.2.1")
	_, third := claim("192.0.2.1")
	if first != None || second != None || third != PerClient {
		t.Errorf("three requests of a client hit %q, %q and %q", first, second, third)
	}
	if _, hit := claim("192.0.2.2"); hit != None {
		t.Errorf("another client hits %q", hit)
	}
	one.Release()
	front.End()
	if _, hit := claim("192.0.2.1"); hit != None {
		t.Errorf("after one ended, the next hits %q", hit)
	}
	if got, want := a.CountRequests(), (Counts{Open: 3, ClientRefusals: 1}); got != want {
		t.Errorf("it counts %+v, want %+v", got, want)
	}
}

func TestAdmission_AllocatesNothingPerRequest(t *testing.T) {
	a, in := &Admission{Requests: Bounds{All: 100, PerClient: 10}}, entered{}
	in.enter(a, "192.0.2.1")
	own, addr := in["192.0.2.1"][0], netip.MustParseAddr("192.0.2.2")
	if n := testing.AllocsPerRun(100, func() {
		own.Begin()
		claimed, _ := a.Claim(addr, "")
		claimed.Release()
		own.End()
	}); n > 0 {
		t.Errorf("a request costs %v allocations", n)
	}
}

func TestAdmission_CountsUnderContention(t *testing.T) {
	a := &Admission{Conns: Bounds{All: 50, PerClient: 10}, Requests: Bounds{All: 6, PerClient: 3}}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			client := address(i % 4)
			if i > 5 {
				client = ""
			}
			for range 1000 {
				c, hit := a.Enter(client)
				if hit != None {
					continue
				}
				if n := a.CountConns(); n.Open > 50 || n.Open < 1 {
					t.Errorf("it counts %+v", n)
				}
				if c.Begin() == None {
					c.End()
				}
				c.Leave()
			}
		})
	}
	all.Wait()
	if conns, requests := a.CountConns(), a.CountRequests(); conns.Open != 0 || requests.Open != 0 || len(a.clients) != 0 {
		t.Errorf("at the end it counts %+v and %+v", conns, requests)
	}
}

func BenchmarkAdmission_Conns(b *testing.B) {
	a := &Admission{Conns: Bounds{All: 10_000, PerClient: 1024}}
	_, _ = a.Enter("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		c, _ := a.Enter("192.0.2.1")
		c.Leave()
	}
}

func BenchmarkAdmission_Requests(b *testing.B) {
	a := &Admission{Requests: Bounds{All: 10_000, PerClient: 1024}}
	c, _ := a.Enter("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		_ = c.Begin()
		c.End()
	}
}
