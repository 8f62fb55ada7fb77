package projects

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"gateway/projects/composefile"
	"gateway/projects/importer"
	"gateway/projects/policy"
	"gateway/proxy/label"
	"gateway/proxy/printable"
	"gateway/proxy/route"
)

// Meta is what x-gateway in a compose.yaml says. All of it may be missing in a file that people wrote.
type Meta struct {
	Template string
	Owner    string
	// Created and Expires are the start of a day in UTC, zero when they are not said. Expires is the last day.
	Created, Expires time.Time
	// Term is the length of the term, zero when Expires does not move: a deployment of something new begins it again.
	Term Span
	// Renewed is the day of the last renewal. Pinned says that the project never expires.
	Renewed time.Time
	Pinned  bool
	// Expiry is how far a project has come that expires.
	Expiry Expiry
	// Trust are the rules of the policy that the project may break.
	Trust policy.Trust
}

// Expiry says what was done with a project that expires: the days of each step, zero for those to come. A renewal
// removes it.
type Expiry struct {
	Notified, Suspended, Archived time.Time
	// Archive is the file with the data, once it was archived. Of an encrypted one, which cannot be asked for what it has,
	// SHA256 is that of the whole file, in hex, and Volumes are the keys of the volumes in it, separated by spaces.
	Archive, SHA256, Volumes string
}

// Document is what gateway itself reads of a compose.yaml; Compose reads all of it.
type Document struct {
	Meta
	// Claims are the routes that the services' labels ask for, and Redirects the redirects among them. If all are redirects,
	// they are in Claims. Problems are labels that cannot be read.
	Claims    []label.Claim
	Redirects []label.Claim
	Problems  []label.Problem
	// Subnets are those of the project's networks.
	Subnets []netip.Prefix

	// imported says that the file includes somebody's, and with them the override.
	imported bool
}

// composeFile is the part of the Compose format that is read here.
type composeFile struct {
	Name     string             `yaml:"name"`
	Include  []included         `yaml:"include"`
	Services map[string]service `yaml:"services"`
	Networks map[string]struct {
		Labels labelSet `yaml:"labels"`
		IPAM   struct {
			Config []struct {
				Subnet string `yaml:"subnet"`
			} `yaml:"config"`
		} `yaml:"ipam"`
	} `yaml:"networks"`
}

// included is an entry of include: files that override each other in turn.
type included struct{ paths paths }

// UnmarshalYAML reads a path, or a mapping with one path or several.
func (i *included) UnmarshalYAML(decode func(any) error) error {
	var long struct {
		Path paths `yaml:"path"`
	}
	var short string
	if decode(&short) == nil {
		i.paths = paths{short}
	} else if decode(&long) == nil {
		i.paths = long.Path
	}
	// What is none of these is for Compose to refuse.
	return nil
}

// paths are one or several.
type paths []string

// UnmarshalYAML reads a path or a list.
func (p *paths) UnmarshalYAML(decode func(any) error) error {
	var one string
	if decode(&one) == nil {
		*p = paths{one}
		return nil
	}
	return decode((*[]string)(p))
}

type service struct {
	Labels labelSet `yaml:"labels"`
}

// labelSet reads labels in both of the forms that Compose knows.
type labelSet map[string]string

// UnmarshalYAML reads a map, or a list of KEY=VALUE.
func (l *labelSet) UnmarshalYAML(decode func(any) error) error {
	labels := map[string]string{}
	var list []string
	if decode(&list) == nil {
		for _, item := range list {
			key, value, _ := strings.Cut(item, "=")
			labels[key] = value
		}
	} else if err := decode(&labels); err != nil {
		return err
	}
	for key, value := range labels {
		labels[key] = strings.ReplaceAll(value, "$$", "$")
	}
	*l = labels
	return nil
}

// parseDocument reads the text of the project's compose.yaml. The errors name the line.
func parseDocument(name Name, text []byte) (Document, error) {
	parsed, err := composefile.Parse(text)
	if err != nil {
		return Document{}, err
	}
	var file composeFile
	if err := parsed.Decode(&file); err != nil {
		return Document{}, err
	}
	if file.Name != "" && file.Name != string(name) {
		if _, err := ParseName(file.Name); err != nil {
			return Document{}, fmt.Errorf("it says name: %s, and the folder is %s; they have to be equal: write name: %s", printable.Line(file.Name), name, name)
		}
		return Document{}, &MisnamedError{Says: file.Name, Dir: string(name)}
	}
	meta, err := parseMeta(parsed)
	if err != nil {
		return Document{}, err
	}
	doc := Document{Meta: meta}
	for _, i := range file.Include {
		doc.imported = doc.imported || slices.Contains(i.paths, importer.Override)
	}
	for _, name := range slices.Sorted(maps.Keys(file.Services)) {
		claims, problems := label.Parse(file.Services[name].Labels)
		doc.claim(claims)
		doc.Problems = append(doc.Problems, problems...)
	}
	for _, name := range slices.Sorted(maps.Keys(file.Networks)) {
		for _, config := range file.Networks[name].IPAM.Config {
			if subnet, err := netip.ParsePrefix(config.Subnet); err == nil {
				doc.Subnets = append(doc.Subnets, subnet.Masked())
			}
		}
	}
	return doc, nil
}

// claim adds claims, and sorts out the redirects.
func (d *Document) claim(more []label.Claim) {
	all := slices.Concat(d.Claims, d.Redirects, more)
	d.Claims, d.Redirects = label.Own(all), nil
	if !d.redirects() {
		d.Redirects = slices.DeleteFunc(all, func(c label.Claim) bool { return c.Policy.Redirect == "" })
	}
}

// redirects reports that the project does nothing but redirect.
func (d Document) redirects() bool { return len(d.Claims) > 0 && d.Claims[0].Policy.Redirect != "" }

// keys are the routes that the document asks for.
func (d Document) keys() []route.Key { return routesOf(d.Claims) }

// routesOf are the keys of claims, but for those that are over.
func routesOf(claims []label.Claim) []route.Key {
	var keys []route.Key
	for _, claim := range claims {
		if !claim.Over(time.Now()) {
			keys = append(keys, claim.Key)
		}
	}
	return keys
}

// wrong are the reasons why some of the routes that the labels ask for cannot be served.
func (d Document) wrong() []error {
	var reasons []error
	for _, p := range d.Problems {
		reasons = append(reasons, fmt.Errorf("%s: %s; %s", ComposeFile, p.Message, p.Fix))
	}
	return reasons
}

// parseMeta reads x-gateway strictly: a key that is not known is refused, since it may have been meant as an end date.
func parseMeta(file *composefile.File) (Meta, error) {
	var m Meta
	if value, is := file.Get("x-gateway"); is && value != "" || file.Len("x-gateway") > 0 {
		return m, fmt.Errorf("line %d: x-gateway takes keys and values", file.Line("x-gateway"))
	}
	for _, key := range file.Keys("x-gateway") {
		if err := m.set(file, key); err != nil {
			return Meta{}, fmt.Errorf("line %d: x-gateway.%s: %w", file.Line("x-gateway", key), printable.Line(key), err)
		}
	}
	return m, nil
}

func (m *Meta) set(file *composefile.File, key string) error {
	var err error
	if key == "trust" {
		if len(file.Keys("x-gateway", key)) > 0 {
			return errors.New("it takes a list of rules, such as [ports]")
		}
		m.Trust, err = policy.ParseTrust(file.Items("x-gateway", key))
		return err
	}
	if key == "expiry" {
		return m.Expiry.set(file)
	}
	value, one := file.Get("x-gateway", key)
	if !one {
		return errors.New("it takes one value")
	}
	value = strings.ReplaceAll(value, "$$", "$")
	switch key {
	case "template":
		m.Template, err = value, oneLine(value)
	case "owner":
		m.Owner, err = value, oneLine(value)
	case "created":
		m.Created, err = parseDate(value)
	case "expires":
		m.Expires, err = parseDate(value)
	case "term":
		m.Term, err = ParseSpan(value)
	case "renewed":
		m.Renewed, err = parseDate(value)
	case "pinned":
		if m.Pinned = value == "true"; !m.Pinned && value != "false" {
			err = fmt.Errorf("%q is neither true nor false", value)
		}
	default:
		return errors.New("this version does not know it; it knows template, owner, created, expires, term, renewed, pinned, expiry and trust")
	}
	return err
}

func (e *Expiry) set(file *composefile.File) error {
	keys := file.Keys("x-gateway", "expiry")
	if value, is := file.Get("x-gateway", "expiry"); is && value != "" || file.Len("x-gateway", "expiry") > 0 {
		return errors.New("it takes keys and values")
	}
	for _, key := range keys {
		if key == "volumes" {
			e.Volumes = strings.Join(file.Items("x-gateway", "expiry", key), " ")
			continue
		}
		value, one := file.Get("x-gateway", "expiry", key)
		err := errors.New("it takes one value")
		if one {
			err = e.setOne(key, strings.ReplaceAll(value, "$$", "$"))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", printable.Line(key), err)
		}
	}
	return nil
}

func (e *Expiry) setOne(key, value string) (err error) {
	switch key {
	case "notified":
		e.Notified, err = parseDate(value)
	case "suspended":
		e.Suspended, err = parseDate(value)
	case "archived":
		e.Archived, err = parseDate(value)
	case "archive":
		e.Archive, err = value, oneLine(value)
	case "sha256":
		e.SHA256, err = value, oneLine(value)
	default:
		return errors.New("this version does not know it; it knows notified, suspended, archived, archive, sha256 and volumes")
	}
	return err
}

// oneLine refuses what would do something to a terminal or break a list.
func oneLine(s string) error {
	if strings.ContainsFunc(s, unprintable) {
		return fmt.Errorf("%q has characters that cannot be shown; write one line of plain text", s)
	}
	return nil
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func parseDate(s string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no date; write one such as 2027-06-30", s)
	}
	return day, nil
}
