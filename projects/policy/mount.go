package policy

import (
	"path/filepath"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// checkBind is a folder of the machine in a container.
type bind struct {
	source, propagation string
	readOnly            bool
	line                int
}

func checkMounts(c *check, e entry) {
	for _, item := range items(e.value) {
		if deref(item).Kind == yaml.MappingNode {
			checkLongMount(c, item)
		} else {
			checkShortMount(c, item)
		}
	}
}

// checkShortMount reads SOURCE:TARGET:OPTIONS. A source is a folder when it looks like a path, else the name of a volume.
func checkShortMount(c *check, n *yaml.Node) {
	spec := c.text(n)
	source, rest, found := strings.Cut(spec, ":")
	if len(source) == 1 && unicode.IsLetter(rune(source[0])) && len(rest) > 1 {
		var more string
		more, rest, found = strings.Cut(rest, ":")
		source += ":" + more
	}
	if !found || !isPath(source) {
		return
	}
	b := bind{source: source, line: n.Line}
	_, options, _ := strings.Cut(rest, ":")
	for option := range strings.SplitSeq(options, ",") {
		switch {
		case option == "ro":
			b.readOnly = true
		case option == "rw":
			b.readOnly = false
		case strings.HasSuffix(option, "shared") || strings.HasSuffix(option, "slave"):
			b.propagation = option
		}
	}
	checkBind(c, b)
}

// isPath reports whether Compose takes the source of a mount for a path.
func isPath(source string) bool {
	return source != "" && (strings.ContainsRune("./~", rune(source[0])) || strings.HasPrefix(source, `\\`) ||
		len(source) > 1 && source[1] == ':' && unicode.IsLetter(rune(source[0])))
}

func checkLongMount(c *check, n *yaml.Node) {
	source, line := lookUp(n, "source"), deref(n).Line
	if source != nil {
		line = source.Line
	}
	if labels := lookUp(lookUp(n, "volume"), "labels"); labels != nil {
		checkLabels(c, entry{line: labels.Line, value: labels})
	}
	switch kind := c.text(lookUp(n, "type")); kind {
	case "bind":
		checkBind(c, bind{
			source: c.text(source), readOnly: c.on(lookUp(n, "read_only")), line: line,
			propagation: c.text(lookUp(lookUp(n, "bind"), "propagation")),
		})
	case "tmpfs":
		if size := lookUp(lookUp(n, "tmpfs"), "size"); size != nil {
			checkMemory(c.in("size"), entry{line: size.Line, value: size})
		}
	case "volume", "image", "":
		if isPath(c.text(source)) && kind != "image" {
			c.find(Mounts, line, "%s is a path and no volume", shown(c.text(source)))
		}
	default:
		c.find(Mounts, line, "a mount of type %s is not the project's", shown(kind))
	}
}

// PrivatePropagation reports whether mounts inside a bind mount stay on their side.
func PrivatePropagation(p string) bool { return p == "" || p == "private" || p == "rprivate" }

func checkBind(c *check, b bind) {
	reach := c.path(b.source)
	switch {
	case reach.Socket:
		c.find(DockerSocket, b.line, "%s is the engine's socket, or holds it", shown(b.source))
	case !reach.Inside:
		c.find(Mounts, b.line, "%s is outside the project's folder", shown(b.source))
	case !b.readOnly && (reach.Whole || reach.Real == c.w.folder.Reach(filepath.Join(c.w.folder.dir, c.w.src.File)).Real):
		c.find(Mounts, b.line, "the container could rewrite the project's compose file, and what it may do")
	}
	if !PrivatePropagation(b.propagation) {
		c.find(Mounts, b.line, "propagation %s shares mounts with the machine", shown(b.propagation))
	}
	if !reach.Inside {
		return
	}
	c.fix(reach, b.line)
	if !b.readOnly {
		c.w.writable = append(c.w.writable, spot{reach.Real, joined(c.keys), Place{c.s.file, b.line}})
	}
}

// checkVolume looks at one of the top-level volumes.
func checkVolume(c *check, e entry) {
	checkOwned(c, e)
	if driver := lookUp(e.value, "driver"); driver != nil && !OwnVolume(c.text(driver), 0) {
		c.find(Volumes, driver.Line, "driver %s is not local", shown(c.text(driver)))
	}
	options := entryOf(e.value, "driver_opts")
	if len(entries(options.value)) == 0 {
		return
	}
	for _, option := range entries(options.value) {
		if text := c.text(option.value); option.key == "device" && holdsSocket(c.path(text).Real) {
			c.find(DockerSocket, option.line, "%s is the engine's socket, or holds it", shown(text))
			return
		}
	}
	c.find(Volumes, options.line, "options of the driver mount folders and servers")
}

// OwnVolume reports whether a volume with that driver and so many options keeps to itself.
func OwnVolume(driver string, options int) bool {
	return (driver == "" || driver == "local") && options == 0
}
