package policy

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"gateway/projects/composefile"
)

// Source is a project as somebody has it on disk.
type Source struct {
	// Dir is the absolute path of its folder, File the name of its compose file there, Name that of the project. Without
	// a File, Wrapped says what is read.
	Dir, File, Name string
	// Kept is a folder with earlier texts of Report.Own, at their paths in Dir, which are read in place of these; empty reads
	// those in Dir.
	Kept string
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

// Report is the result of checking the text of a project's files.
type Report struct {
	// Findings are those of the text alone, which nobody can trust away, in the order of files and lines: what may not be
	// read, and trust that a file gives itself. All other rules are for who loads the project.
	Findings []Finding
	// Trust is all that counts: what was given and what is recorded.
	Trust Trust
	// Env are the variables that the project's compose files may use.
	Env map[string]string
	// Folder is the project's, Base the absolute path that relative ones start at. Files are those that Compose is to
	// read, by absolute path, Texts what all files said when they were looked at, env files among them.
	Folder Folder
	Base   string
	Files  []string
	Texts  map[string][]byte
	// Own are the paths of the compose and env files that Compose is handed, and does not read by itself.
	Own []string
	// Parts are the files and folders that the compose file is made of beside itself; Read is all that reading it took,
	// env files among it.
	Parts, Read []Spot
	// Unset are the variables that files use and nothing sets, each once, where it is used first.
	Unset []Unset

	places, lists map[string]Place
}

// Spot is a path without links, and where it is said.
type Spot struct {
	Real, Where string
	Place
}

// Refused is an error with the findings, or nil.
func (r Report) Refused() error {
	if len(r.Findings) > 0 {
		return Refused(r.Findings)
	}
	return nil
}

// Unreadable is an error with those findings by which Compose may not read the project, or nil.
func (r Report) Unreadable() error {
	found := slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Rule == SelfTrust })
	return Report{Findings: found}.Refused()
}

// Place is where keys such as services.web.ports are said, or the nearest keys above them; where are those keys. It is
// zero when nothing is. "[2]" is the third item of a list; in a list of KEY=VALUE, KEY leads to its item.
func (r Report) Place(keys ...string) (p Place, where string) {
	for n := len(r.known(keys)); n > 0; n-- {
		if p, ok := r.places[joined(keys[:n])]; ok {
			return p, composefile.Path(keys[:n]).String()
		}
	}
	return Place{}, composefile.Path(keys).String()
}

// Says reports whether a file says these very keys.
func (r Report) Says(keys ...string) bool {
	_, ok := r.places[joined(keys)]
	return ok && len(r.known(keys)) == len(keys)
}

// known are the keys as far as it is known where they are said: which item is which is not, in a list of several files.
func (r Report) known(keys []string) []string {
	for n := range keys {
		if at, list := r.lists[joined(keys[:n])]; list && at == (Place{}) {
			return keys[:n]
		}
	}
	return keys
}

// keySeparator stands between keys; no key of a compose file has one.
const keySeparator = "\x00"

func joined(keys []string) string { return strings.Join(keys, keySeparator) }

// Check reads the text of all files that Compose would read of a project, and nothing outside its folder. The error is
// of the files themselves, such as one that is no YAML; what rules refuse is in the report.
func Check(src Source) (Report, error) {
	folder, err := OpenFolder(src.Dir)
	if err != nil {
		return Report{}, fmt.Errorf("reading the project's folder: %w", err)
	}
	w := &walker{
		src: src, folder: folder, trust: src.Trust.With(nil),
		places: map[string]Place{}, lists: map[string]Place{}, seen: map[string]bool{}, parsed: map[string]*yaml.Node{},
		texts: map[string][]byte{},
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
	slices.SortStableFunc(w.findings, byPlace)
	return Report{
		Findings: slices.Compact(w.findings), Trust: w.trust.With(nil), Env: env, Folder: folder, Base: base, Files: files, Texts: w.texts, Own: w.own,
		Parts: w.parts, Read: slices.Concat(w.parts, w.read), Unset: w.unset, places: w.places, lists: w.lists,
	}, nil
}

// byPlace is the order of files and lines.
func byPlace(a, b Finding) int {
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
}

// Sorted is findings in the order of files and lines, each once. It may change all.
func Sorted(all []Finding) []Finding {
	slices.SortFunc(all, func(a, b Finding) int { return cmp.Or(byPlace(a, b), strings.Compare(a.String(), b.String())) })
	return slices.Compact(all)
}

// main looks at the project's compose file, in which the variables of its .env hold, too.
func (w *walker) main(env map[string]string) error {
	s := scope{file: filepath.Join(w.folder.dir, w.src.File), base: w.folder.dir, env: env, main: true}
	dotenv := filepath.Join(s.base, ".env")
	w.own = append(w.own, s.file, dotenv)
	if err := w.mergeDotenv(env, dotenv, Place{File: s.file}); err != nil {
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
	dotenv := filepath.Join(base, ".env")
	w.own = append(w.own, dotenv)
	if err := w.mergeDotenv(env, dotenv, at); err != nil {
		return "", nil, err
	}
	w.parts = append(w.parts, Spot{w.folder.Reach(base).Real, "include", at})
	for _, name := range w.src.Wrapped.Files {
		file := filepath.Join(w.folder.dir, name)
		files = append(files, file)
		reach := w.folder.Reach(file)
		if !reach.Inside {
			w.add(Include.Found("include", fmt.Sprintf("%s is outside the project's folder", Shown(name))), at)
			continue
		}
		w.parts = append(w.parts, Spot{reach.Real, "include", at})
		w.own = append(w.own, file)
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
	// places are where keys are said, and lists which lists are; it is zero for one that is made of several.
	places map[string]Place
	lists  map[string]Place
	// parsed are the files by path, seen what was looked at already, reads counts what is read.
	parsed map[string]*yaml.Node
	seen   map[string]bool
	reads  int
	// texts are those of the files that were read; own are the files that Compose does not read by itself.
	texts map[string][]byte
	own   []string
	// parts are the files that the project's compose file is made of beside itself, read are others that reading it took.
	parts, read []Spot
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
	text, err := w.text(path)
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
	w.parsed[path] = doc
	if path == filepath.Join(w.folder.dir, w.src.File) && w.src.Unwrap != nil {
		w.src.Wrapped = w.src.Unwrap(text)
	}
	return doc, nil
}

// text reads a file of the project, or what was kept of it.
func (w *walker) text(path string) ([]byte, error) {
	from := path
	if w.src.Kept != "" && slices.Contains(w.own, path) {
		name, err := filepath.Rel(w.folder.dir, path)
		if err != nil || !filepath.IsLocal(name) {
			return nil, fs.ErrNotExist
		}
		from = filepath.Join(w.src.Kept, name)
	}
	text, err := readRegular(from)
	if err == nil {
		w.texts[path] = text
	}
	return text, err
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
	w.index(s.file, nil, doc, true)
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
	return nil
}

// maxPlaces bounds the places that are noted: a file may have many services that extend a large one.
const maxPlaces = 5 * maxNodes

// index notes where keys are said. Of several files the last one counts, unless over is false: then what is known stays.
func (w *walker) index(file string, keys []string, n *yaml.Node, over bool) {
	note := func(key string, line int) []string {
		at := append(slices.Clone(keys), key)
		if _, known := w.places[joined(at)]; over || !known {
			w.places[joined(at)] = Place{file, line}
		}
		return at
	}
	n = deref(n)
	if len(w.places) > maxPlaces || n.Kind == yaml.SequenceNode && w.several(joined(keys), Place{file, n.Line}) {
		return
	}
	if n.Kind == yaml.SequenceNode {
		for i, item := range n.Content {
			item = deref(item)
			if end := strings.IndexAny(item.Value, "=:"); end > 0 {
				note(item.Value[:end], item.Line)
			}
			w.index(file, note(composefile.Item(i), item.Line), item, over)
		}
	}
	for _, e := range written(n) {
		w.index(file, note(e.key, e.line), e.value, over)
	}
}

// several reports whether a list is said in another place, too. Then which item of which is which is not known.
func (w *walker) several(list string, at Place) bool {
	if other, known := w.lists[list]; !known || other == at {
		w.lists[list] = at
		return false
	}
	w.lists[list] = Place{}
	return true
}

func (w *walker) add(f Finding, at Place) {
	f.File, f.Line = at.File, at.Line
	w.findings = append(w.findings, f)
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
	text, err := w.text(path)
	if errors.Is(err, errFormat) {
		w.add(Format.Found("", fmt.Sprintf("%s: %v", path, err)), at)
		return nil
	}
	if err != nil || w.src.Language.Dotenv == nil {
		// Nothing there to read; what cannot be read, Compose will say.
		return nil
	}
	w.read = append(w.read, Spot{reach.Real, filepath.Base(path), at})
	unset, err := w.src.Language.Dotenv(text, vars, env)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, name := range unset {
		w.noteUnset(name, Place{path, LineOf(text, name)})
	}
	return nil
}
