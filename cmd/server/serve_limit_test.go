package server

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/cmd/help"
	"gateway/proxy/engine"
	"gateway/proxy/limit"
	"gateway/proxy/route"
)

func TestTopics_HaveEveryLimitWithItsDefault(t *testing.T) {
	limits, proxy := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	addLimitFlags(limits, new(limitOptions))
	addProxyFlags(proxy, new(proxyOptions))
	table, found := help.Find("limits")
	if !found {
		t.Fatal("there is no topic limits")
	}
	limits.VisitAll(func(f *pflag.Flag) {
		row := fmt.Sprintf("| `--%s` | ", f.Name)
		switch f.DefValue {
		case "", "0s":
			row += "none |"
		case "[]", "false":
			return
		default:
			row += "`" + strings.Replace(f.DefValue, "m0s", "m", 1) + "` |"
		}
		if !strings.Contains(table.Text, row) {
			t.Errorf("the topic limits lacks a row that begins with %s", row)
		}
	})
	var all strings.Builder
	for _, topic := range help.Topics() {
		all.WriteString(topic.Text)
	}
	proxy.VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(all.String(), "--"+f.Name) {
			t.Errorf("no topic mentions --%s", f.Name)
		}
	})
}

// limitsOf are the options of a command line.
func limitsOf(t *testing.T, args ...string) (*limitOptions, error) {
	t.Helper()
	var o limitOptions
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	addLimitFlags(f, &o)
	if err := f.Parse(args); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return &o, o.check()
}

func TestLimits_HaveDefaults(t *testing.T) {
	o, err := limitsOf(t)
	if err != nil {
		t.Fatal(err)
	}
	want := limitOptions{
		maxConns: 10_000, maxConnsPerClient: 1024, maxRequestsPerClient: 512, maxHead: "64KiB", maxFields: 128, headMax: 64 << 10,
		waits: waitOptions{
			head: 10 * time.Second, idle: 2 * time.Minute, body: time.Minute, write: time.Minute, connect: 5 * time.Second, answer: 2 * time.Minute,
			drain: 30 * time.Second, grace: 10 * time.Second, hold: 5 * time.Second,
		},
	}
	if !reflect.DeepEqual(*o, want) {
		t.Errorf("they are %+v, want %+v", *o, want)
	}
	// They are the engine's own, so that it documents what they are.
	if got, want := o.waits.timeouts(), (engine.Timeouts{
		Head: 10 * time.Second, Idle: 2 * time.Minute, Body: time.Minute, Write: time.Minute, Connect: 5 * time.Second, Response: 2 * time.Minute, Total: -1,
	}); got != want {
		t.Errorf("the engine gets %+v, want %+v", got, want)
	}
	if got, want := o.limits(), (engine.Limits{Head: 64 << 10, Fields: 128}); got != want {
		t.Errorf("the engine gets %+v, want %+v", got, want)
	}
	if o.proxyProtocol || !o.trusted.Empty() {
		t.Errorf("%v are trusted, and announce clients: %v", o.trusted, o.proxyProtocol)
	}
}

func TestLimits_AreRead(t *testing.T) {
	o, err := limitsOf(t, "--max-conns=0", "--max-conns-per-client=0", "--max-body=10MB", "--max-head=32KiB", "--max-fields=64", "--client-rate=50/s,burst=100",
		"--trusted-proxy=10.0.0.0/8,192.0.2.1", "--trusted-proxy=2001:db8::/32", "--proxy-protocol", "--head-timeout=0", "--idle-timeout=1h", "--total-timeout=5m",
		"--drain-timeout=0", "--grace=1m", "--hold=0")
	if err != nil {
		t.Fatal(err)
	}
	if o.maxConns != 0 || o.maxConnsPerClient != 0 || o.bodyMax != 10e6 || o.rate != (route.Rate{Requests: 50, Per: time.Second, Burst: 100}) {
		t.Errorf("they are %+v", o)
	}
	if got, want := o.limits(), (engine.Limits{Head: 32 << 10, Fields: 64}); got != want {
		t.Errorf("the engine gets %+v, want %+v", got, want)
	}
	if got := o.waits.timeouts(); got.Head != -1 || got.Idle != time.Hour || got.Total != 5*time.Minute {
		t.Errorf("the engine gets %+v", got)
	}
	if o.waits.drain != 0 || o.waits.grace != time.Minute || o.waits.hold != 0 {
		t.Errorf("they are %+v", o.waits)
	}
	for _, a := range []string{"10.1.2.3", "192.0.2.1", "2001:db8::1"} {
		if !o.trusted.Contains(netip.MustParseAddr(a)) || !o.proxyProtocol {
			t.Errorf("%s is not trusted", a)
		}
	}
}

func TestLimits_ThatAreNoneAreUsageErrors(t *testing.T) {
	for args, want := range map[string]string{
		"--max-conns=-1":               "--max-conns -1: it takes a number",
		"--max-conns-per-client=-1":    "--max-conns-per-client -1: it takes a number",
		"--max-requests=-1":            "--max-requests -1: it takes a number",
		"--max-requests-per-client=-1": "--max-requests-per-client -1: it takes a number",
		"--max-fields=15":              "--max-fields 15: it takes a number from 16",
		"--max-fields=10001":           "to 10000",
		"--max-fields=-1":              "--max-fields -1",
		"--max-body=ten":               `--max-body: "ten" is no size`,
		"--max-body=0":                 `--max-body: "0" is no size`,
		"--max-head=":                  `--max-head: "" is no size`,
		"--max-head=1023":              "--max-head 1023: it takes a size from 1KiB",
		"--max-head=2MiB":              "--max-head 2MiB: it takes a size",
		"--client-rate=50":             `--client-rate: "50" is no rate`,
		"--client-rate=50/s,100":       "--client-rate: ",
		"--trusted-proxy=10.0.0.1/8":   `--trusted-proxy: bad network "10.0.0.1/8": it has bits set beyond its first 8; write 10.0.0.0/8`,
		"--trusted-proxy=front":        `--trusted-proxy: bad network "front"`,
		"--proxy-protocol":             "--trusted-proxy is missing: with --proxy-protocol",
		"--head-timeout=-1s":           "--head-timeout -1s: a time is not negative",
		"--grace=-1ns":                 "--grace -1ns",
		"--hold=-1m":                   "--hold -1m0s",
	} {
		_, err := limitsOf(t, args)
		if !errors.As(err, new(cli.UsageError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}

func TestLimits_EveryDurationIsChecked(t *testing.T) {
	var o waitOptions
	for _, w := range o.all() {
		_, err := limitsOf(t, "--"+w.flag+"=-1s")
		if err == nil || !strings.Contains(err.Error(), w.flag) {
			t.Errorf("--%s -1s: %v", w.flag, err)
		}
	}
	if got, want := len(o.all()), reflect.TypeFor[waitOptions]().NumField(); got != want {
		t.Errorf("%d of %d durations have a flag", got, want)
	}
}

func TestLimits_LeaveRoomForOpenFiles(t *testing.T) {
	for _, c := range []struct {
		asked   int
		files   uint64
		want    int
		lowered bool
	}{
		{10_000, 1 << 20, 10_000, false},
		{10_000, 20_256, 10_000, false},
		{10_000, 20_255, 9_999, true},
		{10_000, 1024, 384, true},
		{100, 1024, 100, false},
		{0, 1024, 384, false},
		{10_000, 64, 16, true},
		{10_000, 0, 10_000, false},
		{10_000, 1<<64 - 1, 10_000, false},
		{0, 0, 0, false},
		{0, 1<<63 - 1, 0, false},
	} {
		o := limitOptions{maxConns: c.asked}
		if n, lowered := o.conns(limit.Room{Files: c.files}); n != c.want || lowered != c.lowered {
			t.Errorf("%d connections with %d files are %d, lowered: %v; want %+v", c.asked, c.files, n, lowered, c)
		}
	}
}

func TestLimits_LeaveRoomForMemory(t *testing.T) {
	small := limit.Room{Memory: 512 << 20, Files: 1 << 16}
	for _, c := range []struct {
		args           []string
		room           limit.Room
		all, perClient int
		lowered        bool
	}{
		{nil, small, 1792, 448, false},
		{nil, limit.Room{Memory: 8 << 30}, 32512, 512, false},
		{nil, limit.Room{Memory: 16 << 20}, 48, 12, false},
		{nil, limit.Room{}, 0, 512, false},
		{[]string{"--max-requests=1000"}, small, 1000, 250, false},
		{[]string{"--max-requests=2"}, small, 2, 1, false},
		{[]string{"--max-requests=5000", "--max-requests-per-client=100"}, small, 1792, 100, true},
		{[]string{"--max-requests-per-client=0"}, small, 1792, 0, false},
	} {
		o, err := limitsOf(t, c.args...)
		if err != nil {
			t.Fatal(err)
		}
		if all, perClient, lowered := o.requests(c.room); all != c.all || perClient != c.perClient || lowered != c.lowered {
			t.Errorf("%q with %+v: %d, %d of one client, lowered: %v; want %+v", c.args, c.room, all, perClient, lowered, c)
		}
	}
	if n, lowered := (&limitOptions{maxConns: 10_000}).conns(small); n != 3584 || !lowered {
		t.Errorf("it has room for %d connections", n)
	}
}
