// Command load is a client of many connections on one thread: it asks a proxy for bodies, in a closed loop or at a fixed
// rate, checks the status and the length of every response, and prints the result as JSON. It speaks plain HTTP/1.1
// and reads only responses with a Content-Length, as those of the backend have.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// plan is what the flags ask for.
type plan struct {
	port     int
	conns    int
	duration time.Duration
	routes   int
	path     string
	length   int
	rate     int
	source   int
	sources  int
	refusals bool
	ramp     bool
	fresh    bool
	browser  bool
	upload   int
	hold     bool
	log      string
	hot      int
	every    time.Duration
}

func main() {
	var p plan
	flag.IntVar(&p.port, "port", 0, "port of the proxy on 127.0.0.1")
	flag.IntVar(&p.conns, "conns", 64, "connections")
	flag.DurationVar(&p.duration, "duration", time.Second, "how long to send requests")
	flag.IntVar(&p.routes, "routes", 100, "routes to go through in turn, /p1 and on")
	flag.StringVar(&p.path, "path", "1024", "path below the route")
	flag.IntVar(&p.length, "length", 1024, "bytes that every body must have")
	flag.IntVar(&p.rate, "rate", 0, "requests a second, sent on time whatever the proxy does; 0 for as many as it serves")
	flag.IntVar(&p.source, "source", 0, "connect from 127.0.0.N, or from 127.0.1.0 for 256 and so on; 0 for 127.0.0.1")
	flag.IntVar(&p.sources, "sources", 1, "connect from as many addresses in turn, from the source on")
	flag.BoolVar(&p.refusals, "refusals", false, "count responses with status 429 or 503 separately, not as failures")
	flag.BoolVar(&p.ramp, "ramp", false, "open the connections at the rate, with one request on each, and keep those open that are admitted")
	flag.BoolVar(&p.fresh, "fresh", false, "a new connection for each request")
	flag.BoolVar(&p.browser, "browser", false, "send the head of a browser")
	flag.IntVar(&p.upload, "upload", 0, "POST a body of this many bytes")
	flag.BoolVar(&p.hold, "hold", false, "one request on each connection, then keep them open until standard input ends")
	flag.StringVar(&p.log, "log", "", "file for a line per request: when it was due and when it was sent (unix nanoseconds), latency, route, first letter of the response")
	flag.IntVar(&p.hot, "hot", 0, "send every fourth request to this route")
	flag.DurationVar(&p.every, "slow", 0, "be as many slow clients, each of which sends a byte in this time")
	flag.Parse()
	runtime.LockOSThread()
	debug.SetGCPercent(400)
	err := do(p)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func do(p plan) error {
	if p.every > 0 {
		return RunSlow(p)
	}
	result, err := Run(p)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
