package projects

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/route"
)

func TestDeafness_SaysWhatToDo(t *testing.T) {
	for listens, want := range map[string]string{
		"0.0.0.0:3000":                     "",
		"[::]:3000":                        "",
		"172.17.0.2:3000 127.0.0.1:9":      "",
		"0.0.0.0:8080":                     "web-1 runs, but nothing listens on 3000 (it listens on 8080); try --port 8080",
		"[::]:9090 0.0.0.0:8080 [::]:8080": "(it listens on 8080 and 9090); try --port 8080",
		"127.0.0.1:3000":                   "listens on 127.0.0.1:3000 only, where nothing outside its container reaches it; make it listen on 0.0.0.0",
		"[::1]:3000":                       "make it listen on 0.0.0.0",
		"127.0.0.1:3000 0.0.0.0:8080":      "listens on 127.0.0.1:3000 only",
		"127.0.0.1:8080":                   "(it listens on 127.0.0.1:8080 only, where nothing outside its container reaches it); make it listen on 0.0.0.0:3000",
		"":                                 "listens on no port",
	} {
		var all []netip.AddrPort
		for a := range strings.FieldsSeq(listens) {
			all = append(all, netip.MustParseAddrPort(a))
		}
		err := deafness{"web-1", 3000, func(port uint16) string { return fmt.Sprintf("try --port %d", port) }}.of(all)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", listens, err, want)
		}
		if errors.Is(err, errListensNowhere) != (listens == "") {
			t.Errorf("%q: %v", listens, err)
		}
	}
}

func TestReadiness_SaysWhereTheAppListens(t *testing.T) {
	web := docker.Container{ID: "1", Name: "robots-web-1", State: "running", Status: "Up 3 seconds", Labels: map[string]string{"com.docker.compose.project": "robots"}}
	served := Table{Routes: []Route{{
		Key: route.Key{Prefix: prefix(t, "/robots")}, Project: "robots", State: "ready",
		Targets: []Target{{Name: web.Name, Address: netip.MustParseAddrPort("172.17.0.2:3000")}},
	}}}
	for name, c := range map[string]struct {
		// listens are the addresses by the time that has passed.
		listens         func(time.Duration) []netip.AddrPort
		err             error
		want            string
		atLeast, atMost time.Duration
	}{
		"elsewhere": {func(time.Duration) []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:8080")} }, nil, "nothing listens on 3000 (it listens on 8080); set 8080", deafFor, 30 * time.Second},
		"nowhere":   {func(time.Duration) []netip.AddrPort { return nil }, nil, "web-1 runs, and it listens on no port", readyTimeout, readyTimeout},
		"hangs":     {func(time.Duration) []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort("[::]:3000")} }, nil, "502", readyTimeout, readyTimeout},
		"not known": {func(time.Duration) []netip.AddrPort { return nil }, errors.New("no image"), "502", readyTimeout, readyTimeout},
		"in the end": {func(passed time.Duration) []netip.AddrPort {
			if passed < 40*time.Second {
				return nil
			}
			return []netip.AddrPort{netip.MustParseAddrPort("[::]:3000")}
		}, nil, "", 40 * time.Second, 41 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			ports := func() []netip.AddrPort { return c.listens(time.Since(start)) }
			r := awaiting(func() Table { return served }, []docker.Container{web})
			gateway := r.Gateway.(*table)
			gateway.listening = func() ([]netip.AddrPort, error) { return ports(), c.err }
			gateway.probe = func() error {
				if name == "in the end" && len(ports()) > 0 {
					return nil
				}
				return errors.New("502")
			}
			err := r.Await(t.Context(), "robots", []route.Key{{Prefix: prefix(t, "/robots")}})
			took := time.Since(start)
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "deadline")) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			if took < c.atLeast || took > c.atMost {
				t.Errorf("%s: it took %s", name, took)
			}
		})
	}
}
