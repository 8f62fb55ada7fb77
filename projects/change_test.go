package projects

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gateway/projects/policy"

	"gateway/proxy/docker/dockertest"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// remove removes a project.
func (b *bench) remove(t *testing.T, name Name) (string, error) {
	t.Helper()
	c, err := b.Do(t.Context(), Remove{name})
	return steps(c), err
}

func steps(c *Change) string {
	if c == nil {
		return ""
	}
	return strings.Join(c.Texts(), "\n")
}

// added is a bench with the project robots on it.
func added(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	if _, err := b.Do(t.Context(), request(t, "robots", "/robots")); err != nil {
		t.Fatal(err)
	}
	b.compose.calls, b.waited = nil, nil
	return b
}

func siteOf(t *testing.T, files map[string]string) *Site {
	t.Helper()
	site, err := OpenSite(folderWith(t, files), DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

func TestDeploy_ReplacesTheFilesUnderRunningContainers(t *testing.T) {
	b := added(t)
	if err := b.deploy(t.Context(), "robots", siteOf(t, map[string]string{"index.html": "new"})); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, filepath.Join(b.Store.Dir("robots"), SiteFolder)); len(got) != 1 || got["index.html"] != "new" {
		t.Errorf("files %v", got)
	}
	// The container has the versions mounted: it sees the new one by itself.
	if !slices.Equal(b.compose.calls, []string{"up"}) || len(b.waited) != 1 {
		t.Errorf("calls %v, waited for %v", b.compose.calls, b.waited)
	}
	if err := b.deploy(t.Context(), "robots", nil); err != nil || b.compose.calls[1] != "up" {
		t.Errorf("without files: %v %v", err, b.compose.calls)
	}
	onlyProjects(t, b.Store, "robots")
}

func TestDeploy_BringsTheOldFilesBack(t *testing.T) {
	b := added(t)
	site := filepath.Join(b.Store.Dir("robots"), SiteFolder)
	before := contents(t, site)
	b.ready = errors.New("no answer")
	err := b.deploy(t.Context(), "robots", siteOf(t, map[string]string{"index.html": "new"}))
	failure, ok := errors.AsType[*Failure](err)
	if !ok || failure.Undone != "project robots is as it was before, and runs" || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("got %v", err)
	}
	after := contents(t, site)
	if len(after) != len(before) || after["index.html"] != before["index.html"] {
		t.Errorf("files %v", after)
	}
	if !slices.Equal(b.compose.calls, []string{"up", "up"}) {
		t.Errorf("calls %v", b.compose.calls)
	}
	onlyProjects(t, b.Store, "robots")
}

func TestDeploy_SaysWhatIsLeftWhenTheOldFilesDoNotStart(t *testing.T) {
	b := added(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.Ready = func(ctx context.Context, _ Name, _ []route.Key) error {
		cancel()
		b.compose.broken = errors.New("no container today")
		return ctx.Err()
	}
	err := b.deploy(ctx, "robots", siteOf(t, map[string]string{"index.html": "new"}))
	left, ok := errors.AsType[*Leftover](err)
	if !ok || !errors.Is(err, context.Canceled) || !strings.Contains(left.Error(), "no container today; fix it with: gateway deploy robots") {
		t.Errorf("got %v, left %v", err, left)
	}
	if _, started := errors.AsType[*Failure](err); !started {
		t.Errorf("the containers' last words are lost: %#v", err)
	}
	// It keeps nobody from the next command.
	onlyProjects(t, b.Store, "robots")
}

func TestDeploy_RefusesBeforeAnythingChanges(t *testing.T) {
	b := added(t)
	file := filepath.Join(b.Store.Dir("robots"), ComposeFile)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"not YAML":   {"services:", "\tservices: [", "compose.yaml"},
		"bad label":  {`gateway.port: "8080"`, `gateway.port: "x"`, "gateway.port"},
		"taken path": {`"/robots"`, `"/chess"`, "container chess"},
		"other name": {`name: "robots"`, `name: "robot"`, "they have to be equal"},
	} {
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(good), c.old, c.new)), 0o644); err != nil {
			t.Fatal(err)
		}
		taken := []policy.Held{{Key: route.Key{Prefix: prefix(t, "/chess")}, By: "container chess"}, {Key: route.Key{Prefix: prefix(t, "/robots")}, Project: "robots", By: "project robots"}}
		if err := b.deploy(t.Context(), "robots", nil, taken...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := os.WriteFile(file, good, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(b.Store.Dir("robots"), SiteFolder)); err != nil {
		t.Fatal(err)
	}
	if err := b.deploy(t.Context(), "robots", siteOf(t, map[string]string{"index.html": "new"})); err == nil || !strings.Contains(err.Error(), "leave --dir out") {
		t.Errorf("a project without a site: %v", err)
	}
	if err := b.deploy(t.Context(), "nothing", nil); !errors.Is(err, ErrNoProject) {
		t.Errorf("no project: %v", err)
	}
	if len(b.compose.calls) > 0 {
		t.Errorf("something was deployed: %v", b.compose.calls)
	}
}

func TestRemove_LeavesNothing(t *testing.T) {
	b := added(t)
	b.compose.volumes = []string{"robots_data"}
	c, err := b.DryRun(t.Context(), Remove{"robots"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"container robots-site-1", "network robots_web", "volume robots_data", b.Store.Dir("robots")} {
		if !strings.Contains(steps(c), want) {
			t.Errorf("the plan lacks %q:\n%s", want, steps(c))
		}
	}
	onlyProjects(t, b.Store, "robots")
	if _, err := b.remove(t, "robots"); err != nil {
		t.Fatal(err)
	}
	b.nothingLeft(t, "robots")
	onlyProjects(t, b.Store)
	if _, err := b.remove(t, "robots"); !errors.Is(err, ErrNoProject) {
		t.Errorf("again: %v", err)
	}
}

func TestRemove_AsksFirst(t *testing.T) {
	b := added(t)
	no := errors.New("no")
	b.Planned = func(*Change) error { return no }
	if _, err := b.remove(t, "robots"); !errors.Is(err, no) || len(b.compose.calls) > 0 {
		t.Errorf("got %v after %v", err, b.compose.calls)
	}
	onlyProjects(t, b.Store, "robots")
}

func TestRemove_WorksWhenOneHalfIsMissing(t *testing.T) {
	b := added(t)
	b.engine.Remove("robots-site-1")
	if plan, err := b.remove(t, "robots"); err != nil || strings.Contains(plan, "container") || !strings.Contains(plan, "delete ") {
		t.Fatalf("only the folder: %v\n%s", err, plan)
	}
	b.nothingLeft(t, "robots")

	b = added(t)
	if err := os.RemoveAll(b.Store.Dir("robots")); err != nil {
		t.Fatal(err)
	}
	if plan, err := b.remove(t, "robots"); err != nil || strings.Contains(plan, "delete ") {
		t.Fatalf("only the containers: %v\n%s", err, plan)
	}
	b.nothingLeft(t, "robots")
}

func TestRemove_ReadsNoBrokenFile(t *testing.T) {
	b := added(t)
	if err := os.WriteFile(filepath.Join(b.Store.Dir("robots"), ComposeFile), []byte("\t["), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := b.remove(t, "robots"); err != nil {
		t.Fatal(err)
	}
}

func TestRemove_TouchesNothingOfOthers(t *testing.T) {
	b := newBench(t)
	b.engine.AddContainer(dockertest.Container{Name: "plain-1", Labels: map[string]string{composeProject: "plain"}})
	b.engine.AddContainer(dockertest.Container{Name: "theirs-1", Labels: map[string]string{composeProject: "theirs", composeDir: "/home/ada/theirs", label.Path: "/theirs"}})
	for name, want := range map[Name]string{"plain": "no label of the gateway", "theirs": "/home/ada/theirs"} {
		if plan, err := b.remove(t, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s %v, want %q", name, plan, err, want)
		}
	}
	// A folder of ours does not make their containers ours.
	if err := os.MkdirAll(b.Store.Dir("theirs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if plan, err := b.remove(t, "theirs"); err == nil {
		t.Errorf("with a folder of that name: %s", plan)
	}
}

func TestRemove_KeepsTheFolderWhenTheEngineFails(t *testing.T) {
	b := added(t)
	b.compose.down = 2
	_, err := b.remove(t, "robots")
	if failure, ok := errors.AsType[*Failure](err); !ok || !strings.Contains(failure.Undone, "run the command again") {
		t.Errorf("got %#v", err)
	}
	onlyProjects(t, b.Store, "robots")
	if _, err := b.remove(t, "robots"); err != nil {
		t.Errorf("again: %v", err)
	}
	onlyProjects(t, b.Store)
}

func TestList_ListsBrokenFoldersWithTheirErrors(t *testing.T) {
	b := added(t)
	root := b.Store.Root()
	for name, text := range map[string]string{"broken": "\t[", "empty": "", "Old Stuff": "name: x"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(root, name, ComposeFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(root, ".hidden"), 0o755), os.WriteFile(filepath.Join(root, "README"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	all, err := b.Store.List()
	if err != nil || len(all) != 4 {
		t.Fatalf("%+v %v", all, err)
	}
	for _, p := range all {
		if (p.Err == nil) != (p.Name == "robots") {
			t.Errorf("%s: %v", p.Name, p.Err)
		}
	}
	if all, err := newStore(t).List(); err != nil || len(all) != 0 {
		t.Errorf("no folder at all: %v %v", all, err)
	}
}
