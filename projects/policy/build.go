package policy

import (
	"fmt"
	"slices"
	"strings"
)

// RemoteContext reports whether a build context is not a folder here.
func RemoteContext(text string) bool {
	for _, prefix := range []string{"github.com/", "git@"} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return strings.Contains(text, "://")
}

// HarmlessExtraContext reports whether an additional context is an image or another service.
func HarmlessExtraContext(text string) bool {
	return strings.HasPrefix(text, "docker-image://") || strings.HasPrefix(text, "service:")
}

// HarmlessCache reports whether a cache is read from an image: by its name alone, or as type=registry,ref=NAME.
func HarmlessCache(text string) bool {
	ref, long := strings.CutPrefix(text, "type=registry,ref=")
	return PlainItem(ref) && (long || !strings.Contains(text, "="))
}

// OwnBuildNetwork reports whether a build keeps off the machine's network.
func OwnBuildNetwork(network string) bool {
	return network == "" || network == "none" || network == "default"
}

// OwnImage reports whether an image of that name may be built for a project: the name is the one that Compose derives for
// one of its services, PROJECT-SERVICE, and the tag may be any.
func OwnImage(project string, services []string, image string) bool {
	return slices.Contains(services, ServiceOfImage(project, image))
}

// StagedImage is the name of images during a build.
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

// What is wrong with a build that the builder would compute something of, and the fix.
const (
	BuildComputed   = "${ and %{ are where the builder begins to compute what a value is"
	BuildUncomputed = "write the value out, or pass it by args"
)

// Computed reports whether the builder takes a text for a template. Compose writes builds into a file for it, and takes
// their meaning from args and dockerfile_inline alone.
func Computed(text string) bool { return strings.Contains(text, "${") || strings.Contains(text, "%{") }

// PlainItem reports whether a text is one item of a list with commas.
func PlainItem(text string) bool { return !strings.ContainsAny(text, ",\"\r\n") }

// ImageNameFix is what to write for a service in the place of an image name that is not the project's.
func ImageNameFix(project, service string) string {
	return fmt.Sprintf("remove it, or write %s-%s", project, service)
}
