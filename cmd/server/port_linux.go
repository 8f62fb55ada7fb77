package server

import (
	"fmt"
	"slices"

	"github.com/prometheus/procfs"

	"gateway/cmd/cli"
)

// processOn names the process that listens on a port of this machine, or returns "" when it cannot be seen, as
// without root for processes of others.
func processOn(p published) string {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return ""
	}
	if p.udp {
		udp, _ := fs.NetUDP()
		udp6, _ := fs.NetUDP6()
		for _, line := range append(udp, udp6...) {
			if line.LocalPort == uint64(p.port) {
				return processWith(fs, fmt.Sprintf("socket:[%d]", line.Inode))
			}
		}
		return ""
	}
	tcp, _ := fs.NetTCP()   //nolint:staticcheck // netlink, its successor, is another module for one error text
	tcp6, _ := fs.NetTCP6() //nolint:staticcheck // as above
	for _, line := range append(tcp, tcp6...) {
		if line.St == cli.Listening && line.LocalPort == uint64(p.port) {
			return processWith(fs, fmt.Sprintf("socket:[%d]", line.Inode))
		}
	}
	return ""
}

// processWith names a process that has a file open, or returns "".
func processWith(fs procfs.FS, file string) string {
	all, err := fs.AllProcs()
	if err != nil {
		return ""
	}
	for _, p := range all {
		if open, err := p.FileDescriptorTargets(); err != nil || !slices.Contains(open, file) {
			continue
		}
		if name, err := p.Comm(); err == nil {
			return fmt.Sprintf("%s (process %d)", name, p.PID)
		}
		return fmt.Sprintf("process %d", p.PID)
	}
	return ""
}
