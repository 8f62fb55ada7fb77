package limit

import (
	"sync"
	"testing"
	"unsafe"
)

// borrowed is the string of those bytes, which changes as they do.
func borrowed(b []byte) string { return unsafe.String(&b[0], len(b)) }

func TestConns_SaysWhichBoundIsHit(t *testing.T) {
	c := &Conns{Max: 5, PerClient: 2}
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
		{"192.0.2.1", InAll},
		{"", InAll},
	} {
		if got := c.Enter(step.client); got != step.want {
			t.Errorf("step %d: %s hits %q, want %q", i, step.client, got, step.want)
		}
	}
	if got, want := c.Counts(), (Counts{Open: 5, Clients: 3, FullRefusals: 3, ClientRefusals: 3}); got != want {
		t.Errorf("it counts %+v, want %+v", got, want)
	}
	c.Leave("192.0.2.1")
	c.Leave("2001:db8::9")
	for _, client := range []string{"192.0.2.1", "2001:db8::4"} {
		if got := c.Enter(client); got != None {
			t.Errorf("after one left, %s hits %q", client, got)
		}
	}
}

func TestConns_ForgetsWhoHasNone(t *testing.T) {
	c := &Conns{PerClient: 1}
	for i := range 1000 {
		if got := c.Enter(address(i)); got != None {
			t.Fatalf("%s hits %q", address(i), got)
		}
	}
	if n := c.Counts(); n.Open != 1000 || n.Clients != 1000 {
		t.Errorf("it counts %+v", n)
	}
	for i := range 1000 {
		c.Leave(address(i))
	}
	if n := c.Counts(); n != (Counts{}) || len(c.clients) != 0 {
		t.Errorf("it counts %+v", n)
	}
}

func TestConns_ClaimGivesAClientToWhoHadNone(t *testing.T) {
	c := &Conns{Max: 3, PerClient: 1}
	for range 3 {
		if got := c.Enter(""); got != None {
			t.Fatalf("without a client, %q is hit", got)
		}
	}
	if a, b := c.Claim("192.0.2.1"), c.Claim("192.0.2.1"); a != None || b != PerClient {
		t.Errorf("the same client twice hits %q and %q", a, b)
	}
	c.Leave("")
	if n := c.Counts(); n.Open != 2 || n.Clients != 1 || n.ClientRefusals != 1 {
		t.Errorf("it counts %+v", n)
	}
	c.Leave("192.0.2.1")
	c.Leave("")
	if n := c.Counts(); n.Open != 0 || n.Clients != 0 {
		t.Errorf("at the end it counts %+v", n)
	}
}

func TestConns_WithoutBounds(t *testing.T) {
	var c Conns
	for range 10_000 {
		if got := c.Enter("192.0.2.1"); got != None {
			t.Fatalf("%q is hit", got)
		}
	}
}

func TestConns_KeepsNothingBorrowed(t *testing.T) {
	c := &Conns{PerClient: 1}
	name := []byte("front")
	c.Enter(borrowed(name))
	copy(name, "xxxxx")
	if got := c.Enter("front"); got != PerClient {
		t.Errorf("it was forgotten with the buffer: %q", got)
	}
}

func TestConns_CountsUnderContention(t *testing.T) {
	c := &Conns{Max: 50, PerClient: 10}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			client := address(i % 4)
			for range 1000 {
				if c.Enter(client) == None {
					if n := c.Counts(); n.Open > 50 || n.Open < 1 {
						t.Errorf("it counts %+v", n)
					}
					c.Leave(client)
				}
			}
		})
	}
	all.Wait()
	if n := c.Counts(); n.Open != 0 || n.Clients != 0 {
		t.Errorf("at the end it counts %+v", n)
	}
}

func BenchmarkConns(b *testing.B) {
	c := &Conns{Max: 10_000, PerClient: 1024}
	c.Enter("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		c.Enter("192.0.2.1")
		c.Leave("192.0.2.1")
	}
}
