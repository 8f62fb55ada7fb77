package cmd

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
)

// source is one Go file of the repository.
type source struct {
	// path is slash-separated, from the top of the repository.
	path, text string
	file       *ast.File
	test       bool
}

func parseSource(name, text string) (source, error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	return source{name, text, file, strings.HasSuffix(name, "_test.go")}, nil
}

func (s source) dir() string { return path.Dir(s.path) }

func (s source) imports() []string {
	var paths []string
	for _, i := range s.file.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

func (s source) functions() iter.Seq[*ast.FuncDecl] {
	return func(yield func(*ast.FuncDecl) bool) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && !yield(f) {
				return
			}
		}
	}
}

// receiver is the name of a method's type.
func receiver(f *ast.FuncDecl) string {
	for t := f.Recv.List[0].Type; ; {
		switch at := t.(type) {
		case *ast.StarExpr:
			t = at.X
		case *ast.IndexExpr:
			t = at.X
		case *ast.IndexListExpr:
			t = at.X
		case *ast.Ident:
			return at.Name
		default:
			return ""
		}
	}
}

// starts yields the places where a function starts a goroutine: go statements, and the Go methods of the groups that
// run what they are given.
func starts(f *ast.FuncDecl) iter.Seq[ast.Node] {
	return func(yield func(ast.Node) bool) {
		for n := range ast.Preorder(f) {
			if startsGoroutine(n) && !yield(n) {
				return
			}
		}
	}
}

func startsGoroutine(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		return true
	case *ast.CallExpr:
		called, ok := n.Fun.(*ast.SelectorExpr)
		return ok && called.Sel.Name == "Go" && len(n.Args) == 1
	}
	return false
}

// lookUp returns the entry of the longest key that is name or a folder above it.
func lookUp(table map[string][]string, name string) []string {
	for at := name; at != "." && at != "/"; at = path.Dir(at) {
		if entry, ok := table[at]; ok {
			return entry
		}
	}
	return nil
}

// within reports whether a path is the pattern or, when that ends with "...", below it.
func within(pattern, name string) bool {
	above, all := strings.CutSuffix(pattern, "...")
	return name == pattern || all && (name+"/" == above || strings.HasPrefix(name, above))
}

// readTexts returns all text files of the repository by their slash-separated path.
func readTexts(t *testing.T) map[string]string {
	t.Helper()
	top := os.DirFS("..")
	texts := map[string]string{}
	err := fs.WalkDir(top, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (name == ".git" || name == "dist") {
			return fs.SkipDir
		}
		if name == ".git" { // a file in a linked work tree
			return nil
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			return err
		}
		text, err := fs.ReadFile(top, name)
		if !strings.Contains(string(text), "\x00") {
			texts[name] = string(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func readSources(t *testing.T) []source {
	t.Helper()
	var all []source
	for name, text := range readTexts(t) {
		if path.Ext(name) != ".go" {
			continue
		}
		s, err := parseSource(name, text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if len(all) < 10 {
		t.Fatalf("found %d Go files; is this the repository?", len(all))
	}
	return all
}
