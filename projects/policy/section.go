package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// check looks at what is below some keys of a file.
type check struct {
	w    *walker
	s    scope
	keys []string
}

// in is a check further down.
func (c *check) in(keys ...string) *check {
	return &check{c.w, c.s, append(slices.Clone(c.keys), keys...)}
}

// find notes a finding at a line.
func (c *check) find(r Rule, line int, format string, args ...any) {
	c.w.add(r.Found(joined(c.keys), fmt.Sprintf(format, args...)), Place{c.s.file, line})
}

// text is a value with its variables in place. One that cannot be expanded stays as it is: Compose refuses it.
func (c *check) text(n *yaml.Node) string {
	n = deref(n)
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	if !strings.Contains(n.Value, "$") || c.w.src.Language.Expand == nil {
		return n.Value
	}
	value, err := c.w.src.Language.Expand(n.Value, c.s.env)
	if err != nil {
		return n.Value
	}
	return value
}

// on reports whether a value is not plainly off.
func (c *check) on(n *yaml.Node) bool {
	n = deref(n)
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode {
		return true
	}
	return !slices.Contains([]string{"", "false", "n", "no", "off", "null", "~"}, strings.ToLower(c.text(n)))
}

// pairs are the entries of a mapping, or of a list of KEY=VALUE.
func (c *check) pairs(n *yaml.Node) []pair {
	var all []pair
	for _, e := range entries(n) {
		all = append(all, pair{e.key, c.text(e.value), e.line})
	}
	if n = deref(n); n != nil && n.Kind != yaml.MappingNode {
		for _, item := range items(n) {
			key, value, _ := strings.Cut(c.text(item), "=")
			all = append(all, pair{key, value, item.Line})
		}
	}
	return all
}

type pair struct {
	key, value string
	line       int
}

// path makes a path absolute as Compose does, and follows it. One that begins with ~ is somebody's home.
func (c *check) path(text string) Reach {
	if strings.HasPrefix(text, "~") {
		return Reach{Real: text}
	}
	if !filepath.IsAbs(text) {
		text = filepath.Join(c.s.base, text)
	}
	return c.w.folder.Reach(text)
}

// fix notes a path that nobody may put something else in place of.
func (c *check) fix(r Reach, line int) {
	c.w.fixed = append(c.w.fixed, spot{r.Real, joined(c.keys), Place{c.s.file, line}})
}

// read checks a file that is read, by Compose or by the engine.
func (c *check) read(r Rule, n *yaml.Node, text string) {
	reach := c.path(text)
	if !reach.Inside {
		c.find(r, n.Line, "%s is outside the project's folder", shown(text))
		return
	}
	c.fix(reach, n.Line)
}

// checkGateway looks at x-gateway: only the project's own file may record trust, and only when it is not somebody else's.
func checkGateway(c *check, e entry) error {
	trust := entryOf(e.value, "trust")
	if trust.value == nil {
		return nil
	}
	c = c.in("x-gateway", "trust")
	if !c.s.main || c.w.src.Foreign {
		c.find(SelfTrust, trust.line, "the file gives itself trust")
		return nil
	}
	for _, item := range items(trust.value) {
		given, err := ParseTrust([]string{item.Value})
		if err != nil {
			return fmt.Errorf("%s: line %d: x-gateway.trust: %w", c.s.file, item.Line, err)
		}
		c.w.trust = append(c.w.trust, given...)
	}
	return nil
}

// checkInclude follows the files that this one includes.
func checkInclude(c *check, e entry) error {
	for _, item := range items(e.value) {
		if err := checkIncludeOne(c.in("include"), item); err != nil {
			return err
		}
	}
	return nil
}

func checkIncludeOne(c *check, n *yaml.Node) error {
	paths := []*yaml.Node{n}
	var directory *yaml.Node
	var envFiles []*yaml.Node
	if deref(n).Kind == yaml.MappingNode {
		paths, directory, envFiles = items(lookUp(n, "path")), deref(lookUp(n, "project_directory")), items(lookUp(n, "env_file"))
	}
	if len(c.s.above) > 0 && (directory != nil || len(envFiles) > 0) {
		f := Include.Found(joined(c.keys), "project_directory and env_file of an include inside an included file are looked for where the command is run")
		f.Mend = "write this include into the compose file itself, or leave both out: the included file's own folder and its .env are the default"
		c.w.add(f, Place{c.s.file, n.Line})
		return nil
	}
	next := scope{env: map[string]string{}, above: append(slices.Clone(c.s.above), c.s.file)}
	maps.Copy(next.env, c.s.env)
	for i, p := range paths {
		file, ok := checkLocal(c, p)
		if !ok {
			return nil
		}
		if i == 0 {
			next.base = filepath.Dir(file)
		}
		if i == 0 && directory != nil {
			if next.base, ok = checkLocal(c, directory); !ok {
				return nil
			}
		}
		if i == 0 {
			if err := checkIncludeEnv(c, &next, envFiles, p.Line); err != nil {
				return err
			}
		}
		if err := c.w.includeFile(next, file, Place{c.s.file, p.Line}); err != nil {
			return err
		}
	}
	return nil
}

// checkIncludeEnv adds the variables that hold in an included file: those of env_file, or else of the .env beside it.
func checkIncludeEnv(c *check, next *scope, files []*yaml.Node, line int) error {
	if len(files) == 0 {
		return c.w.mergeDotenv(next.env, filepath.Join(next.base, ".env"), Place{c.s.file, line})
	}
	// Of several files the last one that sets a variable counts, and all yield to what is set already.
	vars := map[string]string{}
	for _, f := range files {
		if deref(f).Value == "/dev/null" {
			continue
		}
		path, ok := checkLocal(c, f)
		if !ok {
			return nil
		}
		if err := c.w.readDotenv(vars, next.env, path, Place{c.s.file, f.Line}); err != nil {
			return err
		}
	}
	for name, value := range vars {
		if _, set := next.env[name]; !set {
			next.env[name] = value
		}
	}
	return nil
}

// includeFile looks at an included file, once for each folder that it is included for.
func (w *walker) includeFile(s scope, file string, at Place) error {
	s.file = file
	if slices.Contains(s.above, file) {
		w.add(Format.Found("include", "the files include each other in a circle"), at)
		return nil
	}
	if key := "include\x00" + file + "\x00" + s.base; !w.seen[key] {
		w.seen[key] = true
		return w.file(s)
	}
	return nil
}

// checkLocal is the absolute path of what this file names to be read by Compose itself, when it is plainly in the folder.
func checkLocal(c *check, n *yaml.Node) (string, bool) {
	if deref(n).Kind != yaml.ScalarNode {
		c.find(Include, n.Line, "it is no path")
		return "", false
	}
	if said := deref(n).Value; variables(said) > 0 {
		c.find(Include, n.Line, "%s has a variable in it", shown(said))
		return "", false
	}
	path := c.text(n)
	if strings.Contains(path, "://") || strings.HasPrefix(path, "git@") || strings.HasPrefix(path, "oci:") || strings.HasPrefix(path, "github.com/") {
		c.find(Include, n.Line, "%s is on a server", shown(path))
		return "", false
	}
	reach := c.path(path)
	if !reach.Inside {
		c.find(Include, n.Line, "%s is outside the project's folder", shown(path))
		return "", false
	}
	c.fix(reach, n.Line)
	c.w.parts = append(c.w.parts, spot{reach.Real, joined(c.keys), Place{c.s.file, n.Line}})
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.s.base, path)
	}
	return filepath.Clean(path), true
}

// checkServices looks at all services of a file.
func checkServices(c *check, e entry) error {
	all := entries(e.value)
	if len(all) > MaxServices {
		c.in("services").find(Limits, e.line, "there are %d services, and %d is the most", len(all), MaxServices)
	}
	for _, service := range all {
		c.w.services[service.key] = true
		if err := checkService(c.in("services", service.key), e.value, service); err != nil {
			return err
		}
	}
	return nil
}

// checkService looks at one service, and at those that it extends. The keys are those of the service that comes of it.
func checkService(c *check, services *yaml.Node, service entry) error {
	key := strings.Join([]string{"service", c.s.file, c.s.base, service.key, joined(c.keys)}, "\x00")
	if c.w.seen[key] {
		return nil
	}
	c.w.seen[key] = true
	for _, e := range entries(service.value) {
		if one := serviceKeys[e.key]; one != nil {
			one(c.in(e.key), e)
		}
	}
	noteImage(c, service.value)
	if e := lookUp(service.value, "extends"); e != nil {
		return checkExtends(c, services, e)
	}
	return nil
}

func checkExtends(c *check, services, n *yaml.Node) error {
	from, file := deref(n), lookUp(n, "file")
	if from.Kind == yaml.MappingNode {
		from = deref(lookUp(n, "service"))
	}
	if from == nil {
		return nil
	}
	in := *c
	if file != nil {
		doc, path, err := base(c.in("extends"), file)
		if doc == nil || err != nil {
			return err
		}
		in.s = scope{file: path, base: filepath.Dir(path), env: c.s.env}
		services = lookUp(doc, "services")
	}
	for _, e := range entries(services) {
		if e.key == c.text(from) {
			return checkService(&in, services, e)
		}
	}
	return nil
}

// base is the file that a service extends one of; nil when a rule refuses it.
func base(c *check, file *yaml.Node) (doc *yaml.Node, path string, err error) {
	path, ok := checkLocal(c, file)
	if !ok {
		return nil, "", nil
	}
	doc, err = c.w.load(path, c.s.env)
	if bad, is := errors.AsType[*formatError](err); is {
		c.w.add(Format.Found("", bad.text), Place{path, bad.line})
		return nil, "", nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("%s: line %d: extends: there is no file %s", c.s.file, file.Line, shown(path))
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	c.w.lookForUnset(path, doc, c.s.env)
	if lookUp(lookUp(doc, "x-gateway"), "trust") != nil {
		c.find(SelfTrust, file.Line, "%s gives itself trust", shown(path))
	}
	return doc, path, nil
}
