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

	"gateway/projects/composefile"
	"gateway/projects/importer"
	"gateway/proxy/label"
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
	parsed, err := composefile.Parse(text)
	if err == nil {
		err = parsed.Decode(&file)
	}
	if err != nil {
		return o, fmt.Errorf("%s: %w", at, err)
	}
	for _, name := range slices.Sorted(maps.Keys(file.Services)) {
		if labels := file.Services[name].Labels; labels[label.Path] != "" && o.choice.Service == "" {
			o.choice.Service, o.labels = name, labels
			o.choice.Port, _ = strconv.Atoi(labels[label.Port])
		}
	}
	if o.choice.Service == "" {
		return o, fmt.Errorf("%s: no service has the label %s any more; give it to the published one", at, label.Path)
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
	file, err := composefile.Parse(o.compose)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, name := range files {
		paths = append(paths, path.Join(importer.Source, name))
	}
	for i := range file.Len("include") {
		at := composefile.Path{"include", composefile.Item(i), "path"}
		if !slices.Contains(file.Items(at...), importer.Override) {
			continue
		}
		if err := file.SetItems(at, append(paths, importer.Override)); err != nil {
			return nil, err
		}
		return file.Bytes(), nil
	}
	return nil, errors.New("its include is not one that 'gateway add' wrote")
}
