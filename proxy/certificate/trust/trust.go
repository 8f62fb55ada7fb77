// Package trust makes the machine that it runs on trust a root certificate, and undoes that: in the store of the system,
// in those of Firefox and Chromium, and in Java's. It knows nothing of who signed what. The policies worth stating: each
// store counts by itself, so that one that is missing or locked keeps no other from trusting the root; and only the
// root that it is given is ever removed.
package trust

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/smallstep/truststore"
)

// Outcome is what became of a root in one store.
type Outcome string

// The outcomes. Missing and Failed have a reason.
const (
	Installed Outcome = "installed"
	Already   Outcome = "already trusted"
	Removed   Outcome = "removed"
	Absent    Outcome = "was not there"
	Missing   Outcome = "skipped"
	Failed    Outcome = "failed"
)

// Result is the outcome for one store.
type Result struct {
	// Store names it for people, such as "Firefox (snap)".
	Store   string
	Outcome Outcome
	// Reason says why, and Fix what to do about it; both may be empty.
	Reason, Fix string
}

// Ask is what stores are asked for.
type Ask bool

// Trust installs a root, Distrust removes it.
const (
	Trust    Ask = true
	Distrust Ask = false
)

// Apply installs a root in all stores of the machine and of the user with that home folder, or removes it there. The
// results are in the order of the stores, which is always the same. One call at a time.
func Apply(ask Ask, root *x509.Certificate, home string) []Result {
	// Names of files and entries are made of this and the serial number, whatever the root calls itself.
	truststore.WithPrefix(prefix)(nil)
	var results []Result
	for _, s := range stores(home) {
		r := Result{Store: s.name}
		r.Outcome, r.Reason, r.Fix = s.apply(ask, root)
		results = append(results, r)
	}
	return results
}

// prefix begins the names of what is installed; the serial number follows.
const prefix = "gateway-"

// store is a place that has roots.
type store struct {
	name string
	// ready is nil if there is such a store that can be changed.
	ready func() error
	// has reports whether it has the root; put and remove change that.
	has         func(*x509.Certificate) bool
	put, remove func(*x509.Certificate) error
}

// apply brings a store to what is asked for.
func (s store) apply(ask Ask, root *x509.Certificate) (outcome Outcome, reason, fix string) {
	if err := s.ready(); err != nil {
		lacking, is := errors.AsType[*lackError](err)
		if !is {
			return Failed, err.Error(), ""
		}
		return Missing, lacking.reason, lacking.fix
	}
	done, change := Installed, s.put
	switch there := s.has(root); {
	case ask == Trust && there:
		return Already, "", ""
	case ask == Distrust && !there:
		return Absent, "", ""
	case ask == Distrust:
		done, change = Removed, s.remove
	}
	if err := change(root); err != nil {
		return failed(err)
	}
	return done, "", ""
}

// lackError says that a machine has no such store, which is no failure.
type lackError struct{ reason, fix string }

func (e *lackError) Error() string { return e.reason }

// errNeedsRoot says that only root may change a store.
var errNeedsRoot = errors.New("only root may change it")

// failed says why a store was not changed.
func failed(err error) (outcome Outcome, reason, fix string) {
	if errors.Is(err, errNeedsRoot) {
		return Failed, err.Error(), "run the command as root too, with the same root: gateway trust print > root.pem, then as root with --root root.pem"
	}
	reason = err.Error()
	if command, is := errors.AsType[*truststore.CmdError](err); is {
		if out := strings.TrimSpace(string(command.Out())); out != "" {
			reason += ": " + out
		}
	}
	return Failed, reason, ""
}

// stores are those that a machine may have.
func stores(home string) []store {
	all := []store{system()}
	for _, p := range profiles {
		all = append(all, browser(p.name, filepath.Join(home, filepath.FromSlash(p.pattern))))
	}
	return append(all, java())
}

// profiles are where browsers keep NSS databases, in the home folder. Programs in a snap or a flatpak have their own.
var profiles = []struct{ name, pattern string }{
	{"Firefox", firefoxProfiles},
	{"Firefox (snap)", "snap/firefox/common/.mozilla/firefox/*"},
	{"Firefox (flatpak)", ".var/app/org.mozilla.firefox/.mozilla/firefox/*"},
	{"Chromium, Chrome", ".pki/nssdb"},
	{"Chromium, Chrome (new profile)", ".local/share/pki/nssdb"},
	{"Chromium (snap)", "snap/chromium/current/.pki/nssdb"},
	{"Chromium (flatpak)", ".var/app/org.chromium.Chromium/.pki/nssdb"},
}

// system is the store of the operating system.
func system() store {
	return store{
		name:  "system",
		ready: func() error { return nil },
		has:   inSystem,
		put: func(root *x509.Certificate) error {
			if err := mayChangeSystem(); err != nil {
				return err
			}
			return unsupported(truststore.Install(root))
		},
		remove: func(root *x509.Certificate) error {
			if err := mayChangeSystem(); err != nil {
				return err
			}
			return unsupported(truststore.Uninstall(root))
		},
	}
}

func unsupported(err error) error {
	if errors.Is(err, truststore.ErrNotSupported) {
		return fmt.Errorf("this system has no store that the gateway knows: %w", err)
	}
	return err
}

// mayChangeSystem returns errNeedsRoot for a user of a Unix who is not root and has no sudo.
func mayChangeSystem() error {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		return nil
	}
	if _, err := exec.LookPath("sudo"); err != nil {
		return errNeedsRoot
	}
	return nil
}

// browser is the store of the databases that a pattern leads to.
func browser(name, pattern string) store {
	var nss *truststore.NSSTrust
	return store{
		name: name,
		ready: func() error {
			if !databases(pattern) {
				return &lackError{reason: "not on this machine"}
			}
			var err error
			if nss, err = truststore.NewNSSTrust(); err != nil {
				return &lackError{
					reason: "the program certutil is missing",
					fix:    "install it, on Debian and Ubuntu with: sudo apt install libnss3-tools, on Fedora with: sudo dnf install nss-tools, on macOS with: brew install nss",
				}
			}
			truststore.NSSProfile = pattern
			return nil
		},
		has: func(root *x509.Certificate) bool { return nss.Exists(root) },
		put: func(root *x509.Certificate) error {
			return truststore.Install(root, truststore.WithNoSystem(), truststore.WithTrust(nss))
		},
		remove: func(root *x509.Certificate) error { return nss.Uninstall("", root) },
	}
}

// databases reports whether one of the folders of a pattern is an NSS database.
func databases(pattern string) bool {
	for _, name := range []string{"cert9.db", "cert8.db"} {
		if found, err := filepath.Glob(filepath.Join(pattern, name)); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}

// java is the store of the Java that JAVA_HOME names.
func java() store {
	var keys *truststore.JavaTrust
	return store{
		name: "Java",
		ready: func() error {
			var err error
			if keys, err = truststore.NewJavaTrust(); err != nil {
				return &lackError{reason: "JAVA_HOME names none"}
			}
			return nil
		},
		has: func(root *x509.Certificate) bool { return keys.Exists(root) },
		put: func(root *x509.Certificate) error {
			return truststore.Install(root, truststore.WithNoSystem(), truststore.WithTrust(keys))
		},
		remove: func(root *x509.Certificate) error { return keys.Uninstall("", root) },
	}
}
