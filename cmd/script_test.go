package cmd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gateway/proxy/docker/dockertest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"gateway": func() { os.Exit(Main(context.Background(), os.Args[1:])) },
	})
}

// TestScripts runs the command line as people type it. Scripts have, beside testscript's own commands:
//
//	engine                                an engine in memory, which DOCKER_HOST names from then on
//	container NAME [KEY=LABEL ...]        a container on it that answers with its name
//	stop NAME, remove NAME                what happens to containers
//	crash NAME CODE RESTARTS [oom]        one ends with that exit code again and again, perhaps for lack of memory
//	await TEXT COMMAND [ARG ...]          repeats a gateway command until its output contains the text
//	certificate CERT KEY                  writes a certificate and its key, of the script's own
//	certified FILE                        a gateway in this process with the certificates of a file
//	uncertified                           one without HTTPS
//	fetch URL STATUS [TEXT]               asks until the answer has that status and contains the text, whoever answers
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUpScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"engine":      startEngine,
			"container":   addContainer,
			"stop":        func(ts *testscript.TestScript, _ bool, args []string) { engineOf(ts).Stop(args[0]) },
			"crash":       crash,
			"remove":      func(ts *testscript.TestScript, _ bool, args []string) { engineOf(ts).Remove(args[0]) },
			"image":       func(ts *testscript.TestScript, _ bool, args []string) { engineOf(ts).AddImage(args[0]) },
			"await":       awaitOutput,
			"fetch":       fetch,
			"certified":   serveCertified,
			"uncertified": func(ts *testscript.TestScript, _ bool, _ []string) { serveManaged(ts, nil) },

			"certificate": writeCertificate,
		},
	})
}

func setUpScript(env *testscript.Env) error {
	// Unix sockets have short names, shorter than the folders of tests.
	dir, err := os.MkdirTemp("", "gw")
	if err != nil {
		return err
	}
	env.Defer(func() { os.RemoveAll(dir) })
	env.Setenv("GATEWAY_SOCKET", dir+"/admin.sock")
	env.Setenv("GATEWAY_PROJECTS", env.WorkDir+"/projects")
	env.Setenv("GATEWAY_STATE", env.WorkDir+"/state")
	env.Setenv("DOCKER_HOST", "unix://"+dir+"/none.sock")
	env.Values["tb"] = scriptTB{env}
	// $WEB, $TLS and $PING are addresses that nobody listens on.
	for _, name := range []string{"WEB", "TLS", "PING"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		env.Setenv(name, l.Addr().String())
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

// scriptTB lets an engine in memory live as long as a script.
type scriptTB struct{ env *testscript.Env }

func (tb scriptTB) Helper()                           {}
func (tb scriptTB) Cleanup(f func())                  { tb.env.Defer(f) }
func (tb scriptTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func startEngine(ts *testscript.TestScript, _ bool, _ []string) {
	engine := dockertest.Start(ts.Value("tb").(scriptTB))
	ts.Value("tb").(scriptTB).env.Values["engine"] = engine
	ts.Setenv("DOCKER_HOST", engine.Host())
}

func engineOf(ts *testscript.TestScript) *dockertest.Engine {
	engine, ok := ts.Value("engine").(*dockertest.Engine)
	if !ok {
		ts.Fatalf("the script has no engine; write 'engine' first")
	}
	return engine
}

func addContainer(ts *testscript.TestScript, _ bool, args []string) {
	name := args[0]
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s answers %s below %s\n", name, r.URL.Path, r.Header.Get("X-Forwarded-Prefix"))
	}))
	ts.Defer(app.Close)
	address := netip.MustParseAddrPort(app.Listener.Addr().String())
	labels := map[string]string{}
	for _, l := range args[1:] {
		key, value, _ := strings.Cut(l, "=")
		labels[key] = value
	}
	engineOf(ts).AddContainer(dockertest.Container{
		Name: name, Labels: labels, Networks: []string{"bridge"},
		Addresses: map[string]netip.Addr{"bridge": address.Addr()},
		Ports:     []uint16{address.Port()},
	})
}

// until repeats a check until it says nothing, for as long as a person would wait.
func until(ts *testscript.TestScript, check func() string) {
	deadline, tick := time.After(15*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		wrong := check()
		if wrong == "" {
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("%s", wrong)
		case <-tick.C:
		}
	}
}

func crash(ts *testscript.TestScript, _ bool, args []string) {
	exit, err := strconv.Atoi(args[1])
	ts.Check(err)
	restarts, err := strconv.Atoi(args[2])
	ts.Check(err)
	engineOf(ts).Crash(args[0], exit, restarts, len(args) > 3)
}

func awaitOutput(ts *testscript.TestScript, neg bool, args []string) {
	until(ts, func() string {
		err := ts.Exec("gateway", args[1:]...)
		out := ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if strings.Contains(out, args[0]) == neg {
			return fmt.Sprintf("gateway %s (%v) prints:\n%s", strings.Join(args[1:], " "), err, out)
		}
		return ""
	})
}

// writeCertificate writes the one that net/http/httptest has.
func writeCertificate(ts *testscript.TestScript, _ bool, args []string) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	ts.Check(err)
	for i, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, {Type: "PRIVATE KEY", Bytes: key}} {
		ts.Check(os.WriteFile(ts.MkAbs(args[i]), pem.EncodeToMemory(block), 0o600))
	}
}

// trusting is a client that does not ask who answers.
var trusting = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

func fetch(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	until(ts, func() string {
		res, err := trusting.Get(args[0])
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		body := make([]byte, 1<<16)
		n, _ := res.Body.Read(body)
		if res.StatusCode != want || len(args) > 2 && !strings.Contains(string(body[:n]), args[2]) {
			return fmt.Sprintf("%s answers %d:\n%s", args[0], res.StatusCode, body[:n])
		}
		return ""
	})
}
