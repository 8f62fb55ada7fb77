package server

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"gateway/cmd/cli"
)

// proxyOptions are the flags of the proxy that gateway serve and gateway up share.
type proxyOptions struct {
	access accessLogOptions
	limit  limitOptions

	via       string
	forwarded bool
}

func addProxyFlags(f *pflag.FlagSet, o *proxyOptions) {
	cli.InSection(f, "LIMITS, TIMEOUTS AND LOGS", func(f *pflag.FlagSet) {
		f.StringVar(&o.via, "via", "", "name to add in the Via field of requests and responses (default none)")
		f.BoolVar(&o.forwarded, "forwarded", false, "also send a Forwarded field to targets")
		addAccessLogFlags(f, &o.access)
		addLimitFlags(f, &o.limit)
	})
}

// check parses the texts of flags. Its errors are usage errors.
func (o *proxyOptions) check() error {
	if strings.ContainsFunc(o.via, notInToken) {
		return cli.Usage(fmt.Errorf("--via %q: a name in a Via field has letters, digits and -._~ only", o.via))
	}
	if _, err := o.access.check(); err != nil {
		return err
	}
	return o.limit.check()
}

// notInToken reports that a character may not stand in the name of a gateway (RFC 9110 section 7.6.3).
func notInToken(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._~", r))
}
