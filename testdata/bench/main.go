// Command bench compares the gateway with other proxies on one machine: the cost of a request in processor time, memory, and
// what a change of routes does to clients. It starts each proxy on core 0 and the load and the backend on core 1,
// interleaves the proxies in rounds, checks every response, and prints medians with their ratio to nginx's of the same run.
// bench.sh builds everything and runs it. It is for Linux with at least two cores.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"gateway/testdata/bench/peer"
)

// options is what the command line asks for.
type options struct {
	scenarios []string
	rounds    int
	seconds   float64
	peers     string
	gateway   string
	before    string
	conns     int
	body      int
	port      int
	bin       string
	out       string
	profile   string
	only      string
	quick     bool
	whole     bool // all scenarios run
}

const usage = `usage: testdata/bench/bench.sh [SCENARIO ...] [--FLAG ...]

Builds the gateway, the load tool, the backend and the other proxies, installs nginx, haproxy, wrk and h2load where they are
missing (Debian; needs root), measures, and prints a table. A run of all scenarios also writes RESULTS.md. A run of named ones
writes nothing, unless --out names a file: in one that has results already, only the rows and sections of these scenarios
are replaced, unless anything failed in them, and say when and with what they were measured. So features and limits are
measured again by bench.sh features limits --out RESULTS.md. Proxies left out with --peers have no figures in those rows.

Scenarios (all, when none is named; limits is limitrate and limitconns):
`

func main() {
	runtime.LockOSThread() // the proxies are to die with the thread that started them
	o := options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 3, "rounds; figures are their medians")
	flags.Float64Var(&o.seconds, "seconds", 4, "seconds of load in each measurement")
	flags.StringVar(&o.peers, "peers", "nginx,gateway,haproxy,caddy,reverseproxy", "proxies to measure")
	flags.StringVar(&o.gateway, "gateway", "", "program to measure as gateway, instead of building this checkout's")
	flags.StringVar(&o.before, "before", "", "another build of the gateway to compare with, turn by turn, as the median of the rounds")
	flags.IntVar(&o.conns, "conns", 0, "connections, instead of the scenario's number")
	flags.IntVar(&o.body, "body", 0, "bytes of a body, instead of the scenario's number")
	flags.IntVar(&o.port, "port", 21000, "first of the fifty ports that are used on 127.0.0.1")
	flags.StringVar(&o.out, "out", "", "file, below testdata/bench, for the results (default RESULTS.md when all scenarios run)")
	flags.StringVar(&o.only, "only", "", "features: in place of everything on, rows with one feature on: log, limits, balance, metrics or several of them")
	flags.StringVar(&o.profile, "profile", "", "write perf records of the gateway under load to files that begin so, and reports beside them")
	flags.BoolVar(&o.quick, "quick", false, "one round of a second, gateway and reverseproxy only: shows that the bench and the gateway work")
	flags.StringVar(&o.bin, "bin", "", "folder of the built programs (bench.sh sets it)")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		for _, s := range scenarios() {
			fmt.Fprintf(flags.Output(), "  %-14s %s\n", s.name, s.title)
		}
		fmt.Fprintln(flags.Output(), "\nFlags:")
		flags.PrintDefaults()
	}
	// Scenarios may stand before, between and after the flags.
	for args := os.Args[1:]; len(args) > 0; {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			os.Exit(0)
		} else if err != nil {
			os.Exit(2)
		}
		args = flags.Args()
		if len(args) > 0 {
			o.scenarios, args = append(o.scenarios, args[0]), args[1:]
		}
	}
	if err := raiseFiles(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := Run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// Run measures what the options ask for, prints the table and writes it down. It fails when any figure is missing.
func Run(ctx context.Context, o options) error {
	chosen, err := o.choose()
	if err != nil {
		return err
	}
	peers, err := o.choosePeers()
	if err != nil {
		return err
	}
	b, err := newBed(ctx, o)
	if err != nil {
		return err
	}
	defer b.stop()
	begun := time.Now()
	var results []result
	for _, s := range chosen {
		if o.before != "" {
			s.woven, s.base = true, peer.Before(o.before).Name
		}
		results = append(results, b.rounds(ctx, s, peers))
		fmt.Print(results[len(results)-1].table())
	}
	fmt.Print("\n", summary(results, peers))
	if o.out != "" {
		if err := b.keep(results, peers, begun); err != nil {
			return err
		}
		fmt.Println("\nwritten to", o.out)
	}
	for _, r := range results {
		if len(r.failures) > 0 {
			return fmt.Errorf("%s: %w", r.scenario.name, r.failures[0])
		}
	}
	return ctx.Err()
}

// raiseFiles lets this process and those that it starts open as many files as they may: 9,700 connections are to be held.
func raiseFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	// The gateway lets half as many connections in as it may have files, since each may need one to the backend.
	if limit.Max < 20_000 {
		return fmt.Errorf("this process may open %d files, and the scenarios idle and slow need 20000", limit.Max)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raising the limit of open files: %w", err)
	}
	return nil
}

// choose finds the scenarios, and settles what --quick means.
func (o *options) choose() ([]scenario, error) {
	all := scenarios()
	if o.quick {
		o.rounds, o.seconds, o.peers = 1, 1, "gateway,reverseproxy"
		if len(o.scenarios) == 0 {
			o.scenarios = []string{"keepalive64", "browser", "paced", "connection", "download", "upload"}
		}
	}
	if o.only != "" {
		single := strings.Split(o.only, ",")
		for _, name := range single {
			if _, err := peer.FeatureNamed(name); err != nil {
				return nil, err
			}
		}
		i := slices.IndexFunc(all, func(s scenario) bool { return s.name == "features" })
		all[i].peers = withFeatures(single...)
	}
	if len(o.scenarios) == 0 {
		o.whole = true
		if o.out == "" {
			o.out = "RESULTS.md"
		}
		return all, nil
	}
	var named []string
	for _, name := range o.scenarios {
		if group, ok := groups[name]; ok {
			named = append(named, group...)
		} else {
			named = append(named, name)
		}
	}
	var chosen []scenario
	for _, name := range named {
		i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no scenario %q; --help lists them", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func (o *options) choosePeers() ([]peer.Peer, error) {
	all := peer.All()
	names := strings.Split(o.peers, ",")
	for _, name := range names {
		if !slices.ContainsFunc(all, func(p peer.Peer) bool { return p.Name == name }) {
			return nil, fmt.Errorf("there is no proxy %q here", name)
		}
	}
	all = slices.DeleteFunc(all, func(p peer.Peer) bool { return !slices.Contains(names, p.Name) })
	if o.before != "" {
		all = append(all, peer.Before(o.before))
	}
	return all, nil
}
