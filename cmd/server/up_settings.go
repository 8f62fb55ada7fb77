package server

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/proxy/expiry"
	"gateway/proxy/limit"
	"gateway/proxy/stack"
)

// settings applies the flags to the settings of the running gateway. It also returns what is given to the proxy beside them.
func (o upOptions) settings(s stack.Settings, host string) (stack.Settings, map[string][]byte, error) {
	if err := o.setBasics(&s, host); err != nil {
		return s, nil, err
	}
	if err := o.setCertificates(&s, host); err != nil {
		return s, nil, err
	}
	secrets, err := o.setTLS(&s)
	if err != nil {
		return s, nil, err
	}
	if err := o.setProxy(&s); err != nil {
		return s, nil, err
	}
	if s.HTTP3 && s.HTTPS != 0 && slices.Contains(s.Serve, "--proxy-protocol=true") {
		return s, nil, errHTTP3
	}
	return s, secrets, nil
}

func (o upOptions) setBasics(s *stack.Settings, host string) error {
	if o.flags.Changed("http") {
		s.HTTP = o.http
	}
	if s.HTTP == 0 {
		return cli.Usage(errors.New("--http 0: it takes a port from 1 to 65535; leave the flag out for 80"))
	}
	if err := o.setAddresses(s); err != nil {
		return err
	}
	if o.flags.Changed("expire-daily") {
		s.ExpireDaily, s.ExpireZone = o.expireDaily, ""
		if o.expireDaily != "" {
			s.ExpireZone = o.zone
			if _, err := expiry.ParseDaily(s.ExpireDaily, s.ExpireZone); err != nil {
				return cli.Usage(fmt.Errorf("--expire-daily: %w", err))
			}
		}
	}
	if o.flags.Changed("file") {
		if err := o.setFile(s, host); err != nil {
			return err
		}
	}
	switch path, local := strings.CutPrefix(host, "unix://"); {
	case o.dockerSocket != "":
		s.DockerSocket = o.dockerSocket
	case local && runtime.GOOS == "linux":
		s.DockerSocket = path
	}
	return nil
}

// setAddresses applies --bind and --host.
func (o upOptions) setAddresses(s *stack.Settings) error {
	if o.flags.Changed("bind") {
		s.Bind = netip.Addr{}
		if o.bind != "" {
			bind, err := netip.ParseAddr(o.bind)
			if err != nil {
				return cli.Usage(fmt.Errorf("--bind %q: it takes an IP address of this machine, such as 127.0.0.1", o.bind))
			}
			s.Bind = bind
		}
	}
	if o.flags.Changed("host") {
		for _, h := range o.hosts {
			if h == "" || strings.ContainsAny(h, "/:* ") {
				return cli.Usage(fmt.Errorf("--host %q: it takes a plain host name, such as example.org", h))
			}
		}
		s.Hosts = slices.Compact(slices.Sorted(slices.Values(o.hosts)))
	}
	return nil
}

// setProxy applies the flags to the proxy's own settings. They are kept as arguments of its command line, without those
// that have their default.
func (o upOptions) setProxy(s *stack.Settings) error {
	var merged proxyOptions
	f := pflag.NewFlagSet("up", pflag.ContinueOnError)
	addProxyFlags(f, &merged)
	if err := parseKept(f, s.Serve); err != nil {
		return err
	}
	if o.flags.Changed("access-log") && o.flags.Lookup("access-log").Value.String() == "" {
		// What was said of the former log goes with it.
		for _, name := range []string{"access-log-format", "access-log-query"} {
			if err := f.Set(name, f.Lookup(name).DefValue); err != nil {
				return err
			}
		}
	}
	if err := o.overlay(f); err != nil {
		return err
	}
	if err := checkContained(&merged); err != nil {
		return err
	}
	slices.Sort(merged.limit.trustedProxies)
	s.Serve, s.Stop = unusual(f), 0
	if grace := merged.limit.waits.grace; f.Lookup("grace").Value.String() != f.Lookup("grace").DefValue {
		s.Stop = grace + stopSlack
	}
	return nil
}

// parseKept parses the flags of the running gateway.
func parseKept(f *pflag.FlagSet, args []string) error {
	if err := f.Parse(args); err != nil {
		return fmt.Errorf("the running gateway has a setting that this version does not: %w; run gateway down, and then gateway up with its flags", err)
	}
	return nil
}

// hasFlag reports that an argument is that flag with its value.
func hasFlag(arg, name string) bool { return strings.HasPrefix(arg, "--"+name+"=") }

// stopSlack is the time that the proxy gets to stop, beyond --grace.
const stopSlack = 5 * time.Second

// overlay puts the flags that were given over those in f.
func (o upOptions) overlay(f *pflag.FlagSet) (err error) {
	o.flags.Visit(func(given *pflag.Flag) {
		if kept := f.Lookup(given.Name); kept != nil {
			err = errors.Join(err, copyValue(kept.Value, given.Value))
		}
	})
	return err
}

// copyValue sets one value to another of its type.
func copyValue(to, from pflag.Value) error {
	if list, ok := to.(pflag.SliceValue); ok {
		return list.Replace(from.(pflag.SliceValue).GetSlice())
	}
	return to.Set(from.String())
}

// checkContained checks the proxy's settings, and whether its container has room for them.
func checkContained(o *proxyOptions) error {
	if path := o.access.path; path != "" && path != "-" {
		return cli.Usage(fmt.Errorf("--access-log %s: the proxy's container can write no files; write --access-log - and read the lines with docker logs %s", path, stack.Proxy))
	}
	if err := o.check(); err != nil {
		return err
	}
	if room, lowered := o.limit.conns(limit.Room{Files: stack.OpenFiles}); lowered {
		return cli.Usage(fmt.Errorf("--max-conns %d: the proxy's container may open %d files, which is room for %d; run gateway serve by itself for more", o.limit.maxConns, stack.OpenFiles, room))
	}
	if room, _, lowered := o.limit.requests(limit.Room{Files: stack.OpenFiles}); lowered {
		return cli.Usage(fmt.Errorf("--max-requests %d: the proxy's container may open %d files, which is room for %d; run gateway serve by itself for more", o.limit.maxRequests, stack.OpenFiles, room))
	}
	return nil
}

// unusual returns the flags with another value than their default, in the order of their names.
func unusual(f *pflag.FlagSet) []string {
	var args []string
	f.VisitAll(func(flag *pflag.Flag) {
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			for _, value := range list.GetSlice() {
				args = append(args, "--"+flag.Name+"="+value)
			}
			return
		}
		if flag.Value.String() != flag.DefValue {
			args = append(args, "--"+flag.Name+"="+flag.Value.String())
		}
	})
	return args
}
