package stack

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestDialSocket_FollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := dialSocket(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	if err := os.Symlink(socket, link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, file, filepath.Join(dir, "none")} {
		if conn, err := dialSocket(t.Context(), path); err == nil {
			_ = conn.Close()
			t.Errorf("connected to %s", path)
		}
	}
}
