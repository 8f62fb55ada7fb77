package projects

import (
	"slices"
	"strings"
	"testing"

	"gateway/projects/composefile"
)

// moved is what a template would write for two paths.
const (
	wasRendered = "services: {web: {working_dir: /www/blog, labels: {gateway.path: /blog}, environment: {P: /blog}, volumes: [{target: /www/blog}]}}\n"
	isRendered  = "services: {web: {working_dir: /www/notes, labels: {gateway.path: /notes}, environment: {P: /notes}, volumes: [{target: /www/notes}]}}\n"
)

func changesOf(t *testing.T) []change {
	t.Helper()
	changes, err := differences([]byte(wasRendered), []byte(isRendered))
	if err != nil || len(changes) != 4 {
		t.Fatal(changes, err)
	}
	return changes
}

func TestEdit_LeavesAllElseByteForByte(t *testing.T) {
	const before = `# Ours; /blog stays in comments
services:
    web: # 로봇 /blog
        image:   nginx   # pinned
        working_dir: "/www/blog" # here
        labels:
            - "gateway.path=/blog"
            - 'it''s=/blog'
            - gateway.port=80
        environment: {"로봇": "x", P: &p '/blog', Q: *p, R: /blog}
        volumes:
            - {type: bind, source: ./blog, target: /mine}
            - target:   /www/blog
              source: site
    other:
        working_dir: /www/blog
`
	want := before
	for old, now := range map[string]string{
		`working_dir: "/www/blog" # here`: `working_dir: "/www/notes" # here`,
		`- "gateway.path=/blog"`:          `- "gateway.path=/notes"`,
		`P: &p '/blog', Q`:                `P: &p '/notes', Q`,
		`target:   /www/blog`:             `target:   /www/notes`,
	} {
		want = strings.Replace(want, old, now, 1)
	}
	got, made, err := edit([]byte(before), changesOf(t))
	if err != nil || made != 4 || string(got) != want {
		t.Errorf("%d places, %v:\n%s", made, err, got)
	}
	// A second run finds what it would write, and knows nothing of it.
	if _, _, err := edit(got, changesOf(t)); err == nil {
		t.Error("edited twice")
	}
}

func TestEdit_RefusesWhatWasEditedByHand(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"another value": {"services:\n  web:\n    working_dir: /srv\n    labels: {gateway.path: /blog}\n", `line 3: services.web.working_dir is "/srv" and not "/www/blog"`},
		"a block":       {"services:\n  web:\n    working_dir: |-\n      /www/blog\n", "line 3: services.web.working_dir is written as a block"},
		"not YAML":      {"services:\n\tweb: [\n", "line 2"},
	} {
		if _, _, err := edit([]byte(c.text), changesOf(t)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// What is not there at all holds no path.
	if got, made, err := edit([]byte("services: {web: {labels: {gateway.path: /blog}}}\n"), changesOf(t)); err != nil || made != 1 ||
		string(got) != "services: {web: {labels: {gateway.path: /notes}}}\n" {
		t.Errorf("%d %v %s", made, err, got)
	}
}

func TestDifferences_RefusesAShapeThatChanges(t *testing.T) {
	for _, after := range []string{"a: 1\nb: 2\n", "c: 1\n", "a: [1]\n"} {
		if got, err := differences([]byte("a: 1\n"), []byte(after)); err == nil {
			t.Errorf("%q: %v", after, got)
		}
	}
}

func TestLabelChanges_FindsThePathsOfServices(t *testing.T) {
	const text = "services:\n  a: {labels: {gateway.path: /x, gateway.routes.api.path: /x, gateway.owner: /x}}\n" +
		"  b: {labels: [gateway.path=/x, gateway.path=/y]}\nnetworks: {n: {labels: {gateway.path: /x}}}\n"
	got, made, err := edit([]byte(text), labelChanges([]byte(text), "/x", "/z$1"))
	want := "services:\n  a: {labels: {gateway.path: /z$$1, gateway.routes.api.path: /z$$1, gateway.owner: /x}}\n" +
		"  b: {labels: [gateway.path=/z$$1, gateway.path=/y]}\nnetworks: {n: {labels: {gateway.path: /x}}}\n"
	if err != nil || made != 3 || string(got) != want {
		t.Errorf("%d %v\n%s", made, err, got)
	}
}

// FuzzEdit checks that an edit changes values alone, and nothing of how a file is built.
func FuzzEdit(f *testing.F) {
	for _, s := range []string{
		"services: {web: {working_dir: /www/blog}}", "services:\n  web:\n    working_dir: 'a'' b'\n", "services: {web: {working_dir: \"\\x2fwww\\/blog\"}}",
		"services:\n  web: {labels: [\"gateway.path=/blog\"]}", "services: {web: {working_dir: &a /www/blog, environment: {P: *a}}}", "\ufeffservices: {web: {working_dir: /www/blog}}",
		"services: {web: {working_dir: !!str /www/blog}}",
	} {
		f.Add(s)
	}
	changes, err := differences([]byte(wasRendered), []byte(isRendered))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, made, err := edit([]byte(text), changes)
		if err != nil {
			return
		}
		if made == 0 {
			if string(got) != text {
				t.Errorf("no change, and %q became %q", text, got)
			}
			return
		}
		var said [2][]composefile.Scalar
		for i, text := range []string{text, string(got)} {
			file, err := composefile.Parse([]byte(text))
			if err != nil {
				t.Fatalf("%q became %q, which cannot be read: %v", text, got, err)
			}
			said[i] = slices.Collect(file.Scalars())
		}
		before, after := said[0], said[1]
		if len(before) != len(after) {
			t.Fatalf("%q became %q", text, got)
		}
		differ := 0
		for i := range before {
			if !slices.Equal(before[i].Path, after[i].Path) {
				t.Errorf("%q became %q", text, got)
			}
			if before[i].Value != after[i].Value {
				differ++
			}
		}
		if differ != made {
			t.Errorf("%d changes, and %d places differ: %q became %q", made, differ, text, got)
		}
	})
}
