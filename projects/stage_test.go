package projects

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"gateway/templates"
)

func TestAdd_KeepsSecretsFromOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	b := newBench(t)
	b.settled(t, "dev", "ada", "/dev/ada")
	dir := filepath.Join(b.Store.Dir("ada"), templates.SecretFolder)
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("the folder of secrets: %v %v", info, err)
	}
	// Whoever the container runs as reads the file that it is given; nobody else gets there.
	for name, form := range map[string]string{"password": `^[a-z2-7]{26}\n$`, "code-server.yaml": `password: "[a-z2-7]{26}"`} {
		file := filepath.Join(dir, name)
		text, err := os.ReadFile(file)
		if err != nil || !regexp.MustCompile(form).Match(text) {
			t.Errorf("%s: %q %v", name, text, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o444 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	if info, err := os.Stat(filepath.Join(b.Store.Dir("ada"), ComposeFile)); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("compose.yaml: %v %v", info, err)
	}
	// A second add is refused, and the secret is what it was.
	before, err := os.ReadFile(filepath.Join(dir, "password"))
	if err != nil {
		t.Fatal(err)
	}
	r := request(t, "ada", "/dev/ada2")
	if _, err := b.Do(t.Context(), r); err == nil {
		t.Error("added twice")
	}
	if after, err := os.ReadFile(filepath.Join(dir, "password")); err != nil || string(after) != string(before) {
		t.Errorf("the secret changed: %v", err)
	}
}

func TestAdd_TakesTwoSubnetsWhereTheTemplateNeedsThem(t *testing.T) {
	b := newBench(t)
	b.settled(t, "wordpress", "blog", "/blog")
	p, err := b.Store.Load("blog")
	if err != nil || len(p.Subnets) != 2 || p.Subnets[0] == p.Subnets[1] {
		t.Fatalf("subnets %v %v", p.Subnets, err)
	}
	plan, err := b.DryRun(t.Context(), request(t, "robots", "/robots"))
	if err != nil || !strings.Contains(steps(plan), "with subnet 10.213.0.64/27") || strings.Contains(steps(plan), "project's own") {
		t.Errorf("the next: %v\n%s", err, steps(plan))
	}
}

func TestAdd_RefusesAPathThatIsNoFoldersName(t *testing.T) {
	b := newBench(t)
	wordpress, err := templates.Find("wordpress")
	if err != nil {
		t.Fatal(err)
	}
	for path, ok := range map[string]bool{"/": true, "/blog": true, "/a/b_c-d.e": true, "/a%20b": false, "/~ada": false, "/.x": false, "/a$b": false, "/a'b": false, "/%EB%A1%9C": false} {
		r := request(t, "blog", path)
		r.Template = wordpress
		if _, err := b.DryRun(t.Context(), r); (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
	}
}
