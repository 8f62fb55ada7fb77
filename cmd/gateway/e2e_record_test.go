package main_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// record is what the engine has of a project: its containers, networks and volumes by their names, each as the engine
// tells of it, without what is another each time.
type record map[string]map[string]any

// recordOf asks the engine.
func recordOf(t *testing.T, project string) record {
	t.Helper()
	all := record{}
	for _, kind := range []string{"container", "network", "volume"} {
		list := []string{kind, "ls", "-q", "--filter", "label=com.docker.compose.project=" + project}
		if kind == "container" {
			list = append(list, "-a")
		}
		ids := strings.Fields(docker(t, list...))
		if len(ids) == 0 {
			continue
		}
		var found []map[string]any
		if err := json.Unmarshal([]byte(docker(t, append([]string{kind, "inspect"}, ids...)...)), &found); err != nil {
			t.Fatal(err)
		}
		for _, one := range found {
			if kind == "container" {
				one["Name"] = unnumbered(one["Name"].(string))
			}
			name := kind + " " + one["Name"].(string)
			if kind == "container" {
				all[name] = lasting(t, one)
				continue
			}
			// The containers say themselves which networks they are on.
			all[name] = without(one, "Id", "Created", "CreatedAt", "Containers", "Status", "Mountpoint")
		}
	}
	if len(all) < 2 {
		t.Fatalf("the engine has only %v of %s", all, project)
	}
	return all
}

// lasting takes out of what the engine tells of a container what is of its run and its place on this machine. Its image
// is told by the layers: the id counts labels too, and these tell builders apart.
func lasting(t *testing.T, c map[string]any) map[string]any {
	t.Helper()
	id := c["Id"].(string)
	c["Image"] = docker(t, "image", "inspect", "-f", "{{.RootFS.Layers}}", c["Image"].(string))
	// A health check that is under way is one of ExecIDs.
	c = without(c, "Id", "Created", "State", "ExecIDs", "RestartCount", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath", "GraphDriver", "Storage")
	settings := c["NetworkSettings"].(map[string]any)
	networks := map[string]any{}
	for name, network := range settings["Networks"].(map[string]any) {
		network := network.(map[string]any)
		kept := map[string]any{"IPAMConfig": network["IPAMConfig"], "Links": network["Links"], "DriverOpts": network["DriverOpts"]}
		for _, names := range []string{"Aliases", "DNSNames"} {
			list, _ := network[names].([]any)
			for i := range list {
				list[i] = unnumbered(list[i].(string))
			}
			kept[names] = sorted(network[names], func(v any) bool { return strings.HasPrefix(id, v.(string)) })
		}
		networks[name] = kept
	}
	c["NetworkSettings"] = map[string]any{"Ports": settings["Ports"], "Networks": networks}
	none := func(any) bool { return false }
	c["Mounts"] = sorted(c["Mounts"], none)
	config, host := c["Config"].(map[string]any), c["HostConfig"].(map[string]any)
	without(config["Labels"].(map[string]any), "com.docker.compose.image", "com.docker.compose.replace",
		"com.docker.compose.container-number", "gateway.rollout", "gateway.rollout.replaces")
	config["Env"], host["Binds"], host["Mounts"] = sorted(config["Env"], none), sorted(host["Binds"], none), sorted(host["Mounts"], none)
	if hostname, ok := config["Hostname"].(string); ok && strings.HasPrefix(id, hostname) {
		delete(config, "Hostname")
	}
	return c
}

var numbered = regexp.MustCompile(`-[0-9]+$`)

// unnumbered is the name of a container without its number, which grows when a deployment starts it beside an old one.
func unnumbered(name string) string { return numbered.ReplaceAllString(name, "-N") }

// without takes keys out of a map, and returns it.
func without(m map[string]any, keys ...string) map[string]any {
	maps.DeleteFunc(m, func(key string, _ any) bool { return slices.Contains(keys, key) })
	return m
}

// sorted is a list in an order of its own, without those that are left out.
func sorted(list any, leave func(any) bool) any {
	values, ok := list.([]any)
	if !ok {
		return list
	}
	values = slices.DeleteFunc(slices.Clone(values), leave)
	slices.SortFunc(values, func(a, b any) int { return strings.Compare(shown(a), shown(b)) })
	return values
}

// shown is a value as JSON, for people and to sort by.
func shown(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// replaced is the record with another restart policy in the place of one.
func (r record) replaced(policy, by string) record {
	for _, one := range r {
		host, _ := one["HostConfig"].(map[string]any)
		if restart, _ := host["RestartPolicy"].(map[string]any); restart["Name"] == policy {
			restart["Name"] = by
		}
	}
	return r
}

// same names each thing that two records have in different ways.
func same(t *testing.T, when string, want, got record) {
	t.Helper()
	for name := range want {
		differ(t, when+", "+name, want[name], got[name])
	}
	for name := range got {
		if want[name] == nil {
			t.Errorf("%s, %s: it was not there before", when, name)
		}
	}
}

// differ descends to the values that differ.
func differ(t *testing.T, where string, want, got any) {
	t.Helper()
	a, aMap := want.(map[string]any)
	b, bMap := got.(map[string]any)
	if !aMap || !bMap {
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s: it was %s and is %s", where, shown(want), shown(got))
		}
		return
	}
	for key := range a {
		differ(t, where+"."+key, a[key], b[key])
	}
	for key := range b {
		if _, there := a[key]; !there {
			t.Errorf("%s.%s: it was not there and is %s", where, key, shown(b[key]))
		}
	}
}
