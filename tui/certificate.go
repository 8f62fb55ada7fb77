package tui

import (
	"fmt"

	"gateway/proxy/admin"
)

// certificateFacts are how the certificate of a route's host stands, and what is to be done about it; none without one.
func certificateFacts(m *model, r *admin.Route) [][2]string {
	c, s := r.Certificate, m.style
	if c == nil {
		return nil
	}
	text := c.State
	if c.Replaced != "" && c.State == admin.CertificateValid {
		text = c.Standing(m.now.Location())
	}
	if c.Name != r.Host {
		text += " · " + c.Name
	}
	if !c.Expires.IsZero() {
		text += fmt.Sprintf(" · ends %s (%s)", c.Expires.UTC().Format("2006-01-02"), formatExpiry(c.Expires, m.now))
	}
	problem := c.Problem(m.now)
	switch {
	case problem == "":
		return [][2]string{{"HTTPS", text}}
	case c.Overdue(m.now):
		text = s.bad.Render(text)
	default:
		text = s.warn.Render(text)
	}
	return [][2]string{{"HTTPS", text}, {"Warning", problem}}
}
