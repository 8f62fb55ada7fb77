package policy

import (
	"fmt"
	"maps"
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

// OwnImage reports whether an image of that name may be built for a project: the name is the one that Compose derives for
// one of its services, PROJECT-SERVICE, and the tag may be any.
func OwnImage(project string, services []string, image string) bool {
	return slices.Contains(services, ServiceOfImage(project, image))
}

// StagedImage is what images are called while they are built.
const StagedImage = "gateway-build"

// ServiceOfImage is the service that Compose derives the name of an image from, or empty when the name is not PROJECT-SERVICE.
func ServiceOfImage(project, image string) string {
	name, tag, tagged := strings.Cut(image, ":")
	service, ours := strings.CutPrefix(name, project+"-")
	if !ours || tagged && tag == "" || strings.ContainsAny(image, "/@") {
		return ""
	}
	return service
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

// named is the name of an image, and where it is said.
type named struct {
	text, service, where string
	place                Place
}

// noteImage notes the name under which a service is built, for when all services are known.
func noteImage(c *check, service *yaml.Node) {
	image := lookUp(service, "image")
	if lookUp(service, "build") == nil || image == nil {
		return
	}
	in := c.in("image")
	c.w.built = append(c.w.built, named{c.text(image), c.keys[1], joined(in.keys), Place{c.s.file, image.Line}})
}

func checkTags(c *check, e entry) {
	for _, item := range items(e.value) {
		c.w.built = append(c.w.built, named{c.text(item), c.keys[1], joined(c.keys), Place{c.s.file, item.Line}})
	}
}

// imageNames refuses to build what others know by that name.
func (w *walker) imageNames() {
	for _, n := range w.built {
		if OwnImage(w.src.Name, slices.Sorted(maps.Keys(w.services)), n.text) {
			continue
		}
		f := ImageName.Found(n.where, fmt.Sprintf("%s would be built here, and its name is not one that Compose derives from project and service", shown(n.text)))
		f.Mend = ImageNameMend(w.src.Name, n.service)
		w.add(f, n.place)
	}
}

// ImageNameMend is what to write for a service in the place of an image name that is not the project's.
func ImageNameMend(project, service string) string {
	return fmt.Sprintf("remove it, or write %s-%s", project, service)
}
