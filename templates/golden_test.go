package templates

import (
	"path/filepath"
	"testing"
)

// TestRender_MatchesGoldenWhole has one file per case with all that a template makes of it, beside what it copies.
func TestRender_MatchesGoldenWhole(t *testing.T) {
	plain := Project{Name: "blog", Path: "/blog", Created: "2026-11-20", Subnet: "10.213.0.0/27", Backend: "10.213.0.32/27"}
	full := plain
	full.Path, full.Host, full.Owner, full.Expires = "/", "example.org", "owner@example.org", "2027-06-30"
	for name, c := range map[string]struct {
		template   string
		project    Project
		parameters map[string]string
		parts      []string
	}{
		"wordpress-plain": {"wordpress", plain, nil, []string{"compose.yaml", "php/gateway.ini", "apache/gateway.conf"}},
		"wordpress-full": {"wordpress", full, map[string]string{
			"site": "https://example.org", "upload-limit": "1500K", "memory": "1G", "database-memory": "512M", "db-password": "correct horse",
		}, []string{"compose.yaml", "php/gateway.ini", "apache/gateway.conf", "secrets/db_password"}},
		"redirect-plain": {"redirect", plain, map[string]string{"to": "/notes"}, []string{"compose.yaml"}},
		"redirect-full":  {"redirect", full, map[string]string{"to": "https://example.org/$x"}, []string{"compose.yaml"}},
		"dev-plain":      {"dev", plain, map[string]string{"password": "correct horse"}, []string{"compose.yaml", "secrets/password", "secrets/code-server.yaml"}},
		"dev-full": {"dev", full, map[string]string{"password": `"$x"\ battery`, "memory": "2G", "cpus": "1", "processes": "1000"}, []string{
			"compose.yaml", "secrets/password", "secrets/code-server.yaml",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			tmpl, err := Find(c.template)
			if err != nil {
				t.Fatal(err)
			}
			files, err := tmpl.Render(c.project, c.parameters)
			if err != nil {
				t.Fatal(err)
			}
			var all []byte
			for _, part := range c.parts {
				text, ok := files[part]
				if !ok {
					t.Fatalf("there is no %s", part)
				}
				all = append(all, "==> "+part+" <==\n"+string(text)...)
			}
			golden(t, filepath.Join("testdata", name+".txt"), all)
		})
	}
}
