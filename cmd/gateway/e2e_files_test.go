package main_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// outside serves on the address that containers reach this machine by, and returns its URL.
func outside(t *testing.T) string {
	t.Helper()
	bridge := docker(t, "inspect", "-f", `{{(index .NetworkSettings.Networks "0-gateway").Gateway}}`, "gateway-proxy")
	l, err := net.Listen("tcp", net.JoinHostPort(bridge, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "outside has "+r.URL.Path)
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String()
}

func TestUp_ServesRoutesOfFiles(t *testing.T) {
	target := outside(t)
	folder, err := os.MkdirTemp("/tmp", "e2e-routes-") // Everybody may enter it, other than a test's own folder.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "home.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("routes:\n  inside:\n    path: /e2e-file\n    target: http://localhost:80\n")
	if _, stderr, err := gateway("up", "--file", file); err == nil || !strings.Contains(stderr, "would be the proxy's own container") {
		t.Errorf("up with localhost: %v\n%s", err, stderr)
	}
	nas := fmt.Sprintf("routes:\n  nas:\n    path: /e2e-file\n    target: %s\n", target)
	write(nas)
	must(t, "up", "--file", file)
	t.Cleanup(func() {
		must(t, "up", "--file", "")
		if a, err := get(base + "/e2e-file/x"); err != nil || a.status != http.StatusNotFound {
			t.Errorf("without --file: %v %d", err, a.status)
		}
	})
	has := func(text string) func(answer) bool {
		return func(a answer) bool { return a.status == http.StatusOK && a.body == text }
	}
	eventually(t, base+"/e2e-file/x", "the target", has("outside has /x"))
	add(t, "e2e-beside", "/e2e-beside")

	// The file is replaced, as editors do it, and then broken; the proxy is restarted meanwhile.
	next := filepath.Join(folder, "next.tmp")
	if err := os.WriteFile(next, []byte(nas+"    headers.response.X-File: two\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, file); err != nil {
		t.Fatal(err)
	}
	eventually(t, base+"/e2e-file/x", "the edit", func(a answer) bool { return a.header.Get("X-File") == "two" })
	write(nas + "  broken: [\n")
	await(t, "a problem with file and line", func() bool {
		out, _, _ := gateway("routes")
		return strings.Contains(out, "home.yaml:")
	}, func() string { out, _, _ := gateway("routes"); return out })
	docker(t, "restart", "gateway-proxy")
	eventually(t, base+"/e2e-file/x", "the route of the broken file after a restart", has("outside has /x"))
	if a, err := get(base + "/e2e-beside/"); err != nil || !served(a) {
		t.Errorf("the project beside it: %v %d", err, a.status)
	}
	must(t, "up") // It keeps the file.
	eventually(t, base+"/e2e-file/x", "after another up", has("outside has /x"))
}
