package main_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// onEngine is a command on an engine of its own, whose files lie in dir. The lane's engine and gateway stand for the
// machine's there.
func onEngine(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	var flags []string
	if args[0] == "--bare" {
		flags, args = args[:1], args[1:]
	}
	// The engine's name is kept: others on this machine have groups of processes too.
	noting := []string{"sh", "-c", `basename "$(dirname "$DOCKER_CONFIG")" >>"$0"; exec "$@"`, filepath.Join(dir, "engines")}
	c := exec.CommandContext(t.Context(), "../../testdata/engine.sh", slices.Concat(flags, noting, args)...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.Env = append(os.Environ(), "TMPDIR="+dir, "GATEWAY_PROJECTS="+filepath.Join(dir, "projects"), "GATEWAY="+lane.binary)
	return c
}

// nothingLeft checks that the engines whose files were in dir left no files and no groups of processes.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	names, err := os.ReadFile(filepath.Join(dir, "engines"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no engine was started: %v", err)
	}
	for name := range strings.FieldsSeq(string(names)) {
		if left, err := exec.Command("find", "/sys/fs/cgroup", "-name", name+"*").Output(); err != nil || len(left) > 0 {
			t.Errorf("groups are left: %s %v", left, err)
		}
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the files of %s are left: %v", name, err)
		}
	}
}

// machine is what a test on another engine must not change. The engine lists networks in no fixed order.
func machine(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, line := range []string{
		"docker ps -a --no-trunc --format '{{.ID}} {{.State}}'", "docker network ls -q", "docker volume ls -q", "docker images -q",
		"iptables-save | grep -v '^[#:]'", "ip -o link | sed 's/ state .*//'", "ip route", "ls /run /srv /etc/docker /var/log",
		"cut -d ' ' -f 2 /proc/mounts", "pgrep -x dockerd",
	} {
		out, _ := exec.Command("sh", "-c", line).CombinedOutput()
		lines := slices.Sorted(strings.Lines(string(out)))
		all.WriteString(line + ":\n" + strings.Join(lines, ""))
	}
	return all.String()
}

// inEitherOrder is a machine of its own, which people install the gateway on and run a lane on, one before and after the
// other. The lane kills its engine time and again.
const inEitherOrder = `
cd ../..
machine() { docker ps --no-trunc --format '{{.ID}} {{.Names}}' | sort; docker network ls -q | sort; cat /var/run/docker.pid; }
lane() { testdata/engine.sh env GATEWAY_E2E=1 go test -count=1 -run '^TestEngineKilled_' ./cmd/gateway; }
lane
./install.sh --quickstart --prefix "$TMPDIR/installed"
before=$(machine)
lane
[ "$(machine)" = "$before" ]
curl -fs http://localhost/robots/ | grep -q '<title>robots'
./install.sh --quickstart --prefix "$TMPDIR/installed" | grep 'there already'
[ "$(machine)" = "$before" ]
echo in either order
`

func TestInstall_QuickstartAndLanesRunInEitherOrder(t *testing.T) {
	out, err := onEngine(t, t.TempDir(), "--bare", "sh", "-euc", inEitherOrder).CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "in either order\n") {
		t.Fatalf("%v\n%s", err, out)
	}
}

const quickstart = `
cd ../..
./install.sh --quickstart --prefix "$TMPDIR/installed"
curl -fs http://localhost/robots/ | grep -q '<title>robots'
./install.sh --quickstart --prefix "$TMPDIR/installed" | grep 'there already'
[ -s "$TMPDIR/installed/share/man/man1/gateway.1" ]
[ -s "$TMPDIR/installed/share/bash-completion/completions/gateway" ]
./install.sh --uninstall --prefix "$TMPDIR/installed"
[ ! -e "$TMPDIR/installed/bin/gateway" ]
[ -z "$(find "$TMPDIR/installed/share" -type f)" ]
`

// TestInstall_QuickstartServesOnAMachineWithoutAnEngine runs where no engine is yet and port 80 is free, whatever the
// machine serves.
func TestInstall_QuickstartServesOnAMachineWithoutAnEngine(t *testing.T) {
	dir, before := t.TempDir(), machine(t)
	out, err := onEngine(t, dir, "--bare", "sh", "-euc", quickstart).CombinedOutput()
	for _, want := range []string{"starting dockerd", "done: your first project is live at http://localhost/robots/", "the project robots is there already"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("%v, and %q is not in\n%s", err, want, out)
		}
	}
	nothingLeft(t, dir)
	if after := machine(t); after != before {
		t.Errorf("the machine changed from\n%s\nto\n%s", before, after)
	}
}

// TestEngine_TouchesNothingOfTheMachine runs a gateway on the lane's own port, on another engine.
func TestEngine_TouchesNothingOfTheMachine(t *testing.T) {
	add(t, "e2e-machine", "/e2e-machine")
	eventually(t, base+"/e2e-machine/", "the machine's project", served)
	dir, before := t.TempDir(), machine(t)
	const use = `
[ -z "$(docker ps -aq)" ]
"$GATEWAY" up --http ` + port + `
"$GATEWAY" add portfolio other --path /
curl -fs http://localhost:` + port + `/ | grep -q '<title>other'
echo done
read -r word
echo "$word"
`
	c := onEngine(t, dir, "sh", "-euc", use)
	c.Stdin = strings.NewReader("farewell\n")
	if out, err := c.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "done\nfarewell\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	nothingLeft(t, dir)
	if after := machine(t); after != before {
		t.Errorf("the machine changed from\n%s\nto\n%s", before, after)
	}
	eventually(t, base+"/e2e-machine/", "the machine's project", served)
}

func TestEngine_EndsWithWhoRunsIt(t *testing.T) {
	for _, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
		t.Run(end.String(), func(t *testing.T) {
			dir, before := t.TempDir(), machine(t)
			c := onEngine(t, dir, "sh", "-c", "echo ready; exec sleep 1000")
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			c.Stderr = &said
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			line := make([]byte, len("ready\n"))
			if _, err := io.ReadFull(out, line); err != nil {
				t.Fatalf("%v %s", err, &said)
			}
			if err := c.Process.Signal(end); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			if end == syscall.SIGKILL {
				// Nobody is left to remove its files: its processes end by themselves, and then the next run does it.
				await(t, "the next run removes the leftovers", func() bool {
					err := onEngine(t, dir, "--bare", "true").Run()
					left, _ := filepath.Glob(filepath.Join(dir, "gateway-engine.*"))
					return err == nil && len(left) == 0
				}, func() string { return dir })
				nothingLeft(t, dir)
				return
			}
			nothingLeft(t, dir)
			if after := machine(t); after != before {
				t.Errorf("the machine changed from\n%s\nto\n%s", before, after)
			}
		})
	}
}

// A checkout may lie below a folder that engines get an empty one in the place of.
func TestEngine_SeesItsCheckoutWhereverItLies(t *testing.T) {
	checkout, err := os.MkdirTemp("/srv", "checkout-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(checkout) })
	const copied = `mkdir -p "$0/testdata" && cp ../../go.mod "$0" && cp -r ../../testdata/engine.sh ../../testdata/nameserver "$0/testdata"`
	if out, err := exec.Command("sh", "-c", copied, checkout).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := exec.CommandContext(t.Context(), "./testdata/engine.sh", "--bare", "sh", "-c", `ls /srv; pwd; ls; cat "$0/go.mod" >/dev/null`, checkout)
	c.Dir, c.Env = checkout, append(os.Environ(), "TMPDIR="+t.TempDir())
	want := filepath.Base(checkout) + "\n" + checkout + "\ngo.mod\ntestdata\n"
	if out, err := c.CombinedOutput(); err != nil || string(out) != want {
		t.Errorf("%v, it prints %q, want %q", err, out, want)
	}
	c = exec.CommandContext(t.Context(), "../../testdata/engine.sh", "--bare", "true")
	c.Env = append(os.Environ(), "TMPDIR="+checkout)
	if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), "set it to a folder outside of") {
		t.Errorf("%v, it prints %q", err, out)
	}
}
