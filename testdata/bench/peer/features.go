package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Features are what a gateway can do beside passing requests on.
type Features struct {
	// Log has a line for each request, as JSON in a file.
	Log bool
	// Limits bounds connections, rates and bodies, none of which is hit, and has proxies that are trusted.
	Limits bool
	// Balance spreads each route over three targets whose health is checked.
	Balance bool
	// Metrics are asked for once a second.
	Metrics bool
}

// Everything is all of them.
var Everything = Features{Log: true, Limits: true, Balance: true, Metrics: true}

// FeatureNamed is one feature alone.
func FeatureNamed(name string) (Features, error) {
	switch name {
	case "log":
		return Features{Log: true}, nil
	case "limits":
		return Features{Limits: true}, nil
	case "balance":
		return Features{Balance: true}, nil
	case "metrics":
		return Features{Metrics: true}, nil
	}
	return Features{}, fmt.Errorf("there is no feature %q: there are log, limits, balance and metrics", name)
}

// Gateway is the gateway with some features, and all others off. What it is called says which.
func Gateway(label string, f Features) Peer {
	p := gateway()
	p.Name, p.features = "gateway, "+label, &f
	p.configure = func(s Setup) ([]string, error) { return append(gatewayCommand(s), f.flags(s)...), nil }
	p.load = func(ctx context.Context, s Setup) error { return pushTable(ctx, s, f.dress) }
	return p
}

// flags are what the features add to a gateway's command line. In what it has already, the last of a flag counts.
func (f Features) flags(s Setup) []string {
	flags := []string{"--hold", "0"}
	if f == Everything {
		flags = []string{"--hold", "5s"}
	}
	if f.Log {
		flags = append(flags, "--access-log", s.file(accessLog))
	}
	if f.Limits {
		flags = append(flags, "--max-conns", "5000", "--max-conns-per-client", "1024", "--max-body", "100MB",
			"--client-rate", "1000000/s", "--trusted-proxy", "10.0.0.0/8")
	}
	if f.Metrics {
		flags = append(flags, "--ping", metricsAddress(s))
	}
	return flags
}

// dress makes a route what it is with the features. Its targets are its own, as those of apps are, though all apps are
// one backend here.
func (f Features) dress(r *route) {
	one := r.Targets[0]
	one.ID = r.Service
	r.Targets = []target{one}
	if f.Balance {
		r.Balance, r.Targets = "p2c", nil
		r.Check = &check{Path: "/100", Interval: 10 * time.Second, Timeout: 5 * time.Second, Rise: 2, Fall: 3}
		for i := range Replicas {
			t := one
			t.ID, t.Name = fmt.Sprintf("%s-%d", r.Service, i+1), fmt.Sprintf("%s-%d", r.Service, i+1)
			t.Address = strings.Replace(one.Address, "127.0.0.1:", fmt.Sprintf("127.0.0.%d:", i+1), 1)
			r.Targets = append(r.Targets, t)
		}
	}
	if f.Limits {
		r.Rate, r.BodyMax = &rate{Requests: 1_000_000, Per: time.Second}, 100_000_000
	}
}

// Replicas is how many targets a balanced route has, on as many addresses of the backend.
const Replicas = 3

// accessLog is the file of the access log.
const accessLog = "access.log"

func metricsAddress(s Setup) string { return fmt.Sprintf("127.0.0.1:%d", s.HTTP+11) }

// NginxLogging is nginx with an access log of the same facts, buffered.
func NginxLogging() Peer {
	p := nginx()
	p.Name, p.features = "nginx, log on", &Features{Log: true}
	p.configure = func(s Setup) ([]string, error) {
		s.log = true
		return nginxCommand(s), s.write("nginx.conf", nginxConf(s))
	}
	return p
}

// Run does something to a proxy while the metrics are read that it shows, if it is to show any.
func (r *Running) Run(ctx context.Context, work func() error) error {
	if r.Peer.features == nil || !r.Peer.features.Metrics {
		return work()
	}
	ctx, stop := context.WithCancel(ctx)
	read := make(chan error, 1)
	go func() { read <- r.scrape(ctx) }()
	err := work()
	stop()
	return errors.Join(err, <-read)
}

// scrape reads the metrics once a second until the context ends.
func (r *Running) scrape(ctx context.Context) error {
	for {
		text, err := Echo(ctx, "http://"+metricsAddress(r.Setup)+"/metrics")
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("reading metrics: %w", err)
		case !strings.Contains(text, "gateway_requests_total{"):
			return errors.New("reading metrics: there are none of requests")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// Prove checks that an access log that was wanted has a line for each of at least so many requests, once what was
// buffered is written.
func (r *Running) Prove(ctx context.Context, requests int) error {
	if r.Peer.features == nil || !r.Peer.features.Log {
		return nil
	}
	return retry(ctx, func() error {
		lines, err := countLines(r.Setup.file(accessLog))
		if err == nil && lines < requests {
			err = fmt.Errorf("the access log has %d lines after %d requests", lines, requests)
		}
		return err
	})
}

func countLines(name string) (int, error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, fmt.Errorf("reading the access log: %w", err)
	}
	defer file.Close()
	part, lines := make([]byte, 1<<20), 0
	for {
		n, err := file.Read(part)
		lines += bytes.Count(part[:n], []byte("\n"))
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return 0, fmt.Errorf("reading the access log: %w", err)
		}
	}
}
