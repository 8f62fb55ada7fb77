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
	c.w.add(r.Found(strings.Join(c.keys, "."), fmt.Sprintf(format, args...)), Place{c.s.file, line})
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
		f := Include.Found(strings.Join(c.keys, "."), "project_directory and env_file of an include inside an included file are looked for where the command is run")
		f.Fix = "write this include into the compose file itself, or leave both out: the included file's own folder and its .env are the default"
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
		c.find(Include, n.Line, "%s has a variable in it", Shown(said))
		return "", false
	}
	path := c.text(n)
	if strings.Contains(path, "://") || strings.HasPrefix(path, "git@") || strings.HasPrefix(path, "oci:") || strings.HasPrefix(path, "github.com/") {
		c.find(Include, n.Line, "%s is on a server", Shown(path))
		return "", false
	}
	reach := c.path(path)
	if !reach.Inside {
		c.find(Include, n.Line, "%s is outside the project's folder", Shown(path))
		return "", false
	}
	c.w.parts = append(c.w.parts, Spot{reach.Real, strings.Join(c.keys, "."), Place{c.s.file, n.Line}})
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.s.base, path)
	}
	return filepath.Clean(path), true
}

// checkServices follows what the services of a file extend.
func checkServices(c *check, e entry) error {
	for _, service := range entries(e.value) {
		if err := checkExtends(c.in("services", service.key), e.value, service.value); err != nil {
			return err
		}
	}
	return nil
}

// checkExtends follows what a service extends, once. The keys are those of the service that comes of it: what it says by
// another is noted where that says it.
func checkExtends(c *check, services, service *yaml.Node) error {
	n := lookUp(service, "extends")
	if n == nil {
		return nil
	}
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
	name := c.text(from)
	if key := strings.Join([]string{"extends", in.s.file, in.s.base, name, joined(c.keys)}, "\x00"); !c.w.seen[key] {
		c.w.seen[key] = true
		if extended := lookUp(services, name); extended != nil {
			c.w.index(in.s.file, c.keys, extended, false)
			return checkExtends(&in, services, extended)
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
		return nil, "", fmt.Errorf("%s: line %d: extends: there is no file %s", c.s.file, file.Line, Shown(path))
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	c.w.lookForUnset(path, doc, c.s.env)
	if lookUp(lookUp(doc, "x-gateway"), "trust") != nil {
		c.find(SelfTrust, file.Line, "%s gives itself trust", Shown(path))
	}
	return doc, path, nil
}
