//go:build linux

package trust

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smallstep/truststore"

	"gateway/proxy/certificate/authority"
)

// machine is a home folder, and a system store in a folder, in the place of those of the machine.
type machine struct{ home, anchors string }

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t.TempDir(), t.TempDir()}
	name, command, nss := truststore.SystemTrustFilename, truststore.SystemTrustCommand, truststore.NSSProfile
	t.Cleanup(func() {
		truststore.SystemTrustFilename, truststore.SystemTrustCommand, truststore.NSSProfile = name, command, nss
	})
	truststore.SystemTrustFilename, truststore.SystemTrustCommand = m.anchors+"/%s.crt", []string{"true"}
	t.Setenv("JAVA_HOME", "")
	return m
}

// browser makes an NSS database in the home folder.
func (m *machine) browser(t *testing.T, folder string) {
	t.Helper()
	folder = filepath.Join(m.home, folder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("certutil", "-N", "--empty-password", "-d", "sql:"+folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func newRoot(t *testing.T) *x509.Certificate {
	t.Helper()
	a, err := authority.Open(t.TempDir(), []string{"nas.lan"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a.Root()
}

// is fails unless the stores have these outcomes; those that are not named are skipped.
func is(t *testing.T, when string, results []Result, want map[string]Outcome) {
	t.Helper()
	for _, r := range results {
		expected, named := want[r.Store]
		if !named {
			expected = Missing
		}
		if r.Outcome != expected || (r.Outcome == Missing) != (r.Reason != "") {
			t.Errorf("%s: %+v, want %s", when, r, expected)
		}
	}
}

func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed", program)
	}
}

func TestApply_ChangesEachStoreOnce(t *testing.T) {
	needs(t, "certutil")
	m, root, other := newMachine(t), newRoot(t), newRoot(t)
	folders := map[string]string{
		"Firefox (snap)": "snap/firefox/common/.mozilla/firefox/x.default", "Chromium, Chrome": ".pki/nssdb",
	}
	all := func(o Outcome) map[string]Outcome {
		want := map[string]Outcome{"system": o}
		for name := range folders {
			want[name] = o
		}
		return want
	}
	for _, folder := range folders {
		m.browser(t, folder)
	}
	is(t, "another root", Apply(Trust, other, m.home), all(Installed))
	is(t, "the first time", Apply(Trust, root, m.home), all(Installed))
	is(t, "the second time", Apply(Trust, root, m.home), all(Already))
	data, err := os.ReadFile(filepath.Join(m.anchors, prefix+root.SerialNumber.String()+".crt"))
	if block, _ := pem.Decode(data); err != nil || block == nil || string(block.Bytes) != string(root.Raw) {
		t.Errorf("the system's file: %v\n%s", err, data)
	}
	is(t, "removed", Apply(Distrust, root, m.home), all(Removed))
	is(t, "removed again", Apply(Distrust, root, m.home), all(Absent))
	is(t, "another root is still there", Apply(Trust, other, m.home), all(Already))
}

func TestApply_SkipsWhatIsNotThere(t *testing.T) {
	m := newMachine(t)
	is(t, "without browsers", Apply(Trust, newRoot(t), m.home), map[string]Outcome{"system": Installed})
	m.home = t.TempDir()
	if err := os.MkdirAll(filepath.Join(m.home, ".pki/nssdb"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.home, ".pki/nssdb/cert9.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tee, err := exec.LookPath("tee")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir() // Has no certutil.
	for _, name := range []string{"tee", "true", "rm"} {
		if err := os.Symlink(filepath.Join(filepath.Dir(tee), name), filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	results := Apply(Trust, newRoot(t), m.home)
	is(t, "without certutil", results, map[string]Outcome{"system": Installed})
	for _, r := range results {
		if r.Store == "Chromium, Chrome" && !strings.Contains(r.Fix, "libnss3-tools") {
			t.Errorf("%+v, want the package to install", r)
		}
	}
}

func TestApply_InstallsInJava(t *testing.T) {
	needs(t, "keytool")
	m, root := newMachine(t), newRoot(t)
	real, err := exec.LookPath("keytool")
	if err != nil {
		t.Fatal(err)
	}
	jdk := t.TempDir()
	for _, folder := range []string{"bin", "lib/security"} {
		if err := os.MkdirAll(filepath.Join(jdk, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(real, filepath.Join(jdk, "bin/keytool")); err != nil {
		t.Fatal(err)
	}
	key := exec.Command(real, "-genkeypair", "-keystore", filepath.Join(jdk, "lib/security/cacerts"), "-storepass", "changeit", "-alias", "x", "-dname", "CN=x", "-keyalg", "EC")
	if out, err := key.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("JAVA_HOME", jdk)
	is(t, "the first time", Apply(Trust, root, m.home), map[string]Outcome{"system": Installed, "Java": Installed})
	is(t, "the second time", Apply(Trust, root, m.home), map[string]Outcome{"system": Already, "Java": Already})
	is(t, "removed", Apply(Distrust, root, m.home), map[string]Outcome{"system": Removed, "Java": Removed})
	is(t, "removed again", Apply(Distrust, root, m.home), map[string]Outcome{"system": Absent, "Java": Absent})
}

func TestApply_SaysWhyAStoreFailed(t *testing.T) {
	m, root := newMachine(t), newRoot(t)
	truststore.SystemTrustFilename = m.anchors + "/none/%s.crt"
	r := Apply(Trust, root, m.home)[0]
	if r.Outcome != Failed || !strings.Contains(r.Reason, "none") {
		t.Errorf("%+v, want the reason of the program", r)
	}
	truststore.SystemTrustCommand = nil
	if r := Apply(Trust, root, m.home)[0]; r.Outcome != Failed || !strings.Contains(r.Reason, "no store") {
		t.Errorf("%+v, want that the system is unknown", r)
	}
	if outcome, reason, fix := failed(errNeedsRoot); outcome != Failed || !strings.Contains(reason, "root") || !strings.Contains(fix, "--root") {
		t.Errorf("%s, %s, %s", outcome, reason, fix)
	}
	if _, reason, _ := failed(errors.New("x")); reason != "x" {
		t.Error(reason)
	}
}

func TestApply_NamesNoFileByWhatARootSays(t *testing.T) {
	m, root := newMachine(t), newRoot(t)
	root.Subject.CommonName = "../../escape"
	is(t, "a root with a path for a name", Apply(Trust, root, m.home), map[string]Outcome{"system": Installed})
	entries, err := os.ReadDir(m.anchors)
	if err != nil || len(entries) != 1 || entries[0].Name() != prefix+root.SerialNumber.String()+".crt" {
		t.Errorf("%v, %v", entries, err)
	}
}
