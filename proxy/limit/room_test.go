package limit

import (
	"testing"
	"testing/fstest"
)

// machine is a file system with these files.
func machine(files map[string]string) fstest.MapFS {
	root := fstest.MapFS{}
	for name, content := range files {
		root[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return root
}

func TestRoom_FollowsTheControlGroup(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"version 2 in a container": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n", "sys/fs/cgroup/memory.high": "max\n",
		}, 512 << 20},
		"version 2 of a unit below a slice that has less": {map[string]string{
			"proc/self/cgroup": "0::/system.slice/gateway.service\n",
			"sys/fs/cgroup/system.slice/gateway.service/memory.max": "max\n",
			"sys/fs/cgroup/system.slice/memory.max":                 "1073741824\n",
		}, 1 << 30},
		"version 2 slowed down before": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n", "sys/fs/cgroup/memory.high": "268435456\n",
		}, 256 << 20},
		"version 1 in a container with the machine's groups in view": {map[string]string{
			"proc/self/cgroup":                           "4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n1:name=systemd:/docker/abc\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "67108864\n",
		}, 64 << 20},
		"version 1 on the machine": {map[string]string{
			"proc/self/cgroup": "3:memory:/user\n",
			"sys/fs/cgroup/memory/user/memory.limit_in_bytes": "134217728\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":      "9223372036854771712\n",
		}, 128 << 20},
		"no limit":         {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		"no limit of one":  {map[string]string{"proc/self/cgroup": "3:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"no control group": {nil, 0},
		"garbage":          {map[string]string{"proc/self/cgroup": "::\n0::\nx\n", "sys/fs/cgroup/memory.max": "lots\n"}, 0},
	} {
		if got := groupMemory(machine(c.files)); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestRoom_SeesTheMachine(t *testing.T) {
	if got := machineMemory(machine(map[string]string{"proc/meminfo": "MemTotal:        2048000 kB\nMemFree: 1 kB\n"})); got != 2048000<<10 {
		t.Errorf("it has %d", got)
	}
	if got := machineMemory(machine(nil)); got != 0 {
		t.Errorf("without /proc it has %d", got)
	}
	if here := Measure(); here.Requests() < 0 || here.Conns() < 0 {
		t.Errorf("here is room for %d requests and %d connections", here.Requests(), here.Conns())
	}
}

func TestRoom_IsDivided(t *testing.T) {
	for _, c := range []struct {
		room            Room
		requests, conns int
	}{
		{Room{}, 0, 0},
		{Room{Memory: 512 << 20, Files: 65536}, 1792, 3584},
		{Room{Memory: 512 << 20, Files: 20000}, 1792, 3584},
		{Room{Memory: 512 << 20, Files: 1024}, 192, 384},
		{Room{Memory: 64 << 20, Files: 1 << 20}, 192, 384},
		{Room{Memory: 8 << 30}, 32512, 65024},
		{Room{Files: 20000}, 4936, 9872},
		{Room{Memory: 1 << 20, Files: 64}, 16, 16},
		{Room{Files: 1 << 60}, 0, 0},
		{Room{Memory: 1 << 62}, 1<<31 - 1, 1<<31 - 1},
	} {
		if got := c.room.Requests(); got != c.requests {
			t.Errorf("%+v has room for %d requests, want %d", c.room, got, c.requests)
		}
		if got := c.room.Conns(); got != c.conns {
			t.Errorf("%+v has room for %d connections, want %d", c.room, got, c.conns)
		}
	}
}
