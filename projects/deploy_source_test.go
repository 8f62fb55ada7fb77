package projects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gateway/projects/compose"
	"gateway/projects/importer"
	"gateway/projects/policy"
	"gateway/projects/release"
	"gateway/proxy/docker/dockertest"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// withShop is a bench with the project shop on it, in whose data a container has written.
func withShop(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.imported(t)
	b.compose.calls, b.waited = nil, nil
	return b
}

// renew deploys a folder as the source of shop.
func (b *bench) renew(ctx context.Context, s *Source) (*Change, error) {
	return b.Do(ctx, Deploy{Name: "shop", Dir: s.Folder.Dir})
}

func TestDeploy_KeepsWhatContainersWroteToASource(t *testing.T) {
	b := withShop(t)
	dir := b.Store.Dir("shop")
	override := filepath.Join(dir, importer.Override)
	text, err := os.ReadFile(override)
	if err != nil {
		t.Fatal(err)
	}
	// A label that somebody added, and a path that moved.
	edited := strings.Replace(string(text), `gateway.path: "/shop"`, "gateway.path: /store\n      gateway.rate: 5/s", 1)
	if err := os.WriteFile(override, []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
	fresh := shop(t, "two")
	if err := os.WriteFile(filepath.Join(fresh.Folder.Dir, "compose.override.yaml"), []byte("services: {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	done, err := b.renew(t.Context(), fresh)
	if err != nil || !slices.Contains(done.Notes, "data is written to by a container, and stays as it is in the project") || done.Release.Number != 2 || !done.Made {
		t.Fatalf("%+v %v", done, err)
	}
	files := contents(t, resolved(filepath.Join(dir, "source")))
	if !strings.HasPrefix(files["compose.yaml"], "# two\n") || files["run.sh"] != "two" || files["data/seed"] != "changed by the app" || files["data/app.db"] != "orders" {
		t.Errorf("source %v", files)
	}
	before := contents(t, filepath.Join(dir, "versions/1/source"))
	if before["run.sh"] != "one" || before["data/app.db"] != "" {
		t.Errorf("before %v", before)
	}
	p, err := b.Store.Load("shop")
	if err != nil || p.Claims[0].Key.String() != "/store" || p.Claims[0].Owner != "owner@example.org" {
		t.Errorf("%+v %v", p.Claims, err)
	}
	if text, _ := os.ReadFile(override); !strings.Contains(string(text), `gateway.rate: "5/s"`) || !strings.Contains(string(text), "10.213.0.32/27") {
		t.Errorf("override:\n%s", text)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, ComposeFile)); !strings.Contains(string(text), "source/compose.override.yaml") || !strings.Contains(string(text), "owner@example.org") {
		t.Errorf("compose.yaml:\n%s", text)
	}
}

func TestDeploy_ReplacesOnlyServicesWhoseMountsChange(t *testing.T) {
	b := withShop(t)
	same := shop(t, "one")
	if done, err := b.renew(t.Context(), same); err != nil || done.Made || !done.Files.None() || !slices.Equal(b.compose.calls, []string{"images", "up"}) {
		t.Errorf("equal files: %+v %v, calls %v", done, err, b.compose.calls)
	}
	for name, c := range map[string]struct {
		file, text string
		want       []string
	}{
		"a mounted file":          {"run.sh", "two", []string{"web"}},
		"in a mounted folder":     {"db/conf/my.cnf", "two", []string{"db"}},
		"a file of the build":     {"Dockerfile", "FROM x", nil},
		"what a container writes": {"data/seed", "two", nil},
	} {
		fresh := shop(t, "one")
		if err := os.WriteFile(filepath.Join(fresh.Folder.Dir, c.file), []byte(c.text), 0o755); err != nil {
			t.Fatal(err)
		}
		done, err := b.DryRun(t.Context(), Deploy{Name: "shop", Dir: fresh.Folder.Dir})
		if err != nil || !slices.Equal(done.Replaced, c.want) {
			t.Errorf("%s: replaces %v, want %v: %v", name, done.Replaced, c.want, err)
		}
	}
	done, err := b.DryRun(t.Context(), Deploy{Name: "shop", Dir: same.Folder.Dir, Force: true})
	if err != nil || !slices.Equal(done.Replaced, []string{"db", "web"}) {
		t.Errorf("by force: %v %v", done.Replaced, err)
	}
}

func TestDeploy_LeavesContainersTheFilesThatTheyHaveMounted(t *testing.T) {
	b := withShop(t)
	conf := filepath.Join(b.Store.Dir("shop"), "source/db/conf")
	before, err := os.Stat(conf)
	if err != nil {
		t.Fatal(err)
	}
	fresh := shop(t, "one")
	if err := os.WriteFile(filepath.Join(fresh.Folder.Dir, "run.sh"), []byte("two"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := b.renew(t.Context(), fresh); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(conf); err != nil || !os.SameFile(before, after) {
		t.Errorf("the container of db has another folder than what is current: %v", err)
	}
}

func TestRollback_BringsASourceBack(t *testing.T) {
	b := withShop(t)
	for _, version := range []string{"two", "three"} {
		if _, err := b.renew(t.Context(), shop(t, version)); err != nil {
			t.Fatal(err)
		}
	}
	runs := func(number int, want string) {
		t.Helper()
		if _, err := b.Do(t.Context(), Rollback{Name: "shop", Number: number}); err != nil {
			t.Fatal(err)
		}
		files := contents(t, resolved(filepath.Join(b.Store.Dir("shop"), "source")))
		if files["run.sh"] != want || files["data/app.db"] != "orders" {
			t.Errorf("to %d: %v, want %s", number, files, want)
		}
	}
	runs(0, "two")
	runs(0, "three")
	runs(1, "one")
	if _, err := b.Do(t.Context(), Rollback{Name: "shop", Number: 9}); !errors.Is(err, release.ErrNone) {
		t.Errorf("to none: %v", err)
	}
	done, err := b.DryRun(t.Context(), Rollback{Name: "shop"})
	if err != nil || done.From.Number != 1 || done.Release.Number != 3 || !slices.Contains(done.Files.Changed, "run.sh") || !slices.Equal(done.Replaced, []string{"db", "web"}) {
		t.Errorf("dry run: %+v %v", done, err)
	}
}

func mustRead(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDeploy_BringsBackTheSourceThatWorked(t *testing.T) {
	for name, fail := range map[string]func(*bench){
		"by the policy":       func(b *bench) { b.compose.inspect = func(compose.Subject) error { return policy.Refused{} } },
		"when it is built":    func(b *bench) { b.compose.unbuilt = errors.New("no") },
		"when it starts":      func(b *bench) { b.compose.up = errors.New("no") },
		"when it is answered": func(b *bench) { b.Ready = func(context.Context, Name, []route.Key) error { return errors.New("no") } },
	} {
		t.Run(name, func(t *testing.T) {
			b := withShop(t)
			all := func() string {
				dir := b.Store.Dir("shop")
				return fmt.Sprint(contents(t, resolved(filepath.Join(dir, "source"))), b.text(t, "shop"), mustRead(t, filepath.Join(dir, importer.Override)))
			}
			before := all()
			fail(b)
			_, err := b.renew(t.Context(), shop(t, "two"))
			failure, failed := errors.AsType[*Failure](err)
			if failed && failure.Undone != "project shop is as it was before, and runs" || !failed && name != "by the policy" {
				t.Fatalf("got %#v", err)
			}
			if after := all(); after != before {
				t.Errorf("was %s\n is %s", before, after)
			}
		})
	}
}

func TestDeploy_GivesImagesTheirNamesBack(t *testing.T) {
	b := withShop(t)
	images := b.client.Images()
	id := func() string {
		id, _ := images.ID(t.Context(), "shop-web:latest")
		return id
	}
	b.engine.AddImage("shop-web:latest")
	old := id()
	b.compose.builds = func() {
		b.engine.AddImage("other:latest")
		if err := images.Tag(t.Context(), "other:latest", "shop-web:latest"); err != nil {
			t.Error(err)
		}
	}
	b.ready = errors.New("no answer")
	if _, err := b.renew(t.Context(), shop(t, "two")); err == nil || id() != old {
		t.Errorf("%v, the image is %s, was %s", err, id(), old)
	}
	b.ready = nil
	if _, err := b.renew(t.Context(), shop(t, "two")); err != nil || id() == old {
		t.Errorf("%v, the image is %s still", err, id())
	}
	if _, err := images.ID(t.Context(), old); err == nil {
		t.Error("the image before is left")
	}
}

// TestWithdraw_LeavesWhatWasNotTouched plays a deployment that was killed while web was replaced.
func TestWithdraw_LeavesWhatWasNotTouched(t *testing.T) {
	b := newBench(t)
	add := func(name, service string, labels map[string]string) string {
		all := map[string]string{composeProject: "shop", composeService: service, composeDir: b.Store.Dir("shop")}
		maps.Copy(all, labels)
		b.engine.AddContainer(dockertest.Container{Name: name, Image: "gateway:latest", Labels: all})
		c, err := b.client.Container(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return c.ID
	}
	before := []string{
		add("shop-db-1", "db", nil), add("shop-web-1", "web", map[string]string{label.ComposeDependsOn: "db:service_started:false"}),
		add("shop-job-1", "job", map[string]string{label.ComposeDependsOn: "db:service_started:false,web:service_started:true"}),
	}
	add("0123456789ab_shop-web-1", "web", nil)
	for _, c := range []struct {
		interrupted bool
		want        []string
	}{{false, []string{"shop-db-1", "shop-job-1"}}, {true, []string{"shop-db-1"}}} {
		if err := b.withdraw(t.Context(), "shop", before, c.interrupted); err != nil {
			t.Fatal(err)
		}
		running, err := Look(t.Context(), b.client, "shop")
		var names []string
		for _, container := range running.Containers {
			names = append(names, container.Name)
		}
		if slices.Sort(names); err != nil || !slices.Equal(names, c.want) {
			t.Errorf("interrupted %v: left are %v, want %v: %v", c.interrupted, names, c.want, err)
		}
	}
}

func TestDeploy_RefusesToTakeAFoldersPlaceThatAContainerWritesTo(t *testing.T) {
	b := withShop(t)
	fresh := shop(t, "two")
	file := filepath.Join(fresh.Folder.Dir, "compose.yaml")
	if err := os.WriteFile(file, []byte("services: {web: {build: ., ports: ['3000'], volumes: ['.:/all']}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := b.renew(t.Context(), fresh); err == nil || !strings.Contains(err.Error(), "may write to all of") {
		t.Errorf("%v", err)
	}
	if err := errors.Join(os.Remove(file), os.WriteFile(filepath.Join(fresh.Folder.Dir, "Dockerfile"), []byte("FROM x"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.renew(t.Context(), fresh); err == nil || !strings.Contains(err.Error(), "has a Dockerfile alone") {
		t.Errorf("%v", err)
	}
}
