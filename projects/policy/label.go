package policy

import (
	"fmt"
	"slices"
	"strings"

	"gateway/proxy/label"
	"gateway/proxy/route"
)

// ClaimedLabel says why a label of a container is not for a project to set, or is empty. Labels of gateway that it does
// not know are problems of their route, as everywhere.
func ClaimedLabel(key, value string) string {
	key = strings.ToLower(strings.TrimSpace(key))
	if further, is := strings.CutPrefix(key, label.Routes); is {
		_, name, _ := strings.Cut(further, ".")
		key = "gateway." + name
	}
	switch {
	case strings.HasPrefix(key, "com.docker."):
		return "it is Compose's and the engine's own"
	case key == label.Role || key == label.Record:
		return "it marks the gateway's own containers"
	case label.Internal(key):
		return "gateway deploy sets it"
	case key == "gateway.isolation" || strings.HasPrefix(key, "gateway.isolation."), strings.HasPrefix(key, "gateway.cookies"), strings.HasPrefix(key, "gateway.trust"):
		if value == "sandbox" {
			return ""
		}
		return "it loosens what keeps projects apart"
	case key == label.Origin && strings.TrimSpace(value) != "drop":
		return "it lets an app speak for all projects on the host"
	case key == label.TLSClient:
		return "it decides who may reach all that is served for its host"
	case strings.HasPrefix(key, "traefik.") && !(key == "traefik.enable" && strings.EqualFold(value, "false")):
		return "it publishes by another proxy"
	case key == "caddy" || strings.HasPrefix(key, "caddy_") || strings.HasPrefix(key, "caddy."):
		return "it publishes by another proxy"
	}
	return ""
}

// RoleOfNetwork reports whether a label says what a network of a project is for.
func RoleOfNetwork(key, value string) bool {
	return key == label.Role && (value == label.RoleEdge || value == label.RoleBackend)
}

// Held is a key that routes, and the project that has it; empty for a container without one.
type Held struct {
	Key         route.Key
	Project, By string
}

// Claims finds the paths of a project's labels that are another's. Labels are those of each service; own are the keys
// that who runs the gateway chose for the project, and what the project has already counts as such.
func Claims(project string, labels map[string]map[string]string, held []Held, own ...route.Key) []Finding {
	for _, h := range held {
		if h.Project == project {
			own = append(own, h.Key)
		}
	}
	var all []Finding
	for service, set := range labels {
		claims, _ := label.Parse(set)
		for _, claim := range claims {
			if f, found := takenFrom(project, service, claim.Key, held); found && !slices.Contains(own, claim.Key) {
				all = append(all, f)
			}
		}
	}
	slices.SortFunc(all, func(a, b Finding) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(all)
}

// takenFrom finds those whose requests a service would take at a key.
func takenFrom(project, service string, key route.Key, held []Held) (Finding, bool) {
	var others []string
	for _, h := range held {
		if other := fmt.Sprintf("%s, which is %s", h.Key, h.By); h.Project != project && takes(key, h.Key) && !slices.Contains(others, other) {
			others = append(others, other)
		}
	}
	if len(others) == 0 {
		return Finding{}, false
	}
	slices.Sort(others)
	more := ""
	if len(others) > 1 {
		more = fmt.Sprintf(", and of %d more", len(others)-1)
	}
	return Routes.Found("services."+service+".labels", fmt.Sprintf("path %s would take requests of %s%s", key, others[0], more)), true
}

// takes reports whether a route at key would answer for addresses of the one at held, for a host that held answers for:
// at the same path, at a path below it, other than below /, and at one above it for a host of its own, since the routes
// of a host come before those of any host.
func takes(key, held route.Key) bool {
	if held.Host != "" && key.Host != held.Host {
		return false
	}
	mine, theirs := key.Prefix.String(), held.Prefix.String()
	return mine == theirs || theirs != "/" && below(theirs, mine) || key.Host != held.Host && below(mine, theirs)
}

// below reports whether a path is inside another.
func below(above, path string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(above, "/")+"/")
}
