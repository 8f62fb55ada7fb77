package server

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
	"gateway/proxy/stack"
)

// parsedUp are the options of gateway up with those flags.
func parsedUp(t *testing.T, args ...string) upOptions {
	t.Helper()
	o, f := upOptions{}, pflag.NewFlagSet("up", pflag.ContinueOnError)
	addUpFlags(f, &o)
	if err := f.Parse(args); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	o.flags = f
	return o
}

// upWith is what gateway up makes of its flags over settings that are kept.
func upWith(t *testing.T, kept stack.Settings, args ...string) (stack.Settings, error) {
	t.Helper()
	s, _, err := parsedUp(t, args...).settings(kept, "tcp://engine:2376")
	return s, err
}

func TestUp_KeepsTheFlagsOfTheProxyThatAreNotGiven(t *testing.T) {
	s := stack.Default()
	for _, step := range []struct {
		args []string
		want []string
		stop time.Duration
	}{
		{nil, nil, 0},
		{[]string{"--max-conns=10000", "--grace=10s", "--access-log=", "--trusted-proxy="}, nil, 0},
		{[]string{"--access-log=-", "--access-log-format=combined"}, []string{"--access-log=-", "--access-log-format=combined"}, 0},
		{[]string{"--trusted-proxy=10.0.0.2,10.0.0.1", "--trusted-proxy=192.0.2.0/24", "--proxy-protocol", "--grace=1m"}, []string{
			"--access-log=-", "--access-log-format=combined", "--grace=1m0s", "--proxy-protocol=true",
			"--trusted-proxy=10.0.0.1", "--trusted-proxy=10.0.0.2", "--trusted-proxy=192.0.2.0/24",
		}, 65 * time.Second},
		// Naming one replaces the list; the order makes no difference.
		{[]string{"--trusted-proxy=10.0.0.1", "--access-log="}, []string{"--grace=1m0s", "--proxy-protocol=true", "--trusted-proxy=10.0.0.1"}, 65 * time.Second},
		{nil, []string{"--grace=1m0s", "--proxy-protocol=true", "--trusted-proxy=10.0.0.1"}, 65 * time.Second},
		{[]string{"--proxy-protocol=false", "--trusted-proxy=", "--grace=10s", "--via=gw", "--forwarded"}, []string{"--forwarded=true", "--via=gw"}, 0},
		{[]string{"--via=", "--forwarded=false"}, nil, 0},
	} {
		var err error
		if s, err = upWith(t, s, step.args...); err != nil {
			t.Fatalf("%q: %v", step.args, err)
		}
		if !slices.Equal(s.Serve, step.want) || s.Stop != step.stop {
			t.Errorf("after %q the proxy runs with %q and has %s, want %q and %s", step.args, s.Serve, s.Stop, step.want, step.stop)
		}
		// The proxy takes what it is given.
		var o serveOptions
		f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		addProxyFlags(f, &o.proxyOptions)
		if err := errors.Join(f.Parse(s.Serve), o.check()); err != nil {
			t.Errorf("%q: %v", s.Serve, err)
		}
	}
}

func TestUp_TellsWhatTheProxyWouldRefuse(t *testing.T) {
	for args, want := range map[string]string{
		"--max-body=ten":                   `--max-body: "ten" is no size`,
		"--hold=-1s":                       "--hold -1s: a time is not negative",
		"--via=a b":                        `--via "a b"`,
		"--access-log=/var/log/access.log": "can write no files; write --access-log - and read the lines with docker logs gateway-proxy",
		"--access-log-format=common":       "json or combined",
		"--access-log-query":               "--access-log is missing",
		"--proxy-protocol":                 "--trusted-proxy is missing",
		"--max-conns=32641":                "--max-conns 32641: the proxy's container may open 65536 files, which is room for 32640",
		"--max-requests=16321":             "--max-requests 16321: the proxy's container may open 65536 files, which is room for 16320",
		"--http=0":                         "--http 0",
	} {
		if _, err := upWith(t, stack.Default(), args); !errors.As(err, new(cli.UsageError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
	s := stack.Default()
	s.Serve = []string{"--trusted-proxy=10.0.0.1"}
	if _, err := upWith(t, s, "--proxy-protocol", "--max-conns=32640"); err != nil {
		t.Errorf("with what is kept it is complete: %v", err)
	}
	s.Serve = []string{"--of-the-future=1"}
	if _, err := upWith(t, s); err == nil || !strings.Contains(err.Error(), "--of-the-future") || !strings.Contains(err.Error(), "gateway down") {
		t.Errorf("an unknown flag that is kept: %v", err)
	}
}

func TestUp_PrintsTheAddressOfEachRoute(t *testing.T) {
	var out strings.Builder
	at := cli.Address{Base: &url.URL{Scheme: "http", Host: "localhost:8080"}}
	err := printAddresses(&cli.Env{Out: &out}, at, []admin.Route{
		{Key: "/", Path: "/", State: "ready"},
		{Key: "shop.example.org/", Host: "shop.example.org", Path: "/", State: "stopped"},
		{Key: "blog.example.org/a", Host: "blog.example.org", Path: "/a", State: "ready"},
	})
	want := []string{"http://localhost:8080/ ", "http://shop.example.org:8080/ ", "http://blog.example.org:8080/a/ "}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if err != nil || len(lines) != len(want) {
		t.Fatalf("it prints %q (%v)", out.String(), err)
	}
	for i, line := range lines {
		if !strings.HasPrefix(strings.TrimSpace(line), want[i]) {
			t.Errorf("it prints %q, want %q", line, want[i])
		}
	}
}
