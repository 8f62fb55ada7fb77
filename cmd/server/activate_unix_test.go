//go:build linux || darwin

package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gateway/cmd/cli/clitest"
)

// asked has TestInherited_InAChild do what it is for.
const asked = "GATEWAY_TEST_INHERITED"

// TestInherited_InAChild is what the other tests start as a process of its own: it says what it was given and what of it
// its own children would get, and answers once on each.
func TestInherited_InAChild(t *testing.T) {
	if os.Getenv(asked) == "" {
		t.Skip("it runs as a child of the other tests alone")
	}
	given, err := inherited()
	fmt.Printf("error: %v\n", err)
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if value, set := os.LookupEnv(name); set {
			fmt.Printf("left: %s=%s\n", name, value)
		}
	}
	again, err := inherited()
	fmt.Printf("again: %d, %v\n", len(again.http), err)
	for i, kind := range [][]net.Listener{given.http, given.https, given.ping, given.admin} {
		for _, l := range kind {
			name := []string{"http", "https", "ping", "admin"}[i]
			fmt.Printf("%s: %s\n", name, l.Addr())
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "this is %s\n", name)
			conn.Close()
		}
	}
	given.close()
	fmt.Println("end")
}

// child starts the test above as systemd would, with those files and variables, and returns what it prints line by line.
func child(t *testing.T, variables string, files ...*os.File) (lines *bufio.Scanner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(ctx, "/bin/sh", "-c", variables+` exec "$0" -test.run='^TestInherited_InAChild$'`, self)
	c.Env = append(os.Environ(), asked+"=1")
	c.ExtraFiles, c.Stderr = files, os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = c.Wait()
	})
	return bufio.NewScanner(out)
}

// expect reads the lines that are wanted.
func expect(t *testing.T, lines *bufio.Scanner, want ...string) {
	t.Helper()
	for _, w := range want {
		if !lines.Scan() || !strings.Contains(lines.Text(), w) {
			t.Fatalf("the child says %q (%v), want %s", lines.Text(), lines.Err(), w)
		}
	}
}

// answers asks the child on that address.
func answers(t *testing.T, network, address, want string) {
	t.Helper()
	conn, err := net.DialTimeout(network, address, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != want {
		t.Errorf("%s answers %q, %v; want %q", address, got, err, want)
	}
}

func TestInherited_ServesWhatTheSystemGives(t *testing.T) {
	plain, plainFile := clitest.Listener(t, "tcp", "127.0.0.1:0")
	secure, secureFile := clitest.Listener(t, "tcp", "127.0.0.1:0")
	unnamed, unnamedFile := clitest.Listener(t, "tcp", "127.0.0.1:0")
	ping, pingFile := clitest.Listener(t, "tcp", "127.0.0.1:0")
	admin, adminFile := clitest.Listener(t, "unix", filepath.Join(clitest.Folder(t), "admin.sock"))
	lines := child(t, `LISTEN_PID=$$ LISTEN_FDS=5 LISTEN_FDNAMES=https:admin:gateway.socket:http:ping`,
		secureFile, adminFile, unnamedFile, plainFile, pingFile)
	expect(t, lines, "error: <nil>", "again: 0, <nil>")
	for _, s := range []struct{ name, network, address string }{
		{"http", "tcp", unnamed}, {"http", "tcp", plain}, {"https", "tcp", secure}, {"ping", "tcp", ping}, {"admin", "unix", admin},
	} {
		expect(t, lines, s.name+": "+s.address)
		answers(t, s.network, s.address, "this is "+s.name+"\n")
	}
	expect(t, lines, "end")
	// What was given stays with the giver: nobody is refused until the next process takes it.
	if _, err := os.Stat(admin); err != nil {
		t.Error(err)
	}
	lines = child(t, `LISTEN_PID=$$ LISTEN_FDS=2`, plainFile, unnamedFile)
	expect(t, lines, "error: <nil>", "again: 0, <nil>", "http: "+plain)
	answers(t, "tcp", plain, "this is http\n")
	expect(t, lines, "http: "+unnamed)
	answers(t, "tcp", unnamed, "this is http\n")
	expect(t, lines, "end")
}

func TestInherited_LeavesWhatIsForOthers(t *testing.T) {
	_, file := clitest.Listener(t, "tcp", "127.0.0.1:0")
	for _, variables := range []string{"", "LISTEN_PID=1 LISTEN_FDS=1", "LISTEN_FDS=1", "LISTEN_PID=$$", "LISTEN_PID=$$ LISTEN_FDS=0", "LISTEN_PID=$$ LISTEN_FDS=x"} {
		expect(t, child(t, variables, file), "error: <nil>", "again: 0, <nil>", "end")
	}
}

func TestInherited_RefusesWhatItCannotServe(t *testing.T) {
	_, tcp := clitest.Listener(t, "tcp", "127.0.0.1:0")
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	udp, err := packets.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	address, waiting := clitest.Listener(t, "tcp", "127.0.0.1:0")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer waiting.Close()
	connected, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer connected.Close()
	for _, c := range []struct {
		name string
		file *os.File
		want string
	}{
		{"web", tcp, `error: taking socket 2 from the system: "web" has an unknown name; write FileDescriptorName= in its unit, with http, https, ping or admin`},
		{"admin", tcp, "error: taking socket 2 from the system: the admin API takes only a unix socket"},
		{"http", udp, "write ListenStream= and Accept=no in its unit: it does not listen"},
		{"connection", connected, "has an unknown name"},
		{"http", connected, "write ListenStream= and Accept=no in its unit: it does not listen"},
		{"http", null, `"http" is not a listening socket`},
	} {
		expect(t, child(t, "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=http:"+c.name, tcp, c.file), c.want, "again: 0, <nil>", "end")
	}
}

func TestNotify_TellsTheSystem(t *testing.T) {
	path := filepath.Join(clitest.Folder(t), "notify")
	system, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer system.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	for _, c := range []struct {
		tell func() error
		want string
	}{
		{notifyReady, "READY=1"}, {notifyStopping, "STOPPING=1"},
	} {
		if err := c.tell(); err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 200)
		if err := system.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := system.Read(said)
		if err != nil || !strings.HasPrefix(string(said[:n]), c.want) {
			t.Errorf("the system hears %q, %v; want %s", said[:n], err, c.want)
		}
	}
}

func TestNotify_NobodyNeedHear(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := notifyReady(); err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(clitest.Folder(t), "none"))
	if err := notifyReady(); err == nil || !strings.Contains(err.Error(), "notifying systemd") {
		t.Errorf("when nobody is there: %v", err)
	}
}
