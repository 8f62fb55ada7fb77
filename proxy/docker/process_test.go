//go:build linux

package docker

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

func TestProcessDir_IsThatOfTheContainerAlone(t *testing.T) {
	group, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	// The test's own process stands for a container's, whose id is part of the name of its cgroup.
	inside := Container{ID: string(group[:len(group)-1]), Run: Run{PID: os.Getpid()}}
	other, gone := inside, inside
	other.ID, gone.Run.PID = "0123456789ab", 0
	local, err := New("unix:///var/run/docker.sock")
	if err != nil {
		t.Fatal(err)
	}
	remote, err := New("tcp://192.0.2.1:2375")
	if err != nil {
		t.Fatal(err)
	}
	if dir, err := local.ProcessDir(inside); err != nil || dir != fmt.Sprintf("/proc/%d", os.Getpid()) {
		t.Errorf("got %q %v", dir, err)
	}
	for name, try := range map[string]func() (string, error){
		"another process of that number": func() (string, error) { return local.ProcessDir(other) },
		"a container that does not run":  func() (string, error) { return local.ProcessDir(gone) },
		"an engine elsewhere":            func() (string, error) { return remote.ProcessDir(inside) },
	} {
		if dir, err := try(); !errors.Is(err, ErrNotVisible) {
			t.Errorf("%s: got %q %v", name, dir, err)
		}
	}
}
