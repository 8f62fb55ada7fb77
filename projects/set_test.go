package projects

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/templates"
)

// made is a bench with a project of a template in the binary.
func made(t *testing.T, template string, parameters map[string]string) *bench {
	t.Helper()
	b := newBench(t)
	scaffold, err := templates.Find(template)
	if err != nil {
		t.Fatal(err)
	}
	r := request(t, "blog", "/blog")
	r.Template, r.Parameters, r.Site, r.Expires = scaffold, parameters, nil, time.Time{}
	if _, err := b.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	b.compose.calls, b.waited = nil, nil
	return b
}

func (b *bench) file(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.Store.Dir("blog"), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// edited replaces a text in a file of the project, as people do.
func (b *bench) edited(t *testing.T, name, from, to string) {
	t.Helper()
	text := b.file(t, name)
	if !strings.Contains(text, from) {
		t.Fatalf("%s has no %q:\n%s", name, from, text)
	}
	if err := os.WriteFile(filepath.Join(b.Store.Dir("blog"), name), []byte(strings.Replace(text, from, to, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) parameters(t *testing.T) map[string]ParameterValue {
	t.Helper()
	p, err := b.Store.Load("blog")
	if err != nil {
		t.Fatal(err)
	}
	list, err := Parameters(p, templates.Find)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]ParameterValue{}
	for _, value := range list {
		all[value.Name] = value
	}
	return all
}

func TestSet_ReadsBackWhatAddWrote(t *testing.T) {
	for template, parameters := range map[string]map[string]string{
		"wordpress":    {"site": "https://example.org", "upload-limit": "100M", "memory": "1G", "database-memory": "512M"},
		"dev":          {"memory": "2G", "cpus": "1", "processes": "1000"},
		"portfolio":    {"spa": "true"},
		"slack-invite": {"kind": "discord", "club": `Ada's "club" $5`, "form": "true", "contact": "ada@example.org"},
	} {
		b := made(t, template, parameters)
		for name, value := range b.parameters(t) {
			want, given := parameters[name]
			if !given {
				want = value.Default
			}
			if value.Type != templates.Secret && value.Type != templates.Folder && (value.Value != want || !value.Known) {
				t.Errorf("%s %s is %q (%v), want %q", template, name, value.Value, value.Known, want)
			}
			if value.Type == templates.Secret && (value.Value != "" || !value.Known) {
				t.Errorf("%s %s is told: %+v", template, name, value)
			}
		}
	}
}

func TestSet_WritesOnlyWhatDependsOnTheParameter(t *testing.T) {
	b := made(t, "wordpress", nil)
	b.edited(t, ComposeFile, "    cpus: 1\n", "    cpus: 2 # for the club\n")
	before := b.file(t, ComposeFile)
	c, err := b.Do(t.Context(), Set{Name: "blog", Template: templates.Find, Values: map[string]string{"memory": "1G", "upload-limit": "128M"}})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("mem_limit: 512M", "mem_limit: 1G", "gateway.body.max: 65MiB", "gateway.body.max: 129MiB").Replace(before)
	if got := b.file(t, ComposeFile); got != want {
		t.Errorf("compose.yaml is\n%s\nwant\n%s", got, want)
	}
	if got := b.file(t, "php/gateway.ini"); !strings.Contains(got, "\nupload_max_filesize = 128M\npost_max_size = 129M\n") {
		t.Errorf("gateway.ini is\n%s", got)
	}
	if got := b.file(t, "apache/gateway.conf"); !strings.Contains(got, "\nMaxRequestWorkers 25\n") {
		t.Errorf("gateway.conf is\n%s", got)
	}
	if texts := c.Texts(); !slices.Equal(texts[:3], []string{"write memory in apache/gateway.conf", "write memory, upload-limit in compose.yaml", "write upload-limit in php/gateway.ini"}) {
		t.Errorf("steps %q", texts)
	}
	if !slices.Equal(b.compose.calls, []string{"up replacing cron,wordpress"}) {
		t.Errorf("calls %v, want a replacement of those that have the files mounted", b.compose.calls)
	}
	if values := b.parameters(t); values["memory"].Value != "1G" || values["upload-limit"].Value != "128M" {
		t.Errorf("afterwards they are %+v", values)
	}
}

// A project runs, or does not, whether it has a route or none.
func TestSet_SaysWhetherTheProjectRuns(t *testing.T) {
	b := made(t, "portfolio", nil)
	b.edited(t, ComposeFile, "gateway.path:", "other.path:")
	set := Set{Name: "blog", Template: templates.Find, Values: map[string]string{"spa": "true"}}
	if c, err := b.Do(t.Context(), set); err != nil || !c.Runs || len(c.Keys) != 0 {
		t.Errorf("it runs and has no route: %+v, %v", c, err)
	}
}

func TestSet_ChangesListsAndSecrets(t *testing.T) {
	b := made(t, "portfolio", nil)
	if _, err := b.Do(t.Context(), Set{Name: "blog", Template: templates.Find, Values: map[string]string{"spa": "true"}}); err != nil {
		t.Fatal(err)
	}
	if got := b.file(t, ComposeFile); !strings.Contains(got, "command: [site, --root, /site, --versions, /versions, --spa]") {
		t.Errorf("compose.yaml is\n%s", got)
	}
	b = made(t, "dev", map[string]string{"password": "correct horse"})
	c, err := b.Do(t.Context(), Set{Name: "blog", Template: templates.Find, Values: map[string]string{"password": "battery staple"}})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(c.Texts(), "\n"), "battery") {
		t.Errorf("the steps tell the secret: %q", c.Texts())
	}
	if b.file(t, "secrets/password") != "battery staple\n" || !strings.Contains(b.file(t, "secrets/code-server.yaml"), `"battery staple"`) {
		t.Errorf("the files are %q and %q", b.file(t, "secrets/password"), b.file(t, "secrets/code-server.yaml"))
	}
}

func TestSet_RefusesWhatItCannotWrite(t *testing.T) {
	b := made(t, "wordpress", nil)
	b.edited(t, "apache/gateway.conf", "MaxRequestWorkers 12", "MaxRequestWorkers 5")
	for _, c := range []struct {
		values map[string]string
		want   []string
	}{
		{map[string]string{"colour": "red"}, []string{`template wordpress has no parameter "colour"`, "upload-limit"}},
		{map[string]string{"memory": "lots"}, []string{"parameter memory", "lots"}},
		{map[string]string{"db-password": "correct horse"}, []string{"db-password", "set once"}},
		{map[string]string{"memory": "1G"}, []string{"apache/gateway.conf: MaxRequestWorkers", "edited by hand", "gateway deploy blog"}},
	} {
		_, err := b.Do(t.Context(), Set{Name: "blog", Template: templates.Find, Values: c.values})
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v, want %q", c.values, err, want)
			}
		}
	}
	if len(b.compose.calls) > 0 {
		t.Errorf("calls %v", b.compose.calls)
	}
	b = made(t, "portfolio", nil)
	if _, err := b.Do(t.Context(), Set{Name: "blog", Template: templates.Find, Values: map[string]string{"dir": "./dist"}}); err == nil || !strings.Contains(err.Error(), "gateway deploy blog --dir ./dist") {
		t.Errorf("files: %v", err)
	}
}

func TestSet_ChangesNothingThatIsSoAlready(t *testing.T) {
	b := made(t, "wordpress", nil)
	c, err := b.Do(t.Context(), Set{Name: "blog", Template: templates.Find, Values: map[string]string{"memory": "512M"}})
	if err != nil || len(c.Steps) > 0 || len(b.compose.calls) > 0 {
		t.Errorf("it does %v, %v and calls %v", c.Texts(), err, b.compose.calls)
	}
}

func TestSet_BringsTheFilesBack(t *testing.T) {
	b := made(t, "wordpress", nil)
	before := b.world(t)
	b.ready = errors.New("no answer")
	_, err := b.Do(t.Context(), Set{Name: "blog", Template: templates.Find, Values: map[string]string{"memory": "1G"}})
	failure, is := errors.AsType[*Failure](err)
	if !is || !strings.Contains(failure.Undone, "the parameters that it had before") {
		t.Errorf("it says %v", err)
	}
	if after := b.world(t); !maps.Equal(after, before) {
		t.Errorf("it leaves %v, want %v", after, before)
	}
}
