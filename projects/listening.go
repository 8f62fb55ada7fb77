package projects

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// deafness says why nothing answers on a port of a running container, given the addresses that it listens on. It is nil
// when something listens there, and early while the container listens nowhere.
type deafness struct {
	// name is the container's for people, port the one that is asked.
	name string
	port uint16
	// advise says how to name another port.
	advise func(port uint16) string
}

// errListensNowhere says that an app has not opened any port, as while it starts.
var errListensNowhere = errors.New("it listens on no port")

func (d deafness) of(all []netip.AddrPort) error {
	var ports []uint16
	var inside []string
	for _, a := range all {
		switch {
		case a.Addr().IsLoopback():
			inside = append(inside, a.String())
		case a.Port() == d.port:
			return nil
		case !slices.Contains(ports, a.Port()):
			ports = append(ports, a.Port())
		}
	}
	slices.Sort(ports)
	switch {
	case slices.ContainsFunc(all, func(a netip.AddrPort) bool { return a.Port() == d.port }):
		return fmt.Errorf("%s listens on 127.0.0.1:%d only, where nothing outside its container reaches it; make it listen on 0.0.0.0", d.name, d.port)
	case len(ports) > 0:
		return fmt.Errorf("%s runs, but nothing listens on %d (it listens on %s); %s", d.name, d.port, joinPorts(ports), d.advise(ports[0]))
	case len(inside) > 0:
		return fmt.Errorf("%s runs, but nothing listens on %d (it listens on %s only, where nothing outside its container reaches it); make it listen on 0.0.0.0:%d",
			d.name, d.port, strings.Join(inside, ", "), d.port)
	}
	return fmt.Errorf("%s runs, and %w", d.name, errListensNowhere)
}

func joinPorts(ports []uint16) string {
	var all []string
	for _, p := range ports {
		all = append(all, strconv.Itoa(int(p)))
	}
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}
