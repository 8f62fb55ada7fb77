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
	// Dir is the absolute path of its folder, File the name of its compose file there, Name that of the project. Without
	// a File, Wrapped says what is read.
	Dir, File, Name string
	// Wrapped is what Compose reads in place of File, and Unwrap finds it in the text of File when it is not nil.
	Wrapped Wrapped
	Unwrap  func(text []byte) Wrapped
	// Env are the variables beside those in the folder's .env, which yield to these. PWD is set by Check: it is the folder
	// that Compose is run in.
	Env map[string]string
	// Trust is given beside what x-gateway.trust of the file records.
	Trust Trust
	// Foreign says that somebody else wrote the file: what it records of trust is refused and does not count.
	Foreign  bool
	Language Language
}

// Wrapped are compose files that Compose reads as if it were run in the folder Base: of its .env, with paths that start
// there. Files are in the order in which they override each other; all are relative to the project's folder.
type Wrapped struct {
	Base  string
	Files []string
}

// Language are the parts of Compose's that are not YAML.
type Language struct {
	// Expand puts variables in place.
	Expand func(text string, env map[string]string) (string, error)
	// Unset names the variables in a text that are not set and have no default, for which Compose puts nothing.
	Unset func(text string, env map[string]string) []string
	// Dotenv reads the text of an env file into vars, which may have those of files before it. Variables in it are
	// those of env, else those of vars. It names those that are not set.
	Dotenv func(text []byte, vars, env map[string]string) (unset []string, err error)
}

// Unset is a variable that a file uses, that is not set and has no default.
type Unset struct {
	Name string
	Place
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
	// Env are the variables that the project's compose files may use.
	Env map[string]string
	// Folder is the project's, Base the absolute path that relative ones start at. Files are those that Compose is to
	// read, by absolute path, Texts what all files said when they were looked at.
	Folder Folder
	Base   string
	Files  []string
	Texts  map[string][]byte
	// Unset are the variables that files use and nothing sets, each once, where it is used first.
	Unset []Unset

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
		places: map[string]Place{}, seen: map[string]bool{}, parsed: map[string]*yaml.Node{}, texts: map[string][]byte{},
		services: map[string]bool{},
	}
	env := maps.Clone(src.Env)
	if env == nil {
		env = map[string]string{}
	}
	env["PWD"] = folder.dir
	if src.File != "" {
		if err := w.main(env); err != nil {
			return Report{}, err
		}
	}
	base, files := folder.dir, []string{filepath.Join(folder.dir, src.File)}
	if len(w.src.Wrapped.Files) > 0 {
		if base, files, err = w.wrapped(env); err != nil {
			return Report{}, err
		}
	}
	w.crossings()
	w.imageNames()
	return Report{
		Findings: w.result(), Trust: w.trust.With(nil), Env: env, Folder: folder, Base: base, Files: files, Texts: w.texts,
		Unset: w.unset, places: w.places,
	}, nil
}

// main looks at the project's compose file, in which the variables of its .env hold, too.
func (w *walker) main(env map[string]string) error {
	s := scope{file: filepath.Join(w.folder.dir, w.src.File), base: w.folder.dir, env: env, main: true}
	if err := w.mergeDotenv(env, filepath.Join(s.base, ".env"), Place{File: s.file}); err != nil {
		return err
	}
	return w.file(s)
}

// wrapped looks at the files that Compose reads in place of the project's own, in which the variables of the .env in
// their folder hold, too. It returns that folder and their paths.
func (w *walker) wrapped(env map[string]string) (base string, files []string, err error) {
	at := w.places["include"]
	base = filepath.Join(w.folder.dir, w.src.Wrapped.Base)
	env["PWD"] = base
	if err := w.mergeDotenv(env, filepath.Join(base, ".env"), at); err != nil {
		return "", nil, err
	}
	w.parts = append(w.parts, spot{w.folder.Reach(base).Real, "include", at})
	for _, name := range w.src.Wrapped.Files {
		file := filepath.Join(w.folder.dir, name)
		files = append(files, file)
		reach := w.folder.Reach(file)
		if !reach.Inside {
			w.add(Include.Found("include", fmt.Sprintf("%s is outside the project's folder", shown(name))), at)
			continue
		}
		w.fixed = append(w.fixed, spot{reach.Real, "include", at})
		w.parts = append(w.parts, spot{reach.Real, "include", at})
		if err := w.file(scope{file: file, base: base, env: env}); err != nil {
			return "", nil, err
		}
	}
	return base, files, nil
}

// walker goes through the files of a project.
type walker struct {
	src    Source
	folder Folder
	trust  Trust

	findings []Finding
	unset    []Unset
	places   map[string]Place
	// resets are where !reset and !override take away what other files say.
	resets []reset
	// parsed are the files by path, seen what was looked at already, reads counts what is read.
	parsed map[string]*yaml.Node
	seen   map[string]bool
	reads  int
	// texts are those of the files that were parsed.
	texts map[string][]byte
	// writable are the folders that containers may write to, fixed what must not be inside one.
	writable, fixed []spot
	// services are the names of all services, built the names that some of them are built under.
	services map[string]bool
	built    []named
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
	w.parsed[path], w.texts[path] = doc, text
	if path == filepath.Join(w.folder.dir, w.src.File) && w.src.Unwrap != nil {
		w.src.Wrapped = w.src.Unwrap(text)
	}
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
	w.lookForUnset(s.file, doc, s.env)
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
		if c.s.main && len(c.w.src.Wrapped.Files) > 0 {
			return nil
		}
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

// lookForUnset notes the variables in a file that nothing sets. Compose puts none into keys.
func (w *walker) lookForUnset(file string, n *yaml.Node, env map[string]string) {
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "$") && w.src.Language.Unset != nil {
		for _, name := range w.src.Language.Unset(n.Value, env) {
			w.noteUnset(name, Place{file, n.Line})
		}
	}
	for i, child := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			w.lookForUnset(file, child, env)
		}
	}
}

func (w *walker) noteUnset(name string, at Place) {
	if !slices.ContainsFunc(w.unset, func(u Unset) bool { return u.Name == name }) {
		w.unset = append(w.unset, Unset{name, at})
	}
}

// LineOf is the line of a text in which a variable is used first, 0 when it is in none.
func LineOf(text []byte, name string) int {
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if strings.Contains(line, "$"+name) || strings.Contains(line, "${"+name) {
			return n
		}
	}
	return 0
}

// mergeDotenv adds the variables of an env file that is read when it is there; those that are set stay.
func (w *walker) mergeDotenv(env map[string]string, path string, at Place) error {
	vars := map[string]string{}
	if err := w.readDotenv(vars, env, path, at); err != nil {
		return err
	}
	for name, value := range vars {
		if _, set := env[name]; !set {
			env[name] = value
		}
	}
	return nil
}

// readDotenv reads an env file into vars, when it is there.
func (w *walker) readDotenv(vars, env map[string]string, path string, at Place) error {
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
	unset, err := w.src.Language.Dotenv(text, vars, env)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, name := range unset {
		w.noteUnset(name, Place{path, LineOf(text, name)})
	}
	return nil
}
