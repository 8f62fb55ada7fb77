package tui

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"gateway/proxy/admin"
)

func TestView_TellsHowTheCertificateStands(t *testing.T) {
	for _, c := range []struct {
		name string
		c    *admin.Certificate
		want []string
	}{
		{"none", nil, nil},
		{"valid", &admin.Certificate{Name: "shop.example.org", State: "valid", NotBefore: noon.Add(-30 * 24 * time.Hour), Expires: noon.Add(60 * 24 * time.Hour)}, []string{"HTTPS    valid · ends 2027-01-20 (60 d)"}},
		{"a wildcard", &admin.Certificate{Name: "*.example.org", State: "valid"}, []string{"HTTPS    valid · *.example.org"}},
		{"replaced", &admin.Certificate{Name: "shop.example.org", State: "valid", Replaced: "revoked"}, []string{"HTTPS    replaced: revoked"}},
		{"failing", &admin.Certificate{Name: "shop.example.org", State: "waiting", Error: "no \x1b[31maddress", Fix: "add a record", NotBefore: noon.Add(-89 * 24 * time.Hour), Expires: noon.Add(24 * time.Hour)}, []string{
			"HTTPS    waiting · ends 2026-11-22 (1 d)", "Warning  shop.example.org: waiting: no ", "fix: add a record",
		}},
		{"a warning", &admin.Certificate{Name: "shop.example.org", State: "valid", Warning: "it ends in 13 days"}, []string{"Warning  shop.example.org: it ends in 13 days"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := testRoutes()
			table.Routes[8].Certificate = c.c
			d := drive(t, 130, 40)
			d.answer(table)
			d.press("/", "shop", "enter", "enter")
			d.answer(table)
			screen := d.screen()
			for _, want := range c.want {
				if !strings.Contains(strings.ReplaceAll(screen, "\n", " "), want) {
					t.Errorf("%q is missing in:\n%s", want, screen)
				}
			}
			if c.want == nil && strings.Contains(screen, "HTTPS") || strings.Contains(ansi.Strip(screen), "\x1b") {
				t.Errorf("it shows:\n%s", screen)
			}
		})
	}
	// Expiry is clean of what the answer has, and leaves that alone.
	table := testRoutes()
	table.Routes[8].Certificate = &admin.Certificate{Error: "\x1b[31m"}
	if cleanRoutes(table).Routes[8].Certificate.Error == "\x1b[31m" || table.Routes[8].Certificate.Error != "\x1b[31m" {
		t.Error("the error of a certificate is not cleaned, or the answer is changed")
	}
}
