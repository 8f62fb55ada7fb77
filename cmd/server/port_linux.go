package server

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// processOn names the process that listens on a TCP port of this machine, or returns "" when it cannot be seen, as
// without root for processes of others.
func processOn(port uint16) string {
	inode := listenerInode("/proc/net/tcp", port)
	if inode == "" {
		inode = listenerInode("/proc/net/tcp6", port)
	}
	if inode == "" {
		return ""
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/[0-9]*")
	if err != nil {
		return ""
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || to != "socket:["+inode+"]" {
			continue
		}
		pid := strings.Split(link, "/")[2]
		name, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
		if err != nil {
			return "process " + pid
		}
		return fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)), pid)
	}
	return ""
}

// listenerInode finds the socket that listens on the port in one of the kernel's tables (proc(5), /proc/net/tcp).
func listenerInode(table string, port uint16) string {
	const (
		localField, stateField, inodeField = 1, 3, 9
		listening                          = "0A"
	)
	f, err := os.Open(table)
	if err != nil {
		return ""
	}
	defer f.Close()
	suffix := fmt.Sprintf(":%04X", port)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > inodeField && fields[stateField] == listening && strings.HasSuffix(fields[localField], suffix) {
			return fields[inodeField]
		}
	}
	return ""
}
