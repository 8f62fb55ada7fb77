package server

import (
	"context"
	"slices"
	"time"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
	"gateway/proxy/certificate/authority"
	"gateway/proxy/stack"
)

// orderTimeout is how long gateway up waits for first certificates; orders go on after that.
const orderTimeout = time.Minute

// awaitCertificates returns the certificates once none of the site's names waits for its first order, or after a while. It
// returns none without HTTPS.
func awaitCertificates(ctx context.Context, env *cli.Env, s stack.Settings, gateway *admin.Client) ([]admin.Certificate, error) {
	if s.HTTPS == 0 {
		return nil, nil
	}
	again := time.NewTicker(250 * time.Millisecond)
	defer again.Stop()
	late := time.After(orderTimeout)
	told := false
	for {
		list, err := gateway.Certificates(ctx)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(c admin.Certificate) bool { return slices.Contains(s.Domains, c.Name) && firstOrder(c) }) {
			return list, nil
		}
		if !told {
			env.Notef("ordering certificates; 'gateway certificate ls' shows them\n")
			told = true
		}
		select {
		case <-again.C:
		case <-late:
			return list, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// firstOrder reports that the first order of a name has not ended: it is under way, or about to begin.
func firstOrder(c admin.Certificate) bool {
	begun := c.State == admin.CertificateOrdering || c.State == admin.CertificateWaiting && c.Failures == 0
	return begun && c.Expires.IsZero()
}

// adviseHTTPS says what the admin has to do besides, and what cannot be taken back.
func (o upOptions) adviseHTTPS(env *cli.Env, s stack.Settings) {
	if s.HTTPS == 0 {
		return
	}
	if lines := authority.Publish(s.Domains, "ADDRESS"); len(lines) > 0 {
		env.Notef("names below .local are announced by this machine; with its ADDRESS in the local network, let a service run:\n")
		for _, line := range lines {
			env.Notef("  %s\n", line)
		}
	}
	if hsts := o.flags.Lookup("hsts").Value.String(); o.flags.Changed("hsts") && hsts != "" {
		env.Notef("--hsts %s: browsers that visit from now on refuse HTTP and untrusted certificates for that long, even after you turn HTTPS off\n", hsts)
	}
}

// printCertificate says how the certificate of a name stands, with what to change.
func printCertificate(env *cli.Env, c admin.Certificate) {
	now := time.Now()
	if problem := c.Problem(now); problem != "" {
		env.Notef("certificate of %s\n", problem)
		return
	}
	if c.Expires.IsZero() {
		env.Notef("certificate of %s: %s\n", c.Name, c.Standing(now.Location()))
		return
	}
	env.Notef("certificate of %s: %s until %s\n", c.Name, c.Standing(now.Location()), c.Expires.Local().Format(time.DateOnly))
}
