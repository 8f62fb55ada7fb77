package dockertest

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// world is the engine's state. What has no lock of its own says whether it needs mu.
type world struct {
	mu           sync.Mutex
	version, api string
	boxes        []*box // newest first, as they are listed
	index        map[string]*box
	networks     []*bridge
	images       []*image
	volumes      map[string]map[string]string // labels by name
	contents     map[string]content           // by a volume's name
	// cut is where tars of copies end, 0 for their end.
	cut      int
	execs    map[string]*execution
	programs map[string]Program
	ended    bool
	feed     *feed
	// files is how many files the engine may let a container open, 0 for any number.
	files int64
}

// box is a container. All of it needs the world's lock.
type box struct {
	world             *world
	id, name          string
	config            config
	hostConfig        json.RawMessage
	limits            hostConfig
	image             *image
	state             string
	exit              int
	restarts          int
	oom               bool // the last run ended for lack of memory
	health            string
	failing           int
	created           time.Time
	started, finished time.Time
	run               int // counts starts
	samples           int // counts what was asked of its use
	stopping          bool
	ends              map[string]*end
	bindings          []binding
	lines             []line
	encoded           []byte
	encodedStatus     string
}

// changed makes the next listing encode the container again.
func (b *box) changed() { b.encoded = nil }

// command is what the container runs.
func (b *box) command() []string {
	entry, cmd := b.config.Entrypoint, b.config.Cmd
	if len(entry) == 0 {
		entry = b.image.entrypoint
		if len(cmd) == 0 {
			cmd = b.image.cmd
		}
	}
	return append(append([]string(nil), entry...), cmd...)
}

// config is the part of a container's configuration that the engine acts on.
type config struct {
	Image, User     string
	Cmd, Entrypoint []string
	Labels          map[string]string
	ExposedPorts    map[string]struct{}
	Tty             bool
	StopTimeout     *int
	Healthcheck     *healthcheck
}

type healthcheck struct {
	Test        []string
	Interval    time.Duration
	Retries     int
	Timeout     time.Duration
	StartPeriod time.Duration
}

// hostConfig is the part of a container's host configuration that the engine acts on.
type hostConfig struct {
	NetworkMode   string
	PortBindings  map[string][]portBinding
	RestartPolicy struct{ Name string }
	Mounts        []hostMount
	Binds         []string
	Ulimits       []struct {
		Name string
		Hard int64
	}
}

// hostMount is a volume or a folder of the host in a container.
type hostMount struct{ Type, Source, Target string }

type portBinding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

// end is a container's place on a network; the address is invalid unless it runs.
type end struct {
	bridge  *bridge
	address netip.Addr
	id      string
	aliases []string
	given   netip.Addr
}

// bridge is a network.
type bridge struct {
	id, name, driver string
	internal         bool
	labels           map[string]string
	created          time.Time
	subnet           netip.Prefix
	ownSubnet        bool
	used             map[netip.Addr]bool
}

func newWorld() *world {
	w := &world{
		version: "20.10.24", api: "1.41", index: map[string]*box{}, volumes: map[string]map[string]string{}, contents: map[string]content{},
		execs: map[string]*execution{}, programs: map[string]Program{}, feed: newFeed(),
	}
	for _, predefined := range []struct{ name, driver, subnet string }{
		{"bridge", "bridge", "172.17.0.0/16"}, {"host", "host", ""}, {"none", "null", ""},
	} {
		b := &bridge{id: newID(), name: predefined.name, driver: predefined.driver, created: time.Now(), used: map[netip.Addr]bool{}}
		if predefined.subnet != "" {
			b.subnet = netip.MustParsePrefix(predefined.subnet)
		}
		w.networks = append(w.networks, b)
	}
	return w
}

// end stops what would happen later.
func (w *world) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
}

// newID is 64 hex digits.
func newID() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)
}

// box finds a container by name, id, or the beginning of its id. The lock is held.
func (w *world) box(name string) (*box, error) {
	name = strings.TrimPrefix(name, "/")
	if b := w.index[name]; b != nil {
		return b, nil
	}
	var found *box
	for _, b := range w.boxes {
		switch {
		case b.name == name:
			return b, nil
		case len(name) >= 4 && strings.HasPrefix(b.id, name):
			found = b
		}
	}
	if found == nil {
		return nil, refuse(http.StatusNotFound, "No such container: %s", name)
	}
	return found, nil
}

// network finds a network by name, id, or the beginning of its id. The lock is held.
func (w *world) network(name string) (*bridge, error) {
	var found *bridge
	for _, n := range w.networks {
		switch {
		case n.id == name:
			return n, nil
		case n.name == name && found != nil && found.name == name:
			return nil, refuse(http.StatusBadRequest, "2 matches found based on name: network %s is ambiguous", name)
		case n.name == name, found == nil && len(name) >= 4 && strings.HasPrefix(n.id, name):
			found = n
		}
	}
	if found == nil {
		return nil, refuse(http.StatusNotFound, "network %s not found", name)
	}
	return found, nil
}

// overlaps refuses a subnet that shares addresses with a network's. The lock is held.
func (w *world) overlaps(subnet netip.Prefix) error {
	for _, n := range w.networks {
		if n.subnet.IsValid() && n.subnet.Overlaps(subnet) {
			return refuse(http.StatusForbidden, "Pool overlaps with other one on this address space")
		}
	}
	return nil
}

// freeSubnet is the next of the engine's default pools. The lock is held.
func (w *world) freeSubnet() (netip.Prefix, error) {
	var pools []string
	for i := 17; i <= 31; i++ {
		pools = append(pools, fmt.Sprintf("172.%d.0.0/16", i))
	}
	for i := 0; i < 256; i += 16 {
		pools = append(pools, fmt.Sprintf("192.168.%d.0/20", i))
	}
	for _, pool := range pools {
		if subnet := netip.MustParsePrefix(pool); w.overlaps(subnet) == nil {
			return subnet, nil
		}
	}
	return netip.Prefix{}, refuse(http.StatusNotFound, "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network")
}

// gateway is the first address of the subnet.
func (n *bridge) gateway() netip.Addr { return n.subnet.Addr().Next() }

// allocate takes the lowest free address, or the wanted one when it is valid. The lock is held.
func (n *bridge) allocate(wanted netip.Addr) (netip.Addr, error) {
	if wanted.IsValid() || !n.subnet.IsValid() {
		return wanted, nil
	}
	for a := n.gateway().Next(); n.subnet.Contains(a.Next()); a = a.Next() {
		if !n.used[a] {
			n.used[a] = true
			return a, nil
		}
	}
	return netip.Addr{}, refuse(http.StatusForbidden, "no available IPv4 addresses on this network's address pools: %s (%s)", n.name, n.id)
}
