package policy

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

func (c *check) build(e entry) {
	n := deref(e.value)
	if n.Kind != yaml.MappingNode {
		if len(items(n)) > 0 {
			c.context(n, c.text(n))
		}
		return
	}
	context := "."
	if at := lookUp(n, "context"); at != nil {
		context = c.text(at)
		c.in("context").context(at, context)
	}
	if dockerfile := lookUp(n, "dockerfile"); dockerfile != nil {
		c.in("dockerfile").dockerfile(dockerfile, context)
	}
	for _, extra := range c.pairs(lookUp(n, "additional_contexts")) {
		c.in("additional_contexts").extraContext(extra)
	}
	for _, part := range entries(n) {
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
	"cache_from":   (*check).cacheFrom,
	"network":      (*check).buildNetwork,
	"extra_hosts":  (*check).extraHosts,
	"isolation":    some(Runtime, "another isolation may not keep to the rules"),
	"labels":       (*check).labels,
	"shm_size":     (*check).memory,
	"ulimits":      (*check).ulimits,
	"tags":         (*check).tags,
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

func (c *check) context(n *yaml.Node, text string) {
	if RemoteContext(text) {
		c.find(Build, n.Line, "%s is on a server", shown(text))
		return
	}
	c.read(Build, n, text)
}

// dockerfile is a path inside the context, or an absolute one.
func (c *check) dockerfile(n *yaml.Node, context string) {
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

func (c *check) extraContext(p pair) {
	if !HarmlessExtraContext(p.value) {
		c.context(&yaml.Node{Line: p.line}, strings.TrimPrefix(p.value, "oci-layout://"))
	}
}

// HarmlessCache reports whether a cache is read from an image.
func HarmlessCache(text string) bool {
	return !strings.Contains(text, "=") || strings.HasPrefix(text, "type=registry,") && !strings.Contains(text, "src=")
}

func (c *check) cacheFrom(e entry) {
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

func (c *check) buildNetwork(e entry) {
	if network := c.text(e.value); !OwnBuildNetwork(network) {
		c.find(Namespaces, e.line, "network %s is not the build's own", shown(network))
	}
}

// OwnImage reports whether an image of that name may be built for a project: it begins with the project's name.
func OwnImage(project, image string) bool {
	rest, ok := strings.CutPrefix(image, project)
	return ok && rest != "" && strings.ContainsRune("-_/:", rune(rest[0]))
}

// tagged refuses to build what others know by that name.
func (c *check) tagged(service *yaml.Node) {
	image := lookUp(service, "image")
	if lookUp(service, "build") == nil || image == nil || OwnImage(c.w.src.Name, c.text(image)) {
		return
	}
	c.in("image").find(ImageName, image.Line, "%s would be built here, and its name does not begin with %s-", shown(c.text(image)), c.w.src.Name)
}

func (c *check) tags(e entry) {
	for _, item := range items(e.value) {
		if tag := c.text(item); !OwnImage(c.w.src.Name, tag) {
			c.find(ImageName, item.Line, "tag %s does not begin with %s-", shown(tag), c.w.src.Name)
		}
	}
}
