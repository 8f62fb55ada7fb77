package projects

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gateway/projects/policy"
)

const trusting = `# robots
x-gateway:
  owner: owner@example.org # ask
services:
  web:
    image: example/web
    ports: ["8080:80"]
`

func TestRecordTrust_WritesOnceAndKeepsTheFile(t *testing.T) {
	s := newStore(t)
	file := filepath.Join(s.Dir("robots"), ComposeFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(trusting), 0o640); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p, err := s.Load("robots")
		if err != nil {
			t.Fatal(err)
		}
		record, err := edits{}.recordTrust(p, policy.Trust{policy.Ports})
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range record {
			if err := step.Do(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := os.ReadFile(file)
	want := strings.Replace(trusting, "# ask\n", "# ask\n  trust: [ports]\n", 1)
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v %v", info, err)
	}
	if p, err := s.Load("robots"); err != nil || !p.Trust.Has(policy.Ports) || p.Owner != "owner@example.org" {
		t.Errorf("%+v %v", p, err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".compose-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left %v %v", left, err)
	}
}

func TestAdd_RecordsTrustOfWhoAsksAlone(t *testing.T) {
	b := newBench(t)
	r := request(t, "robots", "/robots")
	r.Trust = policy.Trust{policy.Ports}
	if _, err := b.Do(t.Context(), r); err != nil || !strings.Contains(b.text(t, "robots"), "\n  trust: [ports]\n") {
		t.Errorf("%v\n%s", err, b.text(t, "robots"))
	}
	files := map[string][]byte{ComposeFile: []byte("x-gateway: {trust: [ports]}\n")}
	doc, err := parseDocument("robots", files[ComposeFile])
	if err != nil {
		t.Fatal(err)
	}
	if err := grant(files, "theirs", doc, policy.Trust{policy.Ports}); err == nil || !strings.Contains(err.Error(), "template theirs gives its projects trust by itself (ports)") {
		t.Errorf("got %v", err)
	}
}

func TestParseDocument_RefusesTrustThatIsNone(t *testing.T) {
	for text, want := range map[string]string{
		"x-gateway:\n  trust: [everything]\n":     `line 2: x-gateway.trust: "everything" is no rule; there are: privileged, `,
		"x-gateway:\n  trust: {ports: true}\n":    "line 2: x-gateway.trust: it takes a list",
		"x-gateway:\n  trust: [ports, include]\n": "cannot be trusted away",
	} {
		if _, err := parseDocument("robots", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
