package policy

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Source is a project as somebody has it on disk.
type Source struct {
	// Dir is the absolute path of its folder, File the name of its compose file there, Name that of the project.
	Dir, File, Name string
	// Env are the variables beside those in the folder's .env, which yield to these.
	Env map[string]string
	// Trust is given beside what x-gateway.trust of the file records.
	Trust Trust
	// Foreign says that somebody else wrote the file: what it records of trust is refused and does not count.
	Foreign  bool
	Language Language
}

// Language are the parts of Compose's that are not YAML.
type Language struct {
	// Expand puts variables in place.
	Expand func(text string, env map[string]string) (string, error)
	// Dotenv reads the text of an env file.
	Dotenv func(text []byte, env map[string]string) (map[string]string, error)
}

// Place is a line of a file.
type Place struct {
	File string
	Line int
}

// Report is what the text of a project's files comes to.
type Report struct {
	// Findings are those of all rules, allowed or not, in the order of files and lines.
	Findings []Finding
	// Trust is all that counts: what was given and what is recorded.
	Trust Trust
	// Env are the variables that the project's compose file may use.
	Env map[string]string
	// Folder is the project's, Text the text of its compose file, as it was looked at.
	Folder Folder
	Text   []byte

	places map[string]Place
}

// Refused is an error with the findings that trust does not allow, or nil.
func (r Report) Refused() error {
	if _, refused := r.Trust.Split(r.Findings); len(refused) > 0 {
		return Refused(refused)
	}
	return nil
}

// Place is where keys such as services.web.ports are said, or the nearest keys above them; it is zero when nothing is.
func (r Report) Place(keys ...string) Place {
	for n := len(keys); n > 0; n-- {
		if p, ok := r.places[joined(keys[:n])]; ok {
			return p
		}
	}
	return Place{}
}

// Says reports whether a file says these very keys. Keys are noted four levels down.
func (r Report) Says(keys ...string) bool {
	_, ok := r.places[joined(keys)]
	return ok
}

func joined(keys []string) string { return strings.Join(keys, ".") }

// Check reads the text of all files that Compose would read of a project, and nothing outside its folder. The error is
// of the files themselves, such as one that is no YAML; what rules refuse is in the report.
func Check(src Source) (Report, error) {
	folder, err := OpenFolder(src.Dir)
	if err != nil {
		return Report{}, fmt.Errorf("reading the project's folder: %w", err)
	}
	w := &walker{
		src: src, folder: folder, trust: src.Trust.With(nil),
		places: map[string]Place{}, seen: map[string]bool{}, parsed: map[string]*yaml.Node{},
	}
	main := filepath.Join(folder.dir, src.File)
	env := maps.Clone(src.Env)
	if env == nil {
		env = map[string]string{}
	}
	if err := w.mergeDotenv(env, filepath.Join(folder.dir, ".env"), Place{File: main}); err != nil {
		return Report{}, err
	}
	if err := w.file(scope{file: main, base: folder.dir, env: env, main: true}); err != nil {
		return Report{}, err
	}
	w.crossings()
	return Report{
		Findings: w.result(), Trust: w.trust.With(nil), Env: env, Folder: folder, Text: w.text, places: w.places,
	}, nil
}

// walker goes through the files of a project.
type walker struct {
	src    Source
	folder Folder
	trust  Trust

	findings []Finding
	places   map[string]Place
	// resets are where !reset and !override take away what other files say.
	resets []reset
	// parsed are the files by path, seen what was looked at already, reads counts what is read.
	parsed map[string]*yaml.Node
	seen   map[string]bool
	reads  int
	// text is that of the project's compose file.
	text []byte
	// writable are the folders that containers may write to, fixed what must not be inside one.
	writable, fixed []spot
	// parts are the files that the project's compose file is made of beside itself.
	parts []spot
}

// reset is one place that a file takes away.
type reset struct{ file, keys string }

// spot is a path and where it is said.
type spot struct {
	real, where string
	place       Place
}

// scope is a file as it is looked at: relative paths in it start at base.
type scope struct {
	file, base string
	env        map[string]string
	// main says that it is the project's own compose file; above are the files that include it.
	main  bool
	above []string
}

// maxReads bounds the files that one project has.
const maxReads = 64

// load reads a file of the project, once, in which these variables hold.
func (w *walker) load(path string, env map[string]string) (*yaml.Node, error) {
	if doc := w.parsed[path]; doc != nil {
		return doc, nil
	}
	text, err := readRegular(path)
	if err != nil {
		return nil, err
	}
	doc, size, err := measured(text)
	if err != nil {
		return nil, err
	}
	longest := 0
	for _, value := range env {
		longest = max(longest, len(value))
	}
	if size.bytes+size.variables*longest > maxExpanded {
		return nil, &formatError{0, fmt.Sprintf("its variables may come to more than %d MiB", maxExpanded>>20)}
	}
	if len(w.parsed) == 0 {
		w.text = text
	}
	w.parsed[path] = doc
	return doc, nil
}

// file looks at one file with all its sections.
func (w *walker) file(s scope) error {
	if w.reads++; w.reads > maxReads {
		w.add(Format.Found("", fmt.Sprintf("the project reads more than %d files", maxReads)), Place{File: s.file})
		return nil
	}
	doc, err := w.load(s.file, s.env)
	if bad, ok := errors.AsType[*formatError](err); ok {
		w.add(Format.Found("", bad.text), Place{s.file, bad.line})
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.file, err)
	}
	w.index(s.file, doc)
	c := &check{w: w, s: s}
	for _, e := range entries(doc) {
		if err := section(c, e); err != nil {
			return err
		}
	}
	return nil
}

// section looks at one of the keys of a file that matter.
func section(c *check, e entry) error {
	switch e.key {
	case "x-gateway":
		return checkGateway(c, e)
	case "include":
		return checkInclude(c, e)
	case "services":
		return checkServices(c, e)
	}
	one := map[string]func(c *check, e entry){
		"networks": checkNetwork, "volumes": checkVolume, "configs": checkObject, "secrets": checkObject, "models": checkModel,
	}[e.key]
	if one == nil {
		return nil
	}
	all := entries(e.value)
	if e.key == "networks" && len(all) > MaxNetworks {
		c.in("networks").find(Limits, e.line, "there are %d networks, and %d is the most", len(all), MaxNetworks)
	}
	for _, inner := range all {
		one(c.in(e.key, inner.key), inner)
	}
	return nil
}

// index notes the lines of keys, and what is taken away.
func (w *walker) index(file string, doc *yaml.Node) {
	w.indexNode(file, nil, doc)
}

// indexDepth is how far down lines are noted: services.web.build.context.
const indexDepth = 4

func (w *walker) indexNode(file string, keys []string, n *yaml.Node) {
	for _, e := range written(n) {
		path := append(slices.Clone(keys), e.key)
		name := joined(path)
		if _, known := w.places[name]; !known {
			w.places[name] = Place{file, e.line}
		}
		if tag := e.value.Tag; tag == "!reset" || tag == "!override" {
			w.resets = append(w.resets, reset{file, name})
		}
		if len(path) < indexDepth {
			w.indexNode(file, path, e.value)
		}
	}
}

func (w *walker) add(f Finding, at Place) {
	f.File, f.Line = at.File, at.Line
	w.findings = append(w.findings, f)
}

// result are the findings without those that another file takes away, and without repetitions.
func (w *walker) result() []Finding {
	all := slices.DeleteFunc(w.findings, func(f Finding) bool {
		return !f.Rule.fixed() && slices.ContainsFunc(w.resets, func(r reset) bool {
			return r.file != f.File && (f.Where == r.keys || strings.HasPrefix(f.Where, r.keys+"."))
		})
	})
	slices.SortStableFunc(all, func(a, b Finding) int {
		if a.File != b.File {
			return strings.Compare(a.File, b.File)
		}
		return a.Line - b.Line
	})
	return slices.Compact(all)
}

// crossings refuses what a container could put something else in place of: a path that is inside a folder which a
// container may write to; and what it could rewrite itself by.
func (w *walker) crossings() {
	for _, open := range w.writable {
		if slices.ContainsFunc(w.parts, func(p spot) bool { return p.real == open.real }) {
			w.add(Mounts.Found(open.where, "the container could rewrite the project's compose file, and what it may do"), open.place)
		}
	}
	for _, f := range w.fixed {
		for _, open := range w.writable {
			if f.real != open.real && Within(open.real, f.real) {
				finding := Mounts.Found(f.where, fmt.Sprintf("it is inside %s, which a container may write to (%s), and put a link in its place", open.real, open.where))
				finding.Mend = "mount that folder read-only, or keep this outside of it"
				w.add(finding, f.place)
				break
			}
		}
	}
}

// mergeDotenv adds the variables of an env file that is read when it is there.
func (w *walker) mergeDotenv(env map[string]string, path string, at Place) error {
	reach := w.folder.Reach(path)
	if !reach.Inside {
		w.add(Include.Found("", fmt.Sprintf("%s leads out of the project's folder", path)), at)
		return nil
	}
	text, err := readRegular(path)
	if errors.Is(err, errFormat) {
		w.add(Format.Found("", fmt.Sprintf("%s: %v", path, err)), at)
		return nil
	}
	if err != nil || w.src.Language.Dotenv == nil {
		// Nothing there to read; what cannot be read, Compose will say.
		return nil
	}
	w.fixed = append(w.fixed, spot{reach.Real, filepath.Base(path), at})
	more, err := w.src.Language.Dotenv(text, env)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for name, value := range more {
		if _, set := env[name]; !set {
			env[name] = value
		}
	}
	return nil
}
