package templates

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// tryOut is a template with a parameter of each kind that matters here.
func tryOut(t *testing.T, files map[string]string) Template {
	t.Helper()
	all := map[string][]byte{headerFile: []byte(`
name: x
summary: s
parameters:
- {name: title, type: text, required: true, help: Title of the page}
- {name: admin-password, type: secret, show: true, help: h}
- {name: memory, type: size, default: 64M, help: h}
`)}
	for name, text := range files {
		all[filesFolder+"/"+name] = []byte(text)
	}
	tried, err := open("x", all)
	if err != nil {
		t.Fatal(err)
	}
	return tried
}

func TestCheck_ReportsEverythingAtOnce(t *testing.T) {
	x := tryOut(t, nil)
	err := x.Check(map[string]string{"titel": "a", "memory": "lots", "admin-password": "short", "colour": "red"})
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, want := range []string{
		`no parameter "titel"; write title if that is what you mean`, `parameter memory: "lots" is no size; write one such as 64M`,
		"parameter admin-password: it has 5 characters", `no parameter "colour"; it has title, admin-password and memory`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	if missing := x.Missing(map[string]string{"title": ""}); len(missing) != 1 || missing[0].Name != "title" {
		t.Errorf("missing %v", missing)
	}
	if missing := x.Missing(map[string]string{"title": "a"}); missing != nil {
		t.Errorf("missing %v", missing)
	}
	if _, err := x.Render(Project{}, nil); err == nil || !strings.Contains(err.Error(), "parameter title: it is required") {
		t.Errorf("without what is required: %v", err)
	}
	if _, err := x.Render(Project{}, x.Samples()); err != nil {
		t.Errorf("with samples: %v", err)
	}
}

func TestRender_GeneratesSecretsAndKeepsThemApart(t *testing.T) {
	x := tryOut(t, map[string]string{
		"compose.yaml.tmpl":          "services: {a: {image: x, mem_limit: {{ .Parameters.memory }}}}",
		"secrets/settings.yaml.tmpl": "password: {{ .Parameters.admin_password.Plain }}",
	})
	given := map[string]string{"title": "a"}
	seen := map[string]bool{}
	for range 3 {
		files, err := x.Render(Project{Name: "p"}, given)
		if err != nil {
			t.Fatal(err)
		}
		secret := strings.TrimSpace(string(files["secrets/admin_password"]))
		if !regexp.MustCompile(`^[a-z2-7]{26}$`).MatchString(secret) || seen[secret] {
			t.Errorf("secret %q", secret)
		}
		seen[secret] = true
		if got := string(files["secrets/settings.yaml"]); got != `password: "`+secret+`"` {
			t.Errorf("settings: %s", got)
		}
		if bytes.Contains(files["compose.yaml"], []byte(secret)) {
			t.Errorf("compose.yaml has the secret:\n%s", files["compose.yaml"])
		}
	}
	given["admin-password"] = `pa$$ "word"`
	files, err := x.Render(Project{Name: "p"}, given)
	if err != nil || string(files["secrets/admin_password"]) != given["admin-password"]+"\n" ||
		string(files["secrets/settings.yaml"]) != `password: "pa$$ \"word\""` {
		t.Errorf("a secret of one's own: %v %q", err, files)
	}
}

func TestRender_RefusesSecretsElsewhere(t *testing.T) {
	for _, name := range []string{"compose.yaml.tmpl", "site/index.html.tmpl", "php.ini.tmpl", "secretsof.yaml.tmpl"} {
		x := tryOut(t, map[string]string{name: "a: {{ .Parameters.admin_password }}"})
		if _, err := x.Render(Project{Name: "p"}, x.Samples()); err == nil || !strings.Contains(err.Error(), "admin_password") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Where nothing is quoted there are no texts either.
	x := tryOut(t, map[string]string{"php.ini.tmpl": "a = {{ .Parameters.title }}"})
	if _, err := x.Render(Project{Name: "p"}, x.Samples()); err == nil {
		t.Error("a text entered a file that quotes none")
	}
	x = tryOut(t, map[string]string{"run.sh.tmpl": "echo {{ .Name }}"})
	if _, err := x.Render(Project{Name: "p"}, x.Samples()); err == nil || !strings.Contains(err.Error(), "copy it as it is") {
		t.Errorf("a script as a scaffold: %v", err)
	}
}
