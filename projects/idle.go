package projects

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gateway/projects/composefile"
	"gateway/projects/plan"
	"gateway/proxy/label"
)

// writeIdle is the step that writes into a project's file how long the project may be idle; 0 takes the label out.
func writeIdle(p Project, idle time.Duration) (plan.Step, error) {
	path := p.routesFile()
	before, err := os.ReadFile(path)
	if err != nil {
		return plan.Step{}, err
	}
	after, err := withIdle(before, idle)
	if err != nil {
		return plan.Step{}, fmt.Errorf("%s: %w", path, err)
	}
	write := plan.WriteFile(path, before, after)
	if write.Text = "remove the idle time from " + filepath.Base(path); idle > 0 {
		write.Text = fmt.Sprintf("write idle time %s in %s", label.Brief(idle), filepath.Base(path))
	}
	return write, nil
}

// withIdle is the text of a file that says routes, with the label gateway.idle at each; 0 takes it out.
func withIdle(text []byte, idle time.Duration) ([]byte, error) {
	file, err := composefile.Parse(text)
	if err != nil {
		return nil, err
	}
	found := false
	for _, service := range file.Keys("services") {
		labels := composefile.Path{"services", service, "labels"}
		for _, name := range idleLabels(file, labels) {
			found = true
			place := append(slices.Clip(labels), name)
			if idle > 0 {
				err = file.Set(place, label.Brief(idle))
			} else {
				err = file.Remove(place)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	if !found {
		return nil, fmt.Errorf("no service has the label %s, so none can sleep", label.Path)
	}
	return file.Bytes(), nil
}

// idleLabels are the names of the labels that say how long the routes of a service may be idle.
func idleLabels(file *composefile.File, labels composefile.Path) []string {
	var names []string
	if _, published := file.Get(append(slices.Clip(labels), label.Path)...); published {
		names = append(names, label.Idle)
	}
	for _, key := range file.Keys(labels...) {
		further, is := strings.CutPrefix(key, label.Routes)
		if route, ok := strings.CutSuffix(further, ".path"); is && ok && !strings.Contains(route, ".") {
			names = append(names, label.Routes+route+".idle")
		}
	}
	return names
}
