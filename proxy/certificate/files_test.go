package certificate

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// far is an end that no test gets to.
var far = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// issued is a certificate with its key. It is its own issuer if there is no other.
type issued struct {
	certificate, key []byte
	template         *x509.Certificate
	private          *ecdsa.PrivateKey
}

// issue makes a certificate for names and addresses; its common name is the first of them.
func issue(t testing.TB, by *issued, from, to time.Time, names ...string) *issued {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issued{private: private, template: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, NotBefore: from, NotAfter: to,
	}}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			i.template.IPAddresses = append(i.template.IPAddresses, ip)
		} else if name != "CA" && name != "none" {
			i.template.DNSNames = append(i.template.DNSNames, name)
		}
	}
	if names[0] == "CA" {
		i.template.IsCA, i.template.BasicConstraintsValid = true, true
	}
	if by == nil {
		by = i
	}
	signed, err := x509.CreateCertificate(rand.Reader, i.template, by.template, private.Public(), by.private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	i.certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})
	i.key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
	return i
}

// named is a certificate that is valid in all tests.
func named(t testing.TB, names ...string) *issued { return issue(t, nil, time.Time{}, far, names...) }

// disk is a folder of files.
type disk struct {
	dir    string
	log    lines
	writes int
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

func newDisk(t *testing.T) *disk { return &disk{dir: t.TempDir()} }

// write replaces a file and returns its path; no two writes have the same time.
func (d *disk) write(t *testing.T, name string, data []byte) string {
	t.Helper()
	d.writes++
	at, path := time.Date(2026, 11, 20, 12, 0, d.writes, 0, time.UTC), filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	return path
}

// link creates a symbolic link, and replaces an existing one.
func (d *disk) link(t *testing.T, to, name string) {
	t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(path)
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// pair writes a certificate and its key.
func (d *disk) pair(t *testing.T, name string, i *issued) Pair {
	t.Helper()
	return Pair{d.write(t, name+".crt", i.certificate), d.write(t, name+".key", i.key)}
}

// load loads files with the log of the disk.
func (d *disk) load(t *testing.T, c FilesConfig) *Files {
	t.Helper()
	c.Logger = slog.New(slog.NewTextHandler(&d.log, nil))
	f, err := LoadFiles(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// run runs the files until the test ends.
func run(t *testing.T, f *Files) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// later lets time pass, and what is to happen then.
func later(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// pass lets days pass for files that do not run: Run looks at them each minute.
func pass(f *Files, d time.Duration) {
	<-time.After(d)
	f.look()
}

// check fails unless clients that ask for host get the certificate with that common name, empty for none.
func check(t *testing.T, f *Files, host, want string) {
	t.Helper()
	got, c := "", f.Certificate(&tls.ClientHelloInfo{ServerName: host})
	if c != nil {
		got = c.Leaf.Subject.CommonName
	}
	if got != want {
		t.Errorf("for %q: the certificate of %q, want that of %q", host, got, want)
	}
}

func TestFiles_ChooseByExactNameThenWildcard(t *testing.T) {
	d := newDisk(t)
	f := d.load(t, FilesConfig{Pairs: []Pair{
		d.pair(t, "wild", named(t, "*.example.org", "Example.ORG")),
		d.pair(t, "exact", named(t, "a.example.org", "192.0.2.7", "2001:db8::7")),
		d.pair(t, "other", named(t, "other.net")),
	}})
	for host, want := range map[string]string{
		"a.example.org": "a.example.org", "A.EXAMPLE.org": "a.example.org", "a.example.org.": "a.example.org",
		"b.example.org": "*.example.org", "example.org": "*.example.org", "other.net": "other.net",
		"x.b.example.org": "", "x.a.example.org": "", "x.other.net": "", "org": "", "com": "", ".example.org": "*.example.org",
		"192.0.2.7": "a.example.org", "2001:db8::7": "a.example.org", "192.0.2.8": "",
	} {
		check(t, f, host, want)
	}
	for host, want := range map[string]bool{
		"a.example.org": true, "b.example.org": true, "x.b.example.org": false, "*.example.org": true, "*.b.example.org": false, "192.0.2.7": true,
	} {
		if got := f.Covers(host); got != want {
			t.Errorf("Covers(%q) is %t", host, got)
		}
	}
}

// connected is a connection to a local address.
type connected struct {
	net.Conn
	local net.Addr
}

func (c connected) LocalAddr() net.Addr { return c.local }

func TestFiles_ChooseByTheLocalAddressWithoutAName(t *testing.T) {
	d := newDisk(t)
	f := d.load(t, FilesConfig{Pairs: []Pair{
		d.pair(t, "name", named(t, "example.org")),
		d.pair(t, "v4", named(t, "192.0.2.7")),
		d.pair(t, "v6", named(t, "2001:db8::7")),
	}})
	for local, want := range map[string]string{"192.0.2.7": "192.0.2.7", "2001:db8::7": "2001:db8::7", "172.17.0.2": "192.0.2.7"} {
		hello := &tls.ClientHelloInfo{Conn: connected{local: &net.TCPAddr{IP: net.ParseIP(local), Port: 443}}}
		if c := f.Certificate(hello); c == nil || c.Leaf.Subject.CommonName != want {
			t.Errorf("at %s: %v, want the certificate of %s", local, c, want)
		}
	}
	plain := d.load(t, FilesConfig{Pairs: []Pair{d.pair(t, "name", named(t, "example.org"))}})
	if c := plain.Certificate(&tls.ClientHelloInfo{}); c != nil {
		t.Errorf("without addresses: the certificate of %s", c.Leaf.Subject)
	}
	if c := plain.First(); c == nil || c.Leaf.Subject.CommonName != "example.org" {
		t.Errorf("the last resort is %v", c)
	}
}

func TestFiles_PreferTheOneThatIsValidAndEndsLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, now := newDisk(t), time.Now()
		mark := func(mark string, from, to time.Duration) Pair {
			return d.pair(t, mark, issue(t, nil, now.Add(from), now.Add(to), "none", mark, "example.org"))
		}
		const day = 24 * time.Hour
		f := d.load(t, FilesConfig{Pairs: []Pair{
			mark("short", -day, 90*day), mark("long", -day, 100*day), mark("next", 2*day, 200*day), mark("expired", -2*day, -day),
		}})
		is := func(when, want string) {
			t.Helper()
			if c := f.Lookup("example.org"); c.Leaf.DNSNames[0] != want {
				t.Errorf("%s: %s, want %s", when, c.Leaf.DNSNames[0], want)
			}
		}
		is("at first", "long")
		pass(f, 2*day)
		is("when the next one begins", "next")
		pass(f, 300*day)
		is("when all ended", "next")
		if f.Covers("example.org") {
			t.Error("an expired certificate covers its name")
		}
	})
}

func TestFiles_FollowWhatIsOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		one, two := named(t, "one", "example.org"), named(t, "two", "example.org")
		p := d.pair(t, "x", one)
		f := d.load(t, FilesConfig{Pairs: []Pair{p}})
		run(t, f)
		first := f.Lookup("example.org")

		d.write(t, "x.crt", two.certificate)
		later(interval + settle)
		check(t, f, "example.org", "one")
		if n := strings.Count(d.log.String(), "level=WARN"); n != 1 {
			t.Errorf("half of a pair is reported %d times, want once:\n%s", n, &d.log)
		}
		if s := f.States(); !strings.Contains(s[0].Warning, "cannot be used") {
			t.Errorf("with half of a pair the state is %+v", s[0])
		}
		d.write(t, "x.key", two.key)
		later(interval - settle)
		check(t, f, "example.org", "one")
		later(settle + settle)
		check(t, f, "example.org", "two")
		if s := f.States(); s[0].Warning != "" {
			t.Errorf("the whole pair still has the warning %q", s[0].Warning)
		}

		d.log.Reset()
		if err := os.Remove(p.Key); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			later(interval + settle)
			check(t, f, "example.org", "two")
		}
		if n := strings.Count(d.log.String(), "level=WARN"); n != 1 || !strings.Contains(d.log.String(), p.Key) {
			t.Errorf("a lost key is reported %d times, want once with its name:\n%s", n, &d.log)
		}
		d.write(t, "x.key", two.key)
		later(interval + settle)
		check(t, f, "example.org", "two")
		if n := strings.Count(d.log.String(), "level=WARN"); n != 1 {
			t.Errorf("with the key back:\n%s", &d.log)
		}
		if f.Lookup("example.org") == first {
			t.Error("the certificate is still the first one")
		}
	})
}

func TestFiles_WaitUntilFilesStayTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		d.pair(t, "a", named(t, "one", "example.org"))
		f := d.load(t, FilesConfig{Folder: d.dir})
		run(t, f)
		next := named(t, "two", "example.org")
		d.write(t, "a.crt", next.certificate)
		later(interval) // The change is seen for the first time.
		d.write(t, "a.key", next.key)
		later(settle)
		check(t, f, "example.org", "one")
		later(settle)
		check(t, f, "example.org", "two")
		if strings.Contains(d.log.String(), "level=WARN") {
			t.Errorf("the time between two files is reported:\n%s", &d.log)
		}
	})
}

func TestFiles_ReadTheFoldersOfOtherTools(t *testing.T) {
	ca := named(t, "CA")
	leaf := func(name string) *issued { return issue(t, ca, time.Time{}, far, name) }
	full := func(i *issued) []byte { return append(bytes.Clone(i.certificate), ca.certificate...) }
	for name, c := range map[string]struct {
		layout func(t *testing.T, d *disk)
		// file is what is shown of it, and length that of its chain.
		file   string
		length int
	}{
		"certbot": {func(t *testing.T, d *disk) {
			old, now := leaf("example.org"), leaf("example.org")
			for n, i := range map[string]*issued{"1": old, "2": now} {
				d.write(t, "archive/example.org/cert"+n+".pem", i.certificate)
				d.write(t, "archive/example.org/chain"+n+".pem", ca.certificate)
				d.write(t, "archive/example.org/fullchain"+n+".pem", full(i))
				d.write(t, "archive/example.org/privkey"+n+".pem", i.key)
			}
			for _, part := range []string{"cert", "chain", "fullchain", "privkey"} {
				d.link(t, "../../archive/example.org/"+part+"2.pem", "live/example.org/"+part+".pem")
			}
			d.write(t, "live/README", []byte("This directory contains your keys and certificates."))
			d.dir = filepath.Join(d.dir, "live")
		}, "example.org/fullchain.pem", 2},
		"acme.sh": {func(t *testing.T, d *disk) {
			i := leaf("example.org")
			d.write(t, "example.org_ecc/example.org.cer", i.certificate)
			d.write(t, "example.org_ecc/example.org.key", i.key)
			d.write(t, "example.org_ecc/example.org.conf", []byte("Le_Domain='example.org'"))
			d.write(t, "example.org_ecc/example.org.csr", []byte("-----BEGIN CERTIFICATE REQUEST-----"))
			d.write(t, "example.org_ecc/ca.cer", ca.certificate)
			d.write(t, "example.org_ecc/fullchain.cer", full(i))
		}, "example.org_ecc/fullchain.cer", 2},
		"tailscale": {func(t *testing.T, d *disk) {
			i := leaf("example.org")
			d.write(t, "example.org.crt", full(i))
			d.write(t, "example.org.key", i.key)
		}, "example.org.crt", 2},
		"one file": {func(t *testing.T, d *disk) {
			i := leaf("example.org")
			d.write(t, "site.pem", append(bytes.Clone(i.key), full(i)...))
		}, "site.pem", 2},
		"any names": {func(t *testing.T, d *disk) {
			i, other := leaf("example.org"), leaf("other.org")
			d.write(t, "1.pem", i.key)
			d.write(t, "2.pem", other.certificate)
			d.write(t, "3.pem", i.certificate)
			d.write(t, "4.pem", other.key)
		}, "3.pem", 1},
		"kubernetes": {func(t *testing.T, d *disk) {
			i := leaf("example.org")
			d.write(t, "..2026_11_20/tls.crt", full(i))
			d.write(t, "..2026_11_20/tls.key", i.key)
			d.link(t, "..2026_11_20", "..data")
			d.link(t, "..data/tls.crt", "tls.crt")
			d.link(t, "..data/tls.key", "tls.key")
		}, "tls.crt", 2},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t)
			c.layout(t, d)
			f := d.load(t, FilesConfig{Folder: d.dir})
			check(t, f, "example.org", "example.org")
			shown := f.Lookup("example.org")
			if shown == nil || len(shown.Certificate) != c.length {
				t.Fatalf("%v is shown, want a chain of %d", shown, c.length)
			}
			for _, s := range f.States() {
				if s.Name == "example.org" && s.File != filepath.Join(d.dir, filepath.FromSlash(c.file)) {
					t.Errorf("it comes from %s, want %s", s.File, c.file)
				}
			}
			if d.log.String() != "" {
				t.Errorf("there is nothing to say:\n%s", &d.log)
			}
		})
	}
}

func TestFiles_FollowAFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		for n, name := range map[string]string{"1": "one", "2": "two"} {
			d.pair(t, "archive/x"+n, named(t, name, "example.org"))
		}
		d.link(t, "../archive/x1.crt", "live/x.crt")
		d.link(t, "../archive/x1.key", "live/x.key")
		d.pair(t, "live/gone", named(t, "gone.org"))
		f := d.load(t, FilesConfig{Folder: filepath.Join(d.dir, "live")})
		run(t, f)
		check(t, f, "example.org", "one")
		check(t, f, "gone.org", "gone.org")

		d.link(t, "../archive/x2.crt", "live/x.crt")
		d.link(t, "../archive/x2.key", "live/x.key")
		later(interval + settle)
		check(t, f, "example.org", "two")

		d.pair(t, "live/new", named(t, "new.org"))
		for _, name := range []string{"gone.crt", "gone.key"} {
			if err := os.Remove(filepath.Join(d.dir, "live", name)); err != nil {
				t.Fatal(err)
			}
		}
		later(interval + settle)
		check(t, f, "new.org", "new.org")
		check(t, f, "gone.org", "")

		d.log.Reset()
		d.write(t, "live/new.crt", []byte("-----BEGIN CERTIFICATE-----\nMIIB"))
		later(interval + settle)
		later(interval + settle)
		check(t, f, "new.org", "new.org")
		if err := os.Rename(filepath.Join(d.dir, "live"), filepath.Join(d.dir, "away")); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			later(interval + settle)
		}
		check(t, f, "new.org", "new.org")
		check(t, f, "example.org", "two")
		if n := strings.Count(d.log.String(), "level=WARN"); n != 1 || !strings.Contains(d.log.String(), "live") {
			t.Errorf("a lost folder is reported %d times, want once:\n%s", n, &d.log)
		}
	})
}

func TestFiles_ReportAKeyThatIsMissingInAFolder(t *testing.T) {
	d := newDisk(t)
	d.pair(t, "good", named(t, "good.org"))
	d.write(t, "bad.crt", named(t, "bad.org").certificate)
	d.write(t, "locked/x.crt", named(t, "locked.org").certificate)
	d.write(t, "locked/x.key", []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	f := d.load(t, FilesConfig{Folder: d.dir})
	check(t, f, "good.org", "good.org")
	check(t, f, "bad.org", "")
	for _, want := range []string{"bad.crt", "pass phrase"} {
		if !strings.Contains(d.log.String(), want) {
			t.Errorf("nothing is said of %s:\n%s", want, &d.log)
		}
	}
	if strings.Contains(d.log.String(), "good") {
		t.Errorf("a good pair is reported:\n%s", &d.log)
	}
}

func TestLoadFiles_NamesWhatIsWrong(t *testing.T) {
	d := newDisk(t)
	one, two := d.pair(t, "one", named(t, "one")), d.pair(t, "two", named(t, "two"))
	large := d.write(t, "large.pem", bytes.Repeat([]byte("x"), maxFile+1))
	empty := filepath.Join(d.dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	nameless := d.pair(t, "nameless", named(t, "none"))
	locked := Pair{one.Certificate, d.write(t, "locked.key", []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"))}
	alone := filepath.Dir(d.write(t, "alone/x.pem", named(t, "x").certificate))
	for name, c := range map[string]struct {
		config FilesConfig
		want   []string
	}{
		"no certificate":  {FilesConfig{Pairs: []Pair{{d.dir + "/none.crt", one.Key}}}, []string{"none.crt"}},
		"no key":          {FilesConfig{Pairs: []Pair{one, {two.Certificate, d.dir + "/none.key"}}}, []string{"none.key", two.Certificate}},
		"another's key":   {FilesConfig{Pairs: []Pair{{one.Certificate, two.Key}}}, []string{one.Certificate, two.Key, "does not match"}},
		"too large":       {FilesConfig{Pairs: []Pair{{large, one.Key}}}, []string{large, "more than"}},
		"no names":        {FilesConfig{Pairs: []Pair{nameless}}, []string{"subject alternative names"}},
		"a pass phrase":   {FilesConfig{Pairs: []Pair{locked}}, []string{"pass phrase", "openssl pkey"}},
		"no folder":       {FilesConfig{Folder: d.dir + "/none"}, []string{d.dir + "/none"}},
		"an empty folder": {FilesConfig{Folder: empty}, []string{empty, "put both into it"}},
		"no key beside":   {FilesConfig{Folder: alone}, []string{"x.pem has no key"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Logger = slog.New(slog.DiscardHandler)
			_, err := LoadFiles(c.config)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q in it", err, want)
				}
			}
		})
	}
}

func TestFiles_WarnBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		d, now := newDisk(t), time.Now()
		p := d.pair(t, "x", issue(t, nil, now, now.Add(60*day), "long.org"))
		f := d.load(t, FilesConfig{Pairs: []Pair{p, d.pair(t, "y", issue(t, nil, now, now.Add(9*day), "short.org"))}})
		state := func(name string) State {
			for _, s := range f.States() {
				if s.Name == name {
					return s
				}
			}
			t.Fatalf("%s has no state", name)
			return State{}
		}
		expect := func(name string, phase Phase, warning string, lines int) {
			t.Helper()
			s := state(name)
			if s.Phase != phase || (warning == "") != (s.Warning == "") || !strings.Contains(s.Warning, warning) || (phase == Expired) != (s.Fix != "") {
				t.Errorf("%s: %+v, want %s with %q", name, s, phase, warning)
			}
			if n := strings.Count(d.log.String(), "level=WARN"); n != lines {
				t.Errorf("%d warnings, want %d:\n%s", n, lines, &d.log)
			}
		}
		expect("long.org", Valid, "", 0)
		expect("short.org", Valid, "", 0)
		pass(f, 6*day+time.Hour)
		expect("short.org", Valid, "ends in 2 days", 1)
		pass(f, 40*day-time.Hour-interval)
		expect("long.org", Valid, "", 2)
		expect("short.org", Expired, "", 2)
		pass(f, 2*interval)
		expect("long.org", Valid, "ends in 13 days", 3)
		pass(f, 13*day)
		expect("long.org", Valid, "ends in 23 hours", 3)
		pass(f, day)
		expect("long.org", Expired, "", 4)
		check(t, f, "long.org", "long.org")
		if f.Covers("long.org") {
			t.Error("an expired certificate covers its name")
		}
	})
}

func TestFiles_KeepWhatIsPushed(t *testing.T) {
	d := newDisk(t)
	config := FilesConfig{Pairs: []Pair{d.pair(t, "own", named(t, "own.org"))}, Pushed: filepath.Join(d.dir, "state", "pushed")}
	f := d.load(t, config)
	pushed := func(path string, i *issued) PEMPair {
		return PEMPair{Path: path, Certificate: i.certificate, Key: i.key}
	}
	a, b := named(t, "a.org"), named(t, "b.org")
	if err := f.Set([]PEMPair{pushed("/etc/a.pem", a), pushed("/etc/b.pem", b)}); err != nil {
		t.Fatal(err)
	}
	before := f.Lookup("a.org")
	file := filepath.Join(config.Pushed, pushedFile)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want a file that is the owner's alone", info, err)
	}

	again := d.load(t, config)
	for _, name := range []string{"own.org", "a.org", "b.org"} {
		check(t, f, name, name)
		check(t, again, name, name)
	}

	if err := f.Set([]PEMPair{{Path: "/etc/a.pem"}, pushed("/etc/b.pem", b), {Path: "/etc/c.pem"}}); err != nil {
		t.Errorf("a file that could not be read: %v", err)
	}
	check(t, f, "a.org", "a.org")
	err := f.Set([]PEMPair{pushed("/etc/a.pem", a), {Path: "/etc/b.pem", Certificate: b.certificate, Key: a.key}, {Path: "/etc/c.pem", Key: a.key}})
	if err == nil || !strings.Contains(err.Error(), "/etc/b.pem") || !strings.Contains(err.Error(), "/etc/c.pem") {
		t.Errorf("%v, want an error that names both", err)
	}
	check(t, f, "b.org", "b.org")
	if f.Lookup("a.org") != before {
		t.Error("a pair that is the same was replaced")
	}

	if err := f.Set([]PEMPair{pushed("/etc/a.pem", a)}); err != nil {
		t.Fatal(err)
	}
	check(t, f, "b.org", "")
	check(t, d.load(t, config), "b.org", "")
	if err := f.Set(nil); err != nil {
		t.Fatal(err)
	}
	check(t, f, "a.org", "")
	check(t, f, "own.org", "own.org")
}

func TestFiles_SetTornStoreAside(t *testing.T) {
	d := newDisk(t)
	d.write(t, pushedFile, []byte(`{"pairs":[{"pa`))
	f := d.load(t, FilesConfig{Pushed: d.dir})
	if len(f.States()) != 0 || !strings.Contains(d.log.String(), pushedFile+".bad") {
		t.Errorf("%v\n%s", f.States(), &d.log)
	}
	if _, err := os.Stat(filepath.Join(d.dir, pushedFile+".bad")); err != nil {
		t.Error(err)
	}
	i := named(t, "a.org")
	if err := f.Set([]PEMPair{{"/a", i.certificate, i.key}}); err != nil {
		t.Fatal(err)
	}
	check(t, d.load(t, FilesConfig{Pushed: d.dir}), "a.org", "a.org")
}

func TestFiles_GoOnWithoutADisk(t *testing.T) {
	d := newDisk(t)
	f := d.load(t, FilesConfig{Pushed: filepath.Join(d.write(t, "file", nil), "folder")})
	i := named(t, "a.org")
	if err := f.Set([]PEMPair{{"/a", i.certificate, i.key}}); err != nil {
		t.Fatal(err)
	}
	check(t, f, "a.org", "a.org")
	if !strings.Contains(d.log.String(), "cannot store") {
		t.Errorf("nothing is said:\n%s", &d.log)
	}
}

func TestFiles_AreShownByCombined(t *testing.T) {
	d := newDisk(t)
	var m Manager = &Combined{Files: d.load(t, FilesConfig{Pairs: []Pair{
		d.pair(t, "a", named(t, "a.org", "b.org")), d.pair(t, "c", named(t, "c.org")),
	}})}
	config, err := m.TLS().GetConfigForClient(&tls.ClientHelloInfo{})
	if config == nil {
		config = m.TLS()
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"c.org": "c.org", "": "a.org"} {
		if c, err := config.GetCertificate(&tls.ClientHelloInfo{ServerName: name}); err != nil || c == nil || c.Leaf.Subject.CommonName != want {
			t.Errorf("for %q: %v, %v, want that of %s", name, c, err, want)
		}
	}
	if c, err := config.GetCertificate(&tls.ClientHelloInfo{ServerName: "unknown.org"}); c != nil || err != nil {
		t.Errorf("for an unknown name: %v, %v, want neither, so that the alert is unrecognized_name", c, err)
	}
	if got := m.Check(t.Context(), "b.org"); len(got) != 1 || !strings.Contains(got[0].Message, "a.crt") {
		t.Errorf("%+v", got)
	}
}

func TestReader_NamesWhatItCannotUse(t *testing.T) {
	d := newDisk(t)
	good, bad := d.pair(t, "good", named(t, "good.org")), d.pair(t, "bad", named(t, "bad.org"))
	d.write(t, "bad.key", nil)
	r := FollowFiles(FilesConfig{Pairs: []Pair{good, bad, {"/none.crt", "/none.key"}}, Logger: slog.New(slog.DiscardHandler)})
	if r.Read() || len(r.Pairs()) != 0 {
		t.Error("files were read before the first look")
	}
	if changed, _ := r.Look(); !changed || !r.Read() {
		t.Error("the first look read nothing")
	}
	pairs := r.Pairs()
	if len(pairs) != 3 || pairs[0].Path != good.Certificate || len(pairs[0].Key) == 0 {
		t.Fatalf("%+v", pairs)
	}
	for i, path := range []string{"/none.crt", bad.Certificate} {
		if p := pairs[1+i]; p.Path != path || len(p.Certificate)+len(p.Key) > 0 {
			t.Errorf("%+v, want the path of %s alone", p, path)
		}
	}
}

func TestReader_BoundsFolders(t *testing.T) {
	d := newDisk(t)
	d.pair(t, "a", named(t, "a.org"))
	d.link(t, ".", "again")
	d.load(t, FilesConfig{Folder: d.dir})
	w := walk{stamps: map[string]stamp{}, entries: maxEntries}
	if err := w.folder(d.dir, 0); !errors.Is(err, errManyEntries) {
		t.Errorf("%v, want %v", err, errManyEntries)
	}
}

func TestFiles_LookUpWithoutAllocating(t *testing.T) {
	d := newDisk(t)
	f := d.load(t, FilesConfig{Pairs: []Pair{d.pair(t, "a", named(t, "a.org", "*.b.org"))}})
	if n := testing.AllocsPerRun(100, func() {
		if f.Lookup("a.org") == nil || f.Lookup("x.b.org") == nil || f.Lookup("c.org") != nil || !f.Covers("x.b.org") {
			t.Fatal("a certificate is missing")
		}
	}); n > 0 {
		t.Errorf("%g allocations", n)
	}
}

// BenchmarkFiles_Certificate has a thousand certificates: the cost of a handshake does not depend on them.
func BenchmarkFiles_Certificate(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := &Files{log: slog.New(slog.DiscardHandler), reader: &Reader{}}
			i := named(b, "a.org")
			h, err := use(PEMPair{Path: "/a", Certificate: i.certificate, Key: i.key})
			if err != nil {
				b.Fatal(err)
			}
			f.publish()
			for k := range n {
				f.shown.Load().exact[fmt.Sprintf("host-%d.example.org", k)] = h
			}
			hello := &tls.ClientHelloInfo{ServerName: fmt.Sprintf("host-%d.example.org", n/2)}
			for b.Loop() {
				if f.Certificate(hello) == nil {
					b.Fatal("no certificate")
				}
			}
		})
	}
}
