package server

import (
	"context"
	"fmt"
	"time"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
)

// observeCertificates asks for the certificates, and notes what is wrong with them: a fault once no more than a sixth of
// a lifetime is left, else a warning.
func (r *statusReport) observeCertificates(ctx context.Context, env *cli.Env, now time.Time) {
	err := env.OnGateway(ctx, func(gateway *admin.Client) (err error) {
		r.Certificates, err = gateway.Certificates(ctx)
		return err
	})
	if err != nil && !admin.NoCertificates(err) {
		r.Faults = append(r.Faults, env.Hinted(err))
	}
	for i := range r.Certificates {
		c := &r.Certificates[i]
		problem := c.Problem(now)
		switch {
		case problem == "":
		case c.Overdue(now):
			r.Faults = append(r.Faults, "certificate of "+problem)
		default:
			r.Warnings = append(r.Warnings, "certificate of "+problem)
		}
	}
}

// printCertificates adds the certificates to the table, in short.
func printCertificates(w *cli.Table, all []admin.Certificate, now time.Time) {
	if len(all) == 0 {
		return
	}
	failing, refused := 0, 0
	var soonest *admin.Certificate
	for i := range all {
		switch {
		case all[i].State == admin.CertificateRefused:
			refused++
		case all[i].Problem(now) != "":
			failing++
		}
		if !all[i].Expires.IsZero() && (soonest == nil || all[i].Expires.Before(soonest.Expires)) {
			soonest = &all[i]
		}
	}
	text := fmt.Sprintf("names: %d, with a problem: %d", len(all)-refused, failing)
	if refused > 0 {
		text += fmt.Sprintf(", without HTTPS: %d", refused)
	}
	if soonest != nil {
		text += fmt.Sprintf("; the first to end is that of %s on %s", soonest.Name, soonest.Expires.Local().Format(time.DateOnly))
	}
	w.Row("certificates\t%s\t%s", either(failing == 0, "valid", "failing"), text)
}
