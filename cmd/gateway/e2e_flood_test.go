package main_test

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// flood holds streams of HTTP/2, and counts those that were refused.
type flood struct {
	conns   []net.Conn
	refused atomic.Int64
	reading sync.WaitGroup
}

// frame is one of HTTP/2 (RFC 9113 section 4.1).
func frame(kind, flags byte, stream uint32, payload string) string {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	head = binary.BigEndian.AppendUint32(append(head, flags), stream)
	return string(head) + payload
}

// open opens a connection and as many requests for a path over it.
func (f *flood) open(t *testing.T, address, path string, streams int) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	f.conns = append(f.conns, conn)
	// GET, http, and two literals whose names are indexed and whose values are short (RFC 7541 section 6.2.2).
	literal := func(name byte, value string) string { return string([]byte{name, byte(len(value))}) + value }
	head := "\x82\x86" + literal(4, path) + literal(1, "gw.test")
	var all strings.Builder
	all.WriteString("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, ""))
	for i := range streams {
		all.WriteString(frame(1, 5, uint32(1+2*i), head))
	}
	if _, err := io.WriteString(conn, all.String()); err != nil {
		t.Fatal(err)
	}
	f.reading.Go(func() { f.read(conn) })
}

// read counts the streams that are reset with REFUSED_STREAM, until the connection ends.
func (f *flood) read(conn net.Conn) {
	for {
		var head [9]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		payload := make([]byte, binary.BigEndian.Uint32(head[:])>>8)
		if _, err := io.ReadFull(conn, payload); err != nil {
			return
		}
		if head[3] == 3 && binary.BigEndian.Uint32(payload) == 7 {
			f.refused.Add(1)
		}
	}
}

// end closes all connections.
func (f *flood) end() {
	for _, conn := range f.conns {
		_ = conn.Close()
	}
	f.reading.Wait()
}

// underWay is what `gateway status --json` says of requests under way, and which run of the proxy said so.
type underWay struct {
	Boot     string
	UnderWay struct {
		Open, Max        int
		MaxPerClient     int `json:"max_per_client"`
		RefusedPerClient int `json:"refused_per_client"`
	} `json:"under_way"`
}

func underWayNow(t *testing.T) underWay {
	t.Helper()
	var doc struct{ Gateway struct{ Proxy underWay } }
	if err := json.Unmarshal([]byte(must(t, "status", "--json")), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Gateway.Proxy
}

// One client that holds far more requests than the proxy's container has memory for is refused, and nobody else is.
func TestFlood_HurtsNobodyElse(t *testing.T) {
	network := "e2e-flood"
	must(t, "network", "create", network)
	t.Cleanup(func() { gateway("network", "rm", network) })
	run(t, "e2e-flood", "--network", network, "-l", "gateway.path=/flood")
	eventually(t, base+"/flood/health", "the app", served)
	before := underWayNow(t)
	const conns, streams = 60, 100
	if most := before.UnderWay.MaxPerClient; most == 0 || most >= conns*streams || before.UnderWay.Max < 4*most {
		t.Fatalf("the bounds are %+v", before.UnderWay)
	}
	address := strings.TrimPrefix(proxyAddress(t), "http://")
	f := new(flood)
	t.Cleanup(f.end)
	for range conns {
		f.open(t, address, "/flood/sse?n=2&ms=600000", streams)
	}
	await(t, "refusals", func() bool { return f.refused.Load() >= conns*streams-int64(before.UnderWay.MaxPerClient) },
		func() string { return underWayNow(t).Boot })
	if now := underWayNow(t); now.UnderWay.Open > now.UnderWay.MaxPerClient || now.UnderWay.RefusedPerClient == 0 {
		t.Errorf("under way: %+v", now.UnderWay)
	}
	for range 10 {
		if err := probeFrom("0-gateway", proxyAddress(t)+"/flood/health"); err != nil {
			t.Error("another client:", err)
		}
	}
	f.end()
	await(t, "the end of all requests", func() bool { return underWayNow(t).UnderWay.Open == 0 }, func() string { return "" })
	eventually(t, base+"/flood/health", "the app again", served)
	if now := underWayNow(t); now.Boot != before.Boot {
		t.Error("the proxy was restarted")
	}
}
