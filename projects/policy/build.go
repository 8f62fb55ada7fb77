package policy

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

func checkBuild(c *check, e entry) {
	n := deref(e.value)
	if n.Kind != yaml.MappingNode {
		if len(items(n)) > 0 {
			checkComputed(c, e.line, c.text(n))
			checkContext(c, n, c.text(n))
		}
		return
	}
	context := "."
	if at := lookUp(n, "context"); at != nil {
		context = c.text(at)
		checkContext(c.in("context"), at, context)
	}
	if dockerfile := lookUp(n, "dockerfile"); dockerfile != nil {
		checkDockerfile(c.in("dockerfile"), dockerfile, context)
	}
	for _, extra := range c.pairs(lookUp(n, "additional_contexts")) {
		checkExtraContext(c.in("additional_contexts"), extra)
	}
	for _, part := range entries(n) {
		if part.key != "args" && part.key != "dockerfile_inline" {
			checkComputed(c, part.line, append(flat(c, part.value), keysOf(part.value)...)...)
		}
		if one := buildKeys[part.key]; one != nil {
			one(c.in(part.key), part)
		}
	}
}

// buildKeys are the keys of a build that matter beside what is read from the folder.
var buildKeys = map[string]func(c *check, e entry){
	"privileged":   flag(Privileged, "a privileged build owns the machine"),
	"entitlements": some(Privileged, "entitlements give a build the machine"),
	"ssh":          some(Build, "it hands over the keys of who runs the gateway"),
	"cache_to":     some(Build, "it writes where it likes"),
	"cache_from":   checkCacheFrom,
	"network":      checkBuildNetwork,
	"extra_hosts":  checkExtraHosts,
	"isolation":    some(Runtime, "another isolation may not keep to the rules"),
	"labels":       checkLabels,
	"shm_size":     checkMemory,
	"ulimits":      checkUlimits,
	"tags":         checkTags,
}

// RemoteContext reports whether a build context is not a folder here.
func RemoteContext(text string) bool {
	for _, prefix := range []string{"github.com/", "git@"} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return strings.Contains(text, "://")
}

func checkContext(c *check, n *yaml.Node, text string) {
	if RemoteContext(text) {
		c.find(Build, n.Line, "%s is on a server", shown(text))
		return
	}
	c.read(Build, n, text)
}

// checkDockerfile is a path inside the context, or an absolute one.
func checkDockerfile(c *check, n *yaml.Node, context string) {
	text := c.text(n)
	if RemoteContext(context) {
		return
	}
	if !strings.HasPrefix(text, "/") {
		text = strings.TrimSuffix(context, "/") + "/" + text
	}
	c.read(Build, n, text)
}

// HarmlessExtraContext reports whether an additional context is an image or another service.
func HarmlessExtraContext(text string) bool {
	return strings.HasPrefix(text, "docker-image://") || strings.HasPrefix(text, "service:")
}

func checkExtraContext(c *check, p pair) {
	if !HarmlessExtraContext(p.value) {
		checkContext(c, &yaml.Node{Line: p.line}, strings.TrimPrefix(p.value, "oci-layout://"))
	}
}

// HarmlessCache reports whether a cache is read from an image: by its name alone, or as type=registry,ref=NAME.
func HarmlessCache(text string) bool {
	ref, long := strings.CutPrefix(text, "type=registry,ref=")
	return PlainItem(ref) && (long || !strings.Contains(text, "="))
}

func checkCacheFrom(c *check, e entry) {
	for _, item := range items(e.value) {
		if !HarmlessCache(c.text(item)) {
			c.find(Build, item.Line, "cache %s is no image", shown(c.text(item)))
		}
	}
}

// OwnBuildNetwork reports whether a build keeps off the machine's network.
func OwnBuildNetwork(network string) bool {
	return network == "" || network == "none" || network == "default"
}

func checkBuildNetwork(c *check, e entry) {
	if network := c.text(e.value); !OwnBuildNetwork(network) {
		c.find(Namespaces, e.line, "network %s is not the build's own", shown(network))
	}
}

// OwnImage reports whether an image of that name may be built for a project: it begins with the project's name.
func OwnImage(project, image string) bool {
	rest, ok := strings.CutPrefix(image, project)
	return ok && rest != "" && strings.ContainsRune("-_/:", rune(rest[0]))
}

// What is wrong with a build that the builder would compute something of, and the mend.
const (
	BuildComputed   = "${ and %{ are where the builder begins to compute what a value is"
	BuildUncomputed = "write the value out, or pass it by args"
)

// Computed reports whether the builder takes a text for a template. Compose writes builds into a file for it, and takes
// their meaning from args and dockerfile_inline alone.
func Computed(text string) bool { return strings.Contains(text, "${") || strings.Contains(text, "%{") }

// checkComputed looks at texts of a build.
func checkComputed(c *check, line int, texts ...string) {
	if slices.ContainsFunc(texts, Computed) {
		f := Build.Found(joined(c.keys), BuildComputed)
		f.Mend = BuildUncomputed
		c.w.add(f, Place{c.s.file, line})
	}
}

// keysOf are those of a mapping.
func keysOf(n *yaml.Node) []string {
	var all []string
	for _, e := range entries(n) {
		all = append(all, e.key)
	}
	return all
}

// PlainItem reports whether a text is one item of a list with commas.
func PlainItem(text string) bool { return !strings.ContainsAny(text, ",\"\r\n") }

// checkTagged refuses to build what others know by that name.
func checkTagged(c *check, service *yaml.Node) {
	image := lookUp(service, "image")
	if lookUp(service, "build") == nil || image == nil || OwnImage(c.w.src.Name, c.text(image)) {
		return
	}
	c.in("image").find(ImageName, image.Line, "%s would be built here, and its name does not begin with %s-", shown(c.text(image)), c.w.src.Name)
}

func checkTags(c *check, e entry) {
	for _, item := range items(e.value) {
		if tag := c.text(item); !OwnImage(c.w.src.Name, tag) {
			c.find(ImageName, item.Line, "tag %s does not begin with %s-", shown(tag), c.w.src.Name)
		}
	}
}
