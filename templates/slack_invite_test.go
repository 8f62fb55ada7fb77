package templates

import (
	"path/filepath"
	"testing"
)

func TestSlackInvite_MatchesGolden(t *testing.T) {
	plain := Project{Name: "chat", Path: "/slack", Created: "2026-11-20", Subnet: "10.213.0.0/27"}
	full := plain
	full.Host, full.Owner, full.Expires = "example.org", "owner@example.org", "2027-06-30"
	for name, c := range map[string]struct {
		project    Project
		parameters map[string]string
	}{
		"slack-invite-plain": {plain, nil},
		"slack-invite-full": {full, map[string]string{
			"kind": "slack", "club": `The "Robots" of $5`, "title": "Join: #us", "text": "Come in", "title-ko": "로봇", "text-ko": "함께",
			"contact": "robots@school.example", "domain": "school.example", "workspace": "robots", "form": "true",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			template, err := Find("slack-invite")
			if err != nil {
				t.Fatal(err)
			}
			files, err := template.Render(c.project, c.parameters)
			if err != nil {
				t.Fatal(err)
			}
			var all []byte
			for _, part := range []string{"compose.yaml", "page/page.yaml", "secrets/invite/links.json"} {
				all = append(all, "==> "+part+" <==\n"+string(files[part])...)
			}
			golden(t, filepath.Join("testdata", name+".txt"), all)
		})
	}
}
