package certificate

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A proxy that is killed in the middle of an order leaves nothing that holds up the next one.
func TestPebble_KilledInAnOrder(t *testing.T) {
	for _, step := range []struct {
		name string
		// path is the request, of the authority's, that is its last; file what it does not store any more.
		path, file string
		// orders is how many there are in the end.
		orders int
	}{
		{"account", "/sign-me-up", "", 1},
		{"order created", "/order-plz", "", 2},
		{"challenge presented", "/chalZ/", "", 2},
		{"finalised", "/finalize-order/", "", 2},
		{"key stored", "", ".crt", 2},
		{"certificate stored", "", ".json", 1},
	} {
		t.Run(step.name, func(t *testing.T) {
			l := newLab(t, nil)
			// certmagic keeps the challenges of a process by name: no two tests have one in common.
			name := strings.ReplaceAll(step.name, " ", "-") + ".example.com"
			c := l.config(name)
			killed := make(chan struct{})
			cmd := l.startChild(c, childOrder{Listens: true, Die: step.file})
			if step.path != "" {
				l.set(nil, func(path string) {
					if strings.HasPrefix(path, step.path) {
						_ = cmd.Process.Kill()
					}
				})
			}
			go func() {
				defer close(killed)
				_ = cmd.Wait()
			}()
			<-killed
			if ended := cmd.ProcessState.Sys().(syscall.WaitStatus); !ended.Signaled() {
				t.Fatalf("it was not killed: %v", cmd.ProcessState)
			}
			l.set(nil, nil)
			o, _ := l.run(c)
			l.valid(o, name)
			if n := len(l.ordered()); n != step.orders {
				t.Errorf("%d orders, want %d", n, step.orders)
			}
			if bad := glob(t, c.Folder, "certificates/*/*/*.bad"); len(bad) != 0 {
				t.Errorf("set aside: %v", bad)
			}
		})
	}
}

func glob(t *testing.T, folder, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Whatever lets a proxy die in each order, it does not order in each start.
func TestPebble_CrashLoopOrdersNothing(t *testing.T) {
	l := newLab(t, nil)
	c := l.config("crash.example.com")
	for range 2 {
		cmd := l.startChild(c, childOrder{Listens: true})
		l.set(nil, func(path string) {
			if path == "/order-plz" {
				_ = cmd.Process.Kill()
			}
		})
		_ = cmd.Wait()
	}
	l.set(nil, nil)
	o, _ := l.run(c)
	s := stateIn(o, "crash.example.com")
	if wait := time.Until(s.Next); s.Phase != Waiting || s.Error == "" || wait < 30*time.Second || wait > time.Minute || len(l.ordered()) != 2 {
		t.Errorf("%d orders in three starts, and the next in %v: %+v", len(l.ordered()), wait, s)
	}
}

func TestPebble_KilledInARenewal(t *testing.T) {
	l := newLab(t, nil)
	c := l.config("renewed.example.com")
	o, stop := l.run(c)
	l.valid(o, "renewed.example.com")
	leaf := l.leaf("renewed.example.com")
	stop()
	// As if it was killed between the new key and its certificate.
	crt := glob(t, c.Folder, "certificates/*/*/*.crt")
	key := strings.TrimSuffix(crt[0], ".crt") + ".key"
	if err := o.store.Store(t.Context(), strings.TrimPrefix(key, c.Folder+"/"), named(t, "renewed.example.com").key); err != nil {
		t.Fatal(err)
	}
	o, _ = l.run(c)
	if got := o.Lookup("renewed.example.com"); got == nil || got.Leaf.SerialNumber.Cmp(leaf.SerialNumber) != 0 || len(l.ordered()) != 1 {
		t.Error("the certificate from before the kill is lost")
	}
}

func TestPebble_TornFileIsSetAside(t *testing.T) {
	l := newLab(t, nil)
	c := l.config("torn.example.com")
	o, stop := l.run(c)
	l.valid(o, "torn.example.com")
	stop()
	crt := glob(t, c.Folder, "certificates/*/*/*.crt")
	if err := os.WriteFile(crt[0], []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, stop = l.run(c)
	l.valid(o, "torn.example.com")
	stop()
	if text, err := os.ReadFile(crt[0] + ".bad"); err != nil || string(text) != "torn" || len(l.ordered()) != 2 {
		t.Errorf("%d orders; set aside: %q, %v", len(l.ordered()), text, err)
	}
	l.run(c)
	if n := len(l.ordered()); n != 2 {
		t.Errorf("%d orders after another start", n)
	}
}

func TestPebble_TwoProcessesMakeOneOrder(t *testing.T) {
	l := newLab(t, nil)
	c := l.proveByDNS(l.config("shared.example.com"))
	a := l.startChild(c, childOrder{})
	b := l.startChild(c, childOrder{})
	for _, cmd := range []interface{ Wait() error }{a, b} {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if n := len(l.ordered()); n != 1 {
		t.Errorf("%d orders of two processes for one name, want 1", n)
	}
}

// smallDisk makes a small file system of its own in a folder.
func smallDisk(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=512k,mode=700"); err != nil {
		t.Skipf("no file system can be mounted here, which takes root: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(folder, syscall.MNT_DETACH) })
	return folder
}

// fill leaves no room in a folder.
func fill(folder string) {
	f, err := os.Create(filepath.Join(folder, "filler"))
	if err != nil {
		return
	}
	defer f.Close()
	for chunk := make([]byte, 4096); err == nil; {
		_, err = f.Write(chunk)
	}
}

func TestPebble_DiskFullBeforeAnOrder(t *testing.T) {
	l := newLab(t, nil)
	c := l.config("full.example.com")
	c.Folder = smallDisk(t)
	o := l.open(c)
	fill(c.Folder)
	l.serve(o)
	s := l.until(o, "full.example.com", func(s State) bool { return s.Failures > 0 })
	if s.Phase != Waiting || s.Error != "cannot store: no space left on device" || s.Fix != "free space for "+c.Folder {
		t.Errorf("state %+v", s)
	}
	if n := len(l.ordered()); n != 0 {
		t.Errorf("%d orders although nothing can be stored", n)
	}
	if err := os.Remove(filepath.Join(c.Folder, "filler")); err != nil {
		t.Fatal(err)
	}
	if err := o.Renew("full.example.com", true); err != nil {
		t.Fatal(err)
	}
	l.valid(o, "full.example.com")
}

func TestPebble_DiskThatFillsInAnOrder(t *testing.T) {
	l := newLab(t, nil)
	c := l.config("filled.example.com")
	c.Folder = smallDisk(t)
	l.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/finalize-order/") {
			fill(c.Folder)
		}
		return false
	}, nil)
	o, _ := l.run(c)
	s := l.valid(o, "filled.example.com")
	if s.Warning != "cannot store: no space left on device" || s.Fix != "free space for "+c.Folder {
		t.Errorf("state %+v", s)
	}
	if got := l.leaf("filled.example.com").DNSNames; len(got) != 1 || len(glob(t, c.Folder, "certificates/*/*/*.crt")) != 0 {
		t.Errorf("shown: %v", got)
	}
	if err := os.Remove(filepath.Join(c.Folder, "filler")); err != nil {
		t.Fatal(err)
	}
	o.maintainOnce(t.Context())
	if s := stateIn(o, "filled.example.com"); s.Warning != "" || len(glob(t, c.Folder, "certificates/*/*/*.crt")) != 1 || len(l.ordered()) != 1 {
		t.Errorf("with space again: %d orders, %+v", len(l.ordered()), s)
	}
}
