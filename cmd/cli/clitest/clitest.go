// Package clitest holds the helpers that the tests of several command packages share.
package clitest

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"gateway/proxy/route"
)

// Listener is one whose address is known here and whose file a child process can get.
func Listener(t *testing.T, network, address string) (string, *os.File) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if u, local := l.(*net.UnixListener); local {
		u.SetUnlinkOnClose(false)
	}
	file, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	defer l.Close()
	return l.Addr().String(), file
}

// Folder is a new one that has a short name, as unix sockets need.
func Folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Patiently repeats a check until it holds.
func Patiently(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(15*time.Second)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// LinesOf is the number of lines of a file, -1 when it cannot be read.
func LinesOf(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return -1
	}
	return strings.Count(string(text), "\n")
}

// Hostile is what a name of somebody else's may have in it.
const Hostile = "사진\x1b]0;TITLE\a\x1b[31m\nremove index.html\t\u202e\xff"

// Harmless is Hostile as one line.
const Harmless = `사진\x1b]0;TITLE\x07\x1b[31m\nremove index.html\t\u202e\xff`

// Key is the route key that s spells.
func Key(t *testing.T, s string) route.Key {
	t.Helper()
	k, err := route.ParseKey(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
