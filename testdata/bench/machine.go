package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// reportHead says how the figures came about. It takes the date, the time that the run took, the rounds and the seconds.
const reportHead = `# What a request costs

Written by ` + "`testdata/bench/bench.sh`" + ` on %s, in %v. Each figure is the median of %d rounds of %g seconds, in which the
proxies took turns; each was started again for each measurement and warmed up for a second.

- The proxy has core 0 to itself; the load tool and the backend share core 1. All is on 127.0.0.1.
- CPU is the time in user and kernel mode of all the proxy's processes and threads over the run, from the clock of the process
  (clock_getcpuclockid, nanoseconds), divided by the number of responses.
- Every proxy has the same work: 100 routes (other numbers are in the row), the prefix stripped, X-Forwarded-For, -Proto and -Host,
  X-Real-IP and a new X-Request-ID set, no access log; before each measurement an echo of what the backend got proves it. The gateway
  also sends X-Forwarded-Prefix and -Port, and names the request id in its response, which the others were not asked for. Requests go
  through all routes in turn, except with wrk and h2load.
- The gateway bounds neither connections nor rates (--max-conns 0 --max-conns-per-client 0): all load comes from one address, which its
  defaults would let have 1,024 connections. Beyond that it has its defaults, except in features, limitrate and limitconns.
- features compares a gateway with all off that can be off (--hold 0; no log, metrics, checks or limits; one target a route) and one with
  all on: a JSON access log to a file, /metrics read once a second, bounds of connections, bodies and rates (of the gateway and of each
  route) and trusted proxies, none of them hit, and for each route three targets of its own, by p2c, each checked every 10 s. In each
  round all ran beside each other and got the load in turns of 250 ms, as in routes10k; there were three times as many rounds. The
  number of lines in the logs is checked.
- limitrate and limitconns send the requests of 64 clients, of as many addresses, at 2,000 requests/s in all. Another client is allowed 100 requests/s,
  or 100 connections. In turns of half a second that client is calm, floods the backend past the proxy, and floods the
  proxy. The figure is the clients' p99 in turns at the proxy beside that in calm turns, each the median of all such turns. What
  the flood past the proxy does to the p99 is the machine's, not the proxy's. nginx bounds only connections that carry a request.
- slow does the same, beside 9,700 clients of whom 85 in a hundred send a head and 14 a body, a byte a second each and not all at
  once, and one does not read 16 MB. They have the rest of the load core's time (SCHED_IDLE), so that what they do there delays nobody. The
  figure is the p99 of half a second with them at the proxy beside that without, medians of all; with them at the backend it shows what
  the machine has to do with it.
- Status and length of every response are checked. A figure is only shown if not one request of its rounds failed, except in swap.
- nginx buffers uploads and downloads, as it does by default. All have one ECDSA P-256 certificate; wrk and h2load use X25519.
- idle was measured once, not in every round.

`

// machine says where and with what the figures were made.
func machine() string {
	version := func(command ...string) string {
		text, _ := exec.Command(command[0], command[1:]...).CombinedOutput() // wrk -v and the like exit with an error
		line, _, _ := strings.Cut(string(text), "\n")
		return strings.TrimSpace(line)
	}
	return fmt.Sprintf("Machine: %s, %d cores; %s; %s; %s.\nCheckout: %s.\n\nVersions:\n\n- %s\n- %s\n- %s\n",
		processor(), runtime.NumCPU(), version("uname", "-sr"), release(), network(), checkout(), runtime.Version(), version("wrk", "-v"), version("h2load", "--version"))
}

// checkout is the commit that is measured.
func checkout() string {
	text, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

func processor() string { return field("/proc/cpuinfo", "model name", ":") }

func release() string { return strings.Trim(field("/etc/os-release", "PRETTY_NAME", "="), `"`) }

// network says what of the kernel's settings every packet pays for.
func network() string {
	text, _ := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	tracked := "no connection tracking"
	if _, err := os.Stat("/proc/sys/net/netfilter/nf_conntrack_max"); err == nil {
		tracked = "connection tracking loaded"
	}
	return "TCP " + strings.TrimSpace(string(text)) + ", " + tracked
}

// field is the value of the first line of a file that begins with a name.
func field(file, name, separator string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, name) {
			_, value, _ := strings.Cut(line, separator)
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
