package compose

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"gateway/projects/importer"
	"gateway/projects/policy"
)

// dockerfileOf is the text of what is built, empty when it cannot be read or when inside reports false for its path.
func dockerfileOf(b *types.BuildConfig, inside func(path string) (real string, ok bool)) string {
	if b.DockerfileInline != "" || policy.RemoteContext(b.Context) {
		return b.DockerfileInline
	}
	real, ok := inside(dockerfilePath(b))
	if !ok || policy.Readable(real) != nil {
		return ""
	}
	text, err := os.ReadFile(real)
	if err != nil {
		return ""
	}
	return string(text)
}

// dockerfilePath is the file that is built. Like the builder it takes dockerfile for Dockerfile when only that is there.
func dockerfilePath(b *types.BuildConfig) string {
	path := cmp.Or(b.Dockerfile, importer.Dockerfile)
	if !filepath.IsAbs(path) {
		path = filepath.Join(b.Context, path)
	}
	if filepath.Base(path) == importer.Dockerfile && !exists(path) {
		if small := filepath.Join(filepath.Dir(path), strings.ToLower(importer.Dockerfile)); exists(small) {
			return small
		}
	}
	return path
}

// instructions are those of a Dockerfile, none when the builder would not take it for one, and its escape character.
func instructions(dockerfile string) ([]*parser.Node, rune) {
	if strings.TrimSpace(dockerfile) == "" {
		return nil, parser.DefaultEscapeToken
	}
	result, err := parser.Parse(strings.NewReader(dockerfile))
	if err != nil {
		return nil, parser.DefaultEscapeToken
	}
	return result.AST.Children, result.EscapeToken
}

// words are the arguments of an instruction.
func words(n *parser.Node) []string {
	var all []string
	for arg := n.Next; arg != nil; arg = arg.Next {
		all = append(all, arg.Value)
	}
	return all
}

// stage is one of a Dockerfile.
type stage struct {
	name, base string
	exposed    []int
	vars       variablesOfBuild
}

// variablesOfBuild are the values of ARG and ENV, as the builder's own reader of them takes them.
type variablesOfBuild map[string]string

// Get is the value of a variable.
func (v variablesOfBuild) Get(name string) (string, bool) {
	value, ok := v[name]
	return value, ok
}

// Keys are the names of all variables.
func (v variablesOfBuild) Keys() []string {
	var all []string
	for name := range v {
		all = append(all, name)
	}
	return all
}

// exposes reads the TCP ports that a Dockerfile says by EXPOSE in the stage that is built, and in those it is made from.
// What the image has from others only the image knows.
func exposes(dockerfile, target string, args types.MappingWithEquals) []int {
	r := readStages(dockerfile, args)
	if len(r.stages) == 0 {
		return nil
	}
	built := r.stages[len(r.stages)-1]
	if at := r.find(target); target != "" && at >= 0 {
		built = r.stages[at]
	}
	slices.Sort(built.exposed)
	return slices.Compact(built.exposed)
}

// imagesIn are the images that a Dockerfile takes files from: those that stages begin with, and those of --from.
func imagesIn(dockerfile string, args types.MappingWithEquals) []string {
	return readStages(dockerfile, args).images
}

// builderVariables are set by the builder itself for what is before the first stage.
func builderVariables() variablesOfBuild {
	vars := variablesOfBuild{"TARGETSTAGE": "default"}
	for _, of := range []string{"BUILD", "TARGET"} {
		vars[of+"PLATFORM"], vars[of+"OS"], vars[of+"ARCH"], vars[of+"VARIANT"] = "linux/"+runtime.GOARCH, "linux", runtime.GOARCH, ""
	}
	return vars
}

func readStages(dockerfile string, args types.MappingWithEquals) stageReader {
	nodes, escape := instructions(dockerfile)
	r := stageReader{lex: shell.NewLex(escape), args: args, global: builderVariables()}
	for _, n := range nodes {
		r.instruction(n)
		r.takesFrom(n)
	}
	return r
}

// takesFrom notes the image of COPY --from and RUN --mount=from, also of those that run in what is built on this.
func (r *stageReader) takesFrom(n *parser.Node) {
	if strings.EqualFold(n.Value, "onbuild") && n.Next != nil {
		for _, later := range n.Next.Children {
			r.takesFrom(later)
		}
		return
	}
	for _, flag := range n.Flags {
		name, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		switch name {
		case "from":
			r.takes(value)
		case "mount":
			for option := range strings.SplitSeq(value, ",") {
				if key, from, _ := strings.Cut(strings.Trim(option, `"`), "="); strings.EqualFold(key, "from") {
					r.takes(from)
				}
			}
		}
	}
}

// takes notes an image, unless the name is that of a stage, or its number.
func (r *stageReader) takes(word string) {
	name := r.expand(word, r.vars())
	if n, err := strconv.Atoi(name); err == nil && n < len(r.stages) || name == "" || r.find(name) >= 0 {
		return
	}
	r.images = append(r.images, name)
}

// stageReader reads the stages of a Dockerfile one after the other.
type stageReader struct {
	lex *shell.Lex
	// args are those that the build is given, global the defaults of those before the first stage.
	args   types.MappingWithEquals
	global variablesOfBuild
	stages []stage
	images []string
}

func (r *stageReader) find(name string) int {
	return slices.IndexFunc(r.stages, func(s stage) bool { return strings.EqualFold(s.name, name) })
}

func (r *stageReader) instruction(n *parser.Node) {
	args := words(n)
	switch strings.ToLower(n.Value) {
	case "from":
		r.from(args)
	case "arg":
		for _, arg := range args {
			r.arg(arg)
		}
	case "env":
		// The reader of Dockerfiles makes name, value and separator of each.
		for i := 0; i+1 < len(args) && len(r.stages) > 0; i += 3 {
			vars := r.vars()
			vars[args[i]] = r.expand(args[i+1], vars)
		}
	case "expose":
		for _, word := range args {
			if at := len(r.stages) - 1; at >= 0 {
				r.stages[at].exposed = append(r.stages[at].exposed, tcpPorts(r.expand(word, r.vars()))...)
			}
		}
	}
}

// from begins a stage, which has what the one has that it is made from.
func (r *stageReader) from(args []string) {
	if len(args) == 0 {
		return
	}
	s := stage{base: r.expand(args[0], r.global), vars: variablesOfBuild{}}
	if at := r.find(s.base); at >= 0 {
		s.exposed = slices.Clone(r.stages[at].exposed)
		maps.Copy(s.vars, r.stages[at].vars)
	} else if s.base != "" && s.base != "scratch" {
		r.images = append(r.images, s.base)
	}
	if len(args) == 3 && strings.EqualFold(args[1], "as") {
		s.name = args[2]
	}
	r.stages = append(r.stages, s)
}

// arg declares a variable: what the build is given counts, then the default here, then the one above all stages.
func (r *stageReader) arg(text string) {
	name, value, given := strings.Cut(text, "=")
	vars := r.vars()
	if said := r.args[name]; said != nil {
		vars[name] = *said
	} else if given {
		vars[name] = r.expand(value, vars)
	} else if value, ok := r.global[name]; ok {
		vars[name] = value
	}
}

// vars are those that hold just now.
func (r *stageReader) vars() variablesOfBuild {
	if len(r.stages) == 0 {
		return r.global
	}
	return r.stages[len(r.stages)-1].vars
}

func (r *stageReader) expand(word string, vars variablesOfBuild) string {
	text, _, err := r.lex.ProcessWord(word, vars)
	if err != nil {
		return ""
	}
	return text
}

// maxRange is how many ports of a range are told apart: who exposes more cannot mean one of them.
const maxRange = 16

// tcpPorts reads a port or a range of ports as EXPOSE and expose have them, such as 80, 80/tcp or 3000-3002; those of
// other protocols are none.
func tcpPorts(text string) []int {
	text, protocol, _ := strings.Cut(text, "/")
	if protocol != "" && !strings.EqualFold(protocol, "tcp") {
		return nil
	}
	first, last, isRange := strings.Cut(text, "-")
	from, err := strconv.ParseUint(first, 10, 16)
	to := from
	if isRange && err == nil {
		to, err = strconv.ParseUint(last, 10, 16)
	}
	if err != nil || from == 0 {
		return nil
	}
	var all []int
	for port := from; port <= to && len(all) < maxRange; port++ {
		all = append(all, int(port))
	}
	return all
}

// classicFlags are those of instructions that the engine's own builder knows; RUN has none.
var classicFlags = map[string][]string{
	"from": {"platform"}, "copy": {"from", "chown"}, "add": {"chown"},
	"healthcheck": {"interval", "timeout", "start-period", "start-interval", "retries"},
}

// needsBuildKit says what in a Dockerfile only the builder BuildKit knows, and in which line; it is empty when the
// engine's own builder knows all of it.
func needsBuildKit(dockerfile string) string {
	if syntax, _, at, ok := parser.DetectSyntax([]byte(dockerfile)); ok && !strings.HasPrefix(strings.TrimPrefix(syntax, "docker.io/"), "docker/dockerfile") {
		return fmt.Sprintf("line %d: # syntax=%s", at[0].Start.Line, syntax)
	}
	nodes, _ := instructions(dockerfile)
	for _, n := range nodes {
		name := strings.ToUpper(n.Value)
		if len(n.Heredocs) > 0 {
			return fmt.Sprintf("line %d: %s with a here-document", n.StartLine, name)
		}
		for _, flag := range n.Flags {
			word, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
			if !slices.Contains(classicFlags[strings.ToLower(n.Value)], word) {
				return fmt.Sprintf("line %d: %s --%s", n.StartLine, name, word)
			}
			if word == "platform" && (strings.Contains(value, "BUILDPLATFORM") || strings.Contains(value, "TARGETPLATFORM")) {
				return fmt.Sprintf("line %d: %s --platform=%s", n.StartLine, name, value)
			}
		}
	}
	return ""
}
