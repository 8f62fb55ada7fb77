package compose

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gateway/templates"
)

// odd is what may stand in a text of one line and would mean something in YAML or in a compose file.
const odd = `"x" \ 'y' #c key: [v] ${HOME} $$ &a *b !c %d {{ .Name }} 로봇`

// TestTemplates_PassComposeAndPolicy holds every template in the binary, with all that may be set set in several ways,
// to what Compose understands and to the policy for strangers' projects, without trust.
func TestTemplates_PassComposeAndPolicy(t *testing.T) {
	all, err := templates.All()
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(nowhere, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tmpl := range all {
		for i, given := range sets(tmpl) {
			for _, path := range []string{"/", "/blog", "/a/b-c_d.e"} {
				t.Run(fmt.Sprintf("%s %d %s", tmpl.Name, i, path), func(t *testing.T) {
					passes(t, c, tmpl, path, given)
				})
			}
		}
	}
}

// sets are parameters to try a template with: the least, each value of each parameter that may be odd, and all odd.
func sets(t templates.Template) []map[string]string {
	least := t.Samples()
	tries := []map[string]string{least}
	all := maps.Clone(least)
	for _, p := range t.Parameters {
		for _, value := range slices.Concat([]string{p.Min, p.Max, odd, "true", "https://example.org/a?b='$x'&c=d"}, p.Choices) {
			if value == "" || p.Type == templates.Folder || p.Check(value) != nil {
				continue
			}
			one := maps.Clone(least)
			one[p.Name], all[p.Name] = value, value
			tries = append(tries, one)
		}
	}
	return append(tries, all)
}

func passes(t *testing.T, c *Compose, tmpl templates.Template, path string, given map[string]string) {
	t.Helper()
	dir := t.TempDir()
	project := templates.Project{
		Name: "club", Path: path, Host: "example.org", Owner: odd, Created: "2026-11-20", Expires: "2027-06-30",
		Subnet: "10.213.0.32/27", Backend: "10.213.0.64/27",
	}
	files, err := tmpl.Render(project, given)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	seen, err := c.Inspect(t.Context(), Subject{Dir: dir, Name: "club"})
	if err != nil {
		t.Fatalf("given %q: %v", given, err)
	}
	if len(seen.Added) > 0 || len(seen.Allowed) > 0 {
		t.Errorf("limits are missing, or more is allowed: %q %v", seen.Added, seen.Allowed)
	}
	loaded, err := c.load(t.Context(), dir, "club")
	if err != nil {
		t.Fatalf("given %q: %v", given, err)
	}
	for name, s := range loaded.Services {
		if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || len(s.CapDrop) == 0 || len(s.Ports) > 0 || s.Restart == "" {
			t.Errorf("service %s is not confined: %v %v %v %q", name, s.SecurityOpt, s.CapDrop, s.Ports, s.Restart)
		}
		for key, value := range s.Environment {
			if value != nil && strings.Contains(strings.ToLower(key), "password") && !strings.HasSuffix(key, "_FILE") && *value != "1" {
				t.Errorf("service %s has a password in its environment: %s", name, key)
			}
		}
	}
	routes := 0
	for _, labels := range seen.Labels {
		if labels["gateway.path"] == "" {
			continue
		}
		routes++
		if labels["gateway.path"] != path || labels["gateway.owner"] != odd || labels["gateway.host"] != "example.org" {
			t.Errorf("labels %q", labels)
		}
	}
	if routes != 1 {
		t.Errorf("%d services have the path", routes)
	}
}

func TestTemplates_WordPressLivesBelowItsPath(t *testing.T) {
	wordpress, err := templates.Find("wordpress")
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(nowhere, nil)
	if err != nil {
		t.Fatal(err)
	}
	for path, folder := range map[string]string{"/": "/var/www/html", "/blog": "/var/www/html/blog"} {
		files, err := wordpress.Render(templates.Project{
			Name: "club", Path: path, Created: "2026-11-20", Subnet: "10.213.0.32/27", Backend: "10.213.0.64/27",
		}, map[string]string{"upload-limit": "100M"})
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := c.load(t.Context(), write(t, string(files["compose.yaml"])), "club")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"wordpress", "cron"} {
			s := loaded.Services[name]
			if s.WorkingDir != folder || s.Volumes[0].Target != folder || *s.Environment["GATEWAY_PATH"] != path {
				t.Errorf("%s at %s: %s %s", name, path, s.WorkingDir, s.Volumes[0].Target)
			}
		}
		labels := loaded.Services["wordpress"].Labels
		if labels["gateway.mount"] != "preserve" || labels["gateway.body.max"] != "101MiB" ||
			labels["gateway.health.path"] != strings.TrimSuffix(path, "/")+"/.gateway-ready" {
			t.Errorf("labels at %s: %v", path, labels)
		}
		if db := loaded.Services["db"]; len(db.Networks) != 1 || !loaded.Networks["db"].Internal || loaded.Networks["web"].Internal {
			t.Errorf("networks: %v %v", db.Networks, loaded.Networks)
		}
	}
}
