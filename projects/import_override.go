package projects

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"gateway/projects/importer"
	"gateway/proxy/label"
	"gateway/proxy/printable"
	"gateway/templates"
)

// overrideInForce is what the files of an imported project's own folder say.
type overrideInForce struct {
	choice importer.Choice
	// labels are all that the override gives the chosen service, as Compose reads them.
	labels        map[string]string
	edge, backend string
	// compose is the text of the project's compose.yaml.
	compose []byte
}

// override reads the override of an imported project.
func (p Project) override() (overrideInForce, error) {
	o := overrideInForce{}
	at := filepath.Join(p.Dir, importer.Override)
	text, err := os.ReadFile(at)
	if err != nil {
		return o, fmt.Errorf("reading project %s: %w", p.Name, err)
	}
	var file composeFile
	if err := yaml.Unmarshal(text, &file); err != nil {
		return o, fmt.Errorf("%s: %s", at, printable.Text(err.Error()))
	}
	for _, name := range slices.Sorted(maps.Keys(file.Services)) {
		if labels := file.Services[name].Labels; labels[label.Path] != "" && o.choice.Service == "" {
			o.choice.Service, o.labels = name, labels
			o.choice.Port, _ = strconv.Atoi(labels[label.Port])
		}
	}
	if o.choice.Service == "" {
		return o, fmt.Errorf("%s: no service has the label %s any more; give it to the one that visitors reach", at, label.Path)
	}
	for name, network := range file.Networks {
		if len(network.IPAM.Config) == 0 {
			continue
		}
		switch subnet := network.IPAM.Config[0].Subnet; {
		case network.Labels[label.Role] == label.RoleEdge:
			o.edge = subnet
		case name == "default":
			o.backend = subnet
		}
	}
	if o.edge == "" {
		return o, fmt.Errorf("%s: no network has the label %s: %s and a subnet any more; write it as 'gateway add' did", at, label.Role, label.RoleEdge)
	}
	o.compose, err = os.ReadFile(filepath.Join(p.Dir, ComposeFile))
	return o, err
}

// included is the project's compose.yaml with other files of the source included, and all else in it as it is.
func (o overrideInForce) included(files []string) ([]byte, error) {
	var doc struct {
		Include []struct {
			Path yaml.Node `yaml:"path"`
		} `yaml:"include"`
	}
	if err := yaml.Unmarshal(o.compose, &doc); err != nil {
		return nil, err
	}
	for _, include := range doc.Include {
		list := include.Path.Content
		if !slices.ContainsFunc(list, func(n *yaml.Node) bool { return n.Value == importer.Override }) {
			continue
		}
		var now []string
		for _, n := range list[:len(list)-1] {
			now = append(now, n.Value)
		}
		var want []string
		for _, file := range files {
			want = append(want, path.Join(importer.Source, file))
		}
		if slices.Equal(now, want) {
			return o.compose, nil
		}
		return replaceItems(o.compose, list, append(want, importer.Override))
	}
	return nil, errors.New("its include is not one that 'gateway add' wrote")
}

// replaceItems writes other items in the place of those of a list that has one on each line.
func replaceItems(text []byte, list []*yaml.Node, items []string) ([]byte, error) {
	lines := strings.SplitAfter(string(text), "\n")
	first, last := list[0].Line, list[len(list)-1].Line
	if last-first != len(list)-1 || !strings.HasPrefix(strings.TrimSpace(lines[first-1]), "- ") {
		return nil, fmt.Errorf("line %d: the files that it includes are written in a way that cannot be edited; write one on each line", first)
	}
	indent, _, _ := strings.Cut(lines[first-1], "-")
	var fresh []string
	for _, item := range items {
		fresh = append(fresh, indent+"- "+templates.Value(item).Plain()+"\n")
	}
	return []byte(strings.Join(slices.Replace(lines, first-1, last, fresh...), "")), nil
}
