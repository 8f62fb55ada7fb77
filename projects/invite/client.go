package invite

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"gateway/proxy/limit"
)

// clientOf is the address of who asks. The gateway in front writes X-Forwarded-For again: first the client's address,
// then proxies that its owner trusts. Only who speaks from a network like those of containers can be the gateway. It is
// not valid when there is no address.
func clientOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	if !addr.IsPrivate() && !addr.IsLoopback() && !addr.IsLinkLocalUnicast() {
		return addr
	}
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ",")
	if said, err := netip.ParseAddr(strings.TrimSpace(first)); err == nil {
		return said.Unmap().WithZone("")
	}
	return addr
}

// limits bound what one client, and all of them, may ask for. A class behind one address joins at once.
type limits struct {
	memory                  *limit.Memory
	join, request, requests *limit.Rate
}

func newLimits() limits {
	m := limit.NewMemory(8192)
	return limits{
		memory:   m,
		join:     m.Rate("join", 60, time.Hour, 40),
		request:  m.Rate("request", 12, time.Hour, 5),
		requests: m.Rate("requests", 60, time.Hour, 30),
	}
}

// joins counts a join of a client. It returns how long to wait when there were too many.
func (l limits) joins(client netip.Addr, now time.Time) time.Duration {
	_, wait := l.join.Allow(l.memory.Client(client, "unknown"), now)
	return wait
}

// asks counts a request for an invitation, of a client and of all of them.
func (l limits) asks(client netip.Addr, now time.Time) time.Duration {
	if ok, wait := l.request.Allow(l.memory.Client(client, "unknown"), now); !ok {
		return wait
	}
	_, wait := l.requests.Allow(l.memory.Client(netip.Addr{}, "everybody"), now)
	return wait
}
