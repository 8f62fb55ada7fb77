package cmd

import (
	"fmt"
	"go/ast"
	"strings"
)

// The largest that things may get, in lines, levels and numbers; tests have no other limits than the rest.
const (
	maxFile       = 400
	maxFunction   = 60
	maxNesting    = 3
	maxParameters = 5
	maxMethods    = 20
	maxInterface  = 3
)

func fileSizeRule(all []source) []string {
	var bad []string
	for _, s := range all {
		if n := strings.Count(s.text, "\n"); n > maxFile {
			bad = append(bad, fmt.Sprintf("%s has %d lines; a file has up to %d", s.path, n, maxFile))
		}
	}
	return bad
}

func functionSizeRule(all []source) []string {
	var bad []string
	for _, s := range all {
		for f := range s.functions() {
			if n := s.line(f.End()) - s.line(f.Pos()) + 1; n > maxFunction {
				bad = append(bad, fmt.Sprintf("%s:%d: %s has %d lines; a function has up to %d", s.path, s.line(f.Pos()), f.Name.Name, n, maxFunction))
			}
		}
	}
	return bad
}

func parameterRule(all []source) []string {
	var bad []string
	for _, s := range all {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if f, ok := n.(*ast.FuncType); ok && f.Params.NumFields() > maxParameters {
				bad = append(bad, fmt.Sprintf("%s:%d: %d parameters; a function has up to %d", s.path, s.line(f.Pos()), f.Params.NumFields(), maxParameters))
			}
			return true
		})
	}
	return bad
}

func methodRule(all []source) []string {
	count := map[string]int{}
	for _, s := range all {
		for f := range s.functions() {
			if f.Recv != nil {
				count[s.dir()+": "+receiver(f)]++
			}
		}
	}
	var bad []string
	for name, n := range count {
		if n > maxMethods {
			bad = append(bad, fmt.Sprintf("%s has %d methods; a type has up to %d", name, n, maxMethods))
		}
	}
	return bad
}

func nestingRule(all []source) []string {
	var bad []string
	for _, s := range all {
		for f := range s.functions() {
			deepest := 0
			ast.PreorderStack(f, nil, func(n ast.Node, stack []ast.Node) bool {
				deepest = max(deepest, level(append(stack, n)))
				return true
			})
			if deepest > maxNesting {
				bad = append(bad, fmt.Sprintf("%s:%d: %s nests %d deep; statements nest up to %d", s.path, s.line(f.Pos()), f.Name.Name, deepest, maxNesting))
			}
		}
	}
	return bad
}

// level counts the statements around and including the last node that indent what they hold. An else-if is as deep as
// its if, and the body of a function literal counts from its own start.
func level(path []ast.Node) int {
	n := 0
	for i, node := range path {
		switch node := node.(type) {
		case *ast.FuncLit:
			n = 0
		case *ast.IfStmt:
			if before, ok := path[max(i-1, 0)].(*ast.IfStmt); !ok || before.Else != node {
				n++
			}
		case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
			n++
		}
	}
	return n
}

func interfaceRule(all []source) []string {
	var bad []string
	for _, s := range all {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if i, ok := n.(*ast.InterfaceType); ok && !s.test && i.Methods.NumFields() > maxInterface {
				bad = append(bad, fmt.Sprintf("%s:%d: %d methods; an interface has up to %d", s.path, s.line(i.Pos()), i.Methods.NumFields(), maxInterface))
			}
			return true
		})
	}
	return bad
}
