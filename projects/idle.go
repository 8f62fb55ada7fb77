package projects

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gateway/projects/composefile"
	"gateway/projects/plan"
	"gateway/proxy/label"
)

// writeIdle is the step that writes into a project's file how long the project may be idle; 0 takes the label out.
func (e edits) writeIdle(p Project, idle time.Duration) (plan.Step, error) {
	path := p.routesFile()
	text := "remove the idle time from " + filepath.Base(path)
	if idle > 0 {
		text = fmt.Sprintf("write idle time %s in %s", label.Brief(idle), filepath.Base(path))
	}
	return e.step(path, text, func(before []byte) ([]byte, error) { return withIdle(before, idle) })
}

// withIdle is the text of a file that says routes, edited by setIdle.
func withIdle(text []byte, idle time.Duration) ([]byte, error) {
	return editText(text, func(file *composefile.File) error { return setIdle(file, idle) })
}

// setIdle writes the label gateway.idle at each route of a file; 0 takes it out.
func setIdle(file *composefile.File, idle time.Duration) error {
	found := false
	for _, service := range file.Keys("services") {
		labels := composefile.Path{"services", service, "labels"}
		for _, prefix := range publishedRoutes(file, service) {
			found = true
			var err error
			if place := append(slices.Clip(labels), prefix+"idle"); idle > 0 {
				err = file.Set(place, label.Brief(idle))
			} else {
				err = file.Remove(place)
			}
			if err != nil {
				return err
			}
		}
	}
	if !found {
		return fmt.Errorf("no service has the label %s, so none can sleep", label.Path)
	}
	return nil
}

// publishedRoutes are what the names of the labels of a service's routes start with, such as "gateway.routes.api.".
func publishedRoutes(file *composefile.File, service string) []string {
	var prefixes []string
	for name := range labelsOf(file, service) {
		route, is := strings.CutSuffix(strings.TrimPrefix(name, label.Routes), ".path")
		if name == label.Path || is && strings.HasPrefix(name, label.Routes) && !strings.Contains(route, ".") {
			prefixes = append(prefixes, strings.TrimSuffix(name, "path"))
		}
	}
	return prefixes
}
