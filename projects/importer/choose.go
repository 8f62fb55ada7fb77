package importer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gateway/proxy/label"
)

// Choice is the published service, and the port at which it listens; 0 is not known.
type Choice struct {
	Service string
	Port    int
}

// Choose decides which service is meant and at which port it listens: what is given counts, then what the files say by
// labels of the gateway, then what there is only one of. Where several would do, the error lists them. The port is 0
// when nothing says any.
func (o Outline) Choose(service string, port int) (Choice, error) {
	s, err := o.service(service)
	if err != nil {
		return Choice{}, err
	}
	if s.NetworkMode != "" {
		return Choice{}, fmt.Errorf("service %s has network_mode %s, and the gateway cannot reach it so; take that line out, or choose another service", s.Name, s.NetworkMode)
	}
	if port == 0 {
		port, err = s.port()
	}
	return Choice{s.Name, port}, err
}

// service finds the one that is meant.
func (o Outline) service(name string) (Service, error) {
	if name != "" {
		if s, ok := o.find(name); ok {
			return s, nil
		}
		return Service{}, fmt.Errorf("--service %s: there is no such service; there are: %s", name, describe(o.Services))
	}
	switch len(o.Services) {
	case 0:
		return Service{}, errors.New("the files declare no service that would run")
	case 1:
		return o.Services[0], nil
	}
	for _, hint := range []func(Service) bool{
		func(s Service) bool { return s.Labels[label.Path] != "" },
		func(s Service) bool { return len(s.ports()) > 0 },
		func(s Service) bool { return len(s.Exposed) > 0 },
		func(s Service) bool { return s.Builds },
	} {
		var fit []Service
		for _, s := range o.Services {
			if hint(s) {
				fit = append(fit, s)
			}
		}
		if len(fit) == 1 {
			return fit[0], nil
		}
		if len(fit) > 1 {
			break
		}
	}
	return Service{}, fmt.Errorf("--service is missing, since several services could be meant: %s", describe(o.Services))
}

// Has refuses files that lost the published service.
func (o Outline) Has(c Choice) error {
	if _, ok := o.find(c.Service); ok {
		return nil
	}
	return fmt.Errorf("service %s, the published one, is not among the files' services any more (%s); give its labels in the project's %s to another one first", c.Service, describe(o.Services), Override)
}

func (o Outline) find(name string) (Service, bool) {
	i := slices.IndexFunc(o.Services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		return Service{}, false
	}
	return o.Services[i], true
}

// port finds the one that a service listens at, 0 when nothing says any.
func (s Service) port() (int, error) {
	if text := s.Labels[label.Port]; text != "" {
		if n, err := strconv.Atoi(text); err == nil && n > 0 && n < 1<<16 {
			return n, nil
		}
		return 0, fmt.Errorf("service %s: label %s: %q is no port; say it with --port", s.Name, label.Port, text)
	}
	for _, ports := range [][]int{s.ports(), s.Exposed} {
		switch len(ports) {
		case 0:
			continue
		case 1:
			return ports[0], nil
		}
		return 0, fmt.Errorf("--port is missing, since service %s has several: %s", s.Name, list(ports))
	}
	return 0, nil
}

// ports are the inner sides of what is published and may speak HTTP, each once.
func (s Service) ports() []int {
	var all []int
	for _, p := range s.Published {
		if !p.UDP && !slices.Contains(all, p.Inside) {
			all = append(all, p.Inside)
		}
	}
	return all
}

// NoPort is the error about a service of which nothing says where it listens.
func (c Choice) NoPort() error {
	return fmt.Errorf("--port is missing, since nothing says at which port service %s listens: no ports, no expose, no EXPOSE of its image", c.Service)
}

// One is the only port of an image, 0 when it says none; the error lists several.
func (c Choice) One(exposed []int) (int, error) {
	return Service{Name: c.Service, Exposed: exposed}.port()
}

// describe lists services with their ports.
func describe(services []Service) string {
	var all []string
	for _, s := range services {
		ports := s.ports()
		if len(ports) == 0 {
			ports = s.Exposed
		}
		if len(ports) == 0 {
			all = append(all, s.Name+" (no port)")
			continue
		}
		all = append(all, fmt.Sprintf("%s (%s)", s.Name, list(ports)))
	}
	return strings.Join(all, ", ")
}

func list(ports []int) string {
	var all []string
	for _, p := range ports {
		all = append(all, strconv.Itoa(p))
	}
	return strings.Join(all, ", ")
}

// Image is what a service runs, empty when it is built.
func (o Outline) Image(service string) string {
	s, _ := o.find(service)
	if s.Builds {
		return ""
	}
	return s.Image
}
