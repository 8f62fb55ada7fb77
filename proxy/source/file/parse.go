package file

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"gateway/proxy/document"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

const (
	// maxBytes is the most bytes of a file, maxRoutes the most of its routes, and maxTargets the most targets of a route.
	maxBytes   = 1 << 20
	maxRoutes  = 1000
	maxTargets = 100
	// maxDepth is how deep options may be nested, and maxOptions how many a route may have.
	maxDepth   = 4
	maxOptions = 100
)

// fault is what is wrong with a file, and where.
type fault struct {
	line int
	// name is that of the route, empty when the whole file cannot be read.
	name string
	// key is the route's, as far as it could be read.
	key          string
	message, fix string
}

// entry is one route of a file.
type entry struct {
	name  string
	line  int
	claim label.Claim
	// targets are those that the file names, as they are written.
	targets []target
}

// target is an address in a file.
type target struct {
	text, address string
	scheme        route.Scheme
}

// parsed is what a file says. Unreadable are the names of routes with a fault.
type parsed struct {
	entries    []entry
	unreadable map[string]bool
	faults     []fault
}

// parse reads a file. An error means that nothing of it can be read.
func parse(text []byte) (parsed, *fault) {
	if len(text) > maxBytes {
		return parsed{}, &fault{line: 1, message: fmt.Sprintf("it has %d bytes, and %d is the most", len(text), maxBytes), fix: "split it into several files"}
	}
	var tree yaml.Node
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return parsed{}, unreadable(err, text)
	}
	p := parsed{unreadable: map[string]bool{}}
	if len(tree.Content) == 0 {
		return p, nil
	}
	root := resolve(tree.Content[0])
	if isNull(root) {
		return p, nil
	}
	routes, bad := section(root)
	if bad != nil || routes == nil {
		return p, bad
	}
	for i := 0; i < len(routes.Content); i += 2 {
		p.read(routes.Content[i], resolve(routes.Content[i+1]))
	}
	return p, nil
}

// unreadable is the fault of a file that is no YAML.
func unreadable(err error, text []byte) *fault {
	message := document.Words(err, text).Error()
	line := 1
	if rest, found := strings.CutPrefix(message, "line "); found {
		if digits, after, cut := strings.Cut(rest, ": "); cut {
			if n, err := strconv.Atoi(digits); err == nil {
				line, message = n, after
			}
		}
	}
	return &fault{line: line, message: "it is not valid YAML: " + message, fix: "correct the file; its routes stay as they were"}
}

// section finds the routes of a file: the mapping below its only key.
func section(root *yaml.Node) (*yaml.Node, *fault) {
	const fix = `write "routes:", and below it a name for each route with its options`
	if root.Kind != yaml.MappingNode {
		return nil, &fault{line: root.Line, message: "it has no routes", fix: fix}
	}
	var routes *yaml.Node
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], resolve(root.Content[i+1])
		switch {
		case strings.HasPrefix(key.Value, "x-"): // for anchors
		case key.Value != "routes":
			return nil, &fault{line: key.Line, message: fmt.Sprintf("%q is not known; the only key of the file is routes", key.Value), fix: fix}
		case routes != nil:
			return nil, &fault{line: key.Line, message: "routes is there twice", fix: "write all routes below one of them"}
		case isNull(value):
		case value.Kind != yaml.MappingNode:
			return nil, &fault{line: value.Line, message: "routes is no mapping of names to options", fix: fix}
		default:
			routes = value
		}
	}
	if routes != nil && len(routes.Content)/2 > maxRoutes {
		return nil, &fault{line: routes.Line, message: fmt.Sprintf("it has %d routes, and %d is the most", len(routes.Content)/2, maxRoutes), fix: "split it into several files"}
	}
	return routes, nil
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// textOf is a value as it is written, empty when it is left out.
func textOf(n *yaml.Node) string {
	if isNull(n) {
		return ""
	}
	return n.Value
}

// read reads one route.
func (p *parsed) read(key, value *yaml.Node) {
	e := entry{name: key.Value, line: key.Line}
	fail := func(line int, message, fix string) {
		p.unreadable[e.name] = true
		p.faults = append(p.faults, fault{line: line, name: e.name, key: keyOf(e.claim), message: message, fix: fix})
	}
	if slices.ContainsFunc(p.entries, func(other entry) bool { return other.name == e.name }) || p.unreadable[e.name] {
		fail(e.line, fmt.Sprintf("the route %s is there twice", e.name), "give one of them another name")
		return
	}
	if err := checkName(e.name); err != nil {
		fail(e.line, err.Error(), "write a name such as nas")
		return
	}
	o := options{texts: map[string]string{}, lines: map[string]int{}}
	if err := o.flatten("", value, 0); err != nil {
		fail(err.line, fmt.Sprintf("route %s: %s", e.name, err.message), err.fix)
		return
	}
	targets, bad := o.takeTargets()
	claim, problems := label.ParseOptions(o.texts)
	e.claim = claim
	for _, name := range []string{"network", "port", "scheme", "idle"} {
		if line, given := o.lines[name]; given {
			fail(line, fmt.Sprintf("route %s: %s is an option of containers alone", e.name, name), elsewhere[name])
		}
	}
	for _, problem := range problems {
		line := o.lines[problem.Label]
		if line == 0 {
			line = e.line
		}
		fail(line, fmt.Sprintf("route %s: %s", e.name, problem.Message), problem.Fix)
	}
	if len(problems) == 0 {
		bad = append(bad, needed(claim, targets)...)
	}
	for _, b := range bad {
		line := b.line
		if line == 0 {
			line = e.line
		}
		fail(line, fmt.Sprintf("route %s: %s", e.name, b.message), b.fix)
	}
	if !p.unreadable[e.name] {
		e.targets = targets
		p.entries = append(p.entries, e)
	}
}

// elsewhere says what to write in the place of options that only containers have.
var elsewhere = map[string]string{
	"network": "remove it",
	"port":    "write the port into the target, such as http://192.0.2.5:8123",
	"scheme":  "write it into the target, such as https://192.0.2.5:8443",
	"idle":    "remove it: the gateway starts and stops containers alone",
}

func keyOf(c label.Claim) string {
	if c.Key.Prefix.String() == "" {
		return ""
	}
	return c.Key.String()
}

// needed checks that a route has targets, or a redirect in their place.
func needed(claim label.Claim, targets []target) []fault {
	switch redirects := claim.Policy.Redirect != ""; {
	case redirects && len(targets) > 0:
		return []fault{{message: "it has a redirect and targets, which would never get a request", fix: "remove one of them"}}
	case !redirects && len(targets) == 0:
		return []fault{{message: "it has no target", fix: "add target, such as http://192.0.2.5:8123, or a list of targets"}}
	}
	return nil
}

// checkName checks a route's name.
func checkName(name string) error {
	if !label.IsRouteName(name) {
		return fmt.Errorf("%q names no route: a name has small letters, digits, - and _ only, %d at most", name, label.MaxRouteName)
	}
	return nil
}

// options are those of one route, with what is nested below them under names with dots, as labels have them.
type options struct {
	texts map[string]string
	lines map[string]int
	// targets are the nodes of target and targets.
	targets []*yaml.Node
}

// flatten takes what is below a prefix.
func (o *options) flatten(prefix string, n *yaml.Node, depth int) *fault {
	if n.Kind != yaml.MappingNode {
		return &fault{line: n.Line, message: fmt.Sprintf("%s takes options", strings.TrimSuffix(cmp.Or(prefix, "it"), ".")), fix: "write one option on each line, such as path: /nas"}
	}
	if depth == maxDepth {
		return &fault{line: n.Line, message: fmt.Sprintf("options are nested %d deep at most", maxDepth), fix: "write them with dots, such as health.path: /health"}
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		name := prefix + key.Value
		if _, again := o.lines[name]; again {
			return &fault{line: key.Line, message: name + " is there twice", fix: "remove one of them"}
		}
		if len(o.lines) == maxOptions {
			return &fault{line: key.Line, message: fmt.Sprintf("it has more than %d options", maxOptions), fix: "write fewer"}
		}
		if name == "target" || name == "targets" {
			o.lines[name] = key.Line
			o.targets = append(o.targets, value)
			continue
		}
		switch value.Kind {
		case yaml.ScalarNode:
			o.lines[name], o.texts[name] = key.Line, textOf(value)
		case yaml.MappingNode:
			if bad := o.flatten(name+".", value, depth+1); bad != nil {
				return bad
			}
		default:
			return &fault{line: value.Line, message: name + " is a list, and takes one value", fix: "write one value"}
		}
	}
	return nil
}

// takeTargets reads the targets.
func (o *options) takeTargets() (all []target, bad []fault) {
	if o.lines["target"] != 0 && o.lines["targets"] != 0 {
		bad = append(bad, fault{line: o.lines["targets"], message: "it has both target and targets", fix: "write all of them below targets"})
	}
	for _, n := range o.targets {
		nodes := []*yaml.Node{n}
		if n.Kind == yaml.SequenceNode {
			nodes = n.Content
		}
		for _, n := range nodes {
			t, err := parseTarget(resolve(n).Value)
			switch {
			case err != nil:
				bad = append(bad, fault{line: n.Line, message: err.Error(), fix: "write a URL such as http://192.0.2.5:8123"})
			case slices.ContainsFunc(all, func(other target) bool { return other.address == t.address }):
				bad = append(bad, fault{line: n.Line, message: fmt.Sprintf("the target %s is there twice", t.text), fix: "remove one of them"})
			default:
				all = append(all, t)
			}
		}
	}
	if len(all) > maxTargets {
		bad = append(bad, fault{line: o.lines["targets"], message: fmt.Sprintf("it has %d targets, and %d is the most", len(all), maxTargets), fix: "write fewer"})
	}
	return all, bad
}

// ports are those of URLs that name none.
var ports = map[route.Scheme]string{route.HTTP: "80", route.HTTPS: "443", route.H2C: "80"}

// parseTarget reads a target: a URL of scheme and authority (RFC 3986 section 3.2) alone.
func parseTarget(text string) (target, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return target{}, fmt.Errorf("%q is no URL of a target", text)
	}
	scheme := route.Scheme(strings.ToLower(u.Scheme))
	port := ports[scheme]
	switch {
	case port == "":
		return target{}, fmt.Errorf("the target %s has the scheme %q; it takes %s", text, u.Scheme, "http, https or h2c")
	case u.User != nil:
		return target{}, fmt.Errorf("the target %s has a user name, which the gateway does not send", u.Redacted())
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return target{}, fmt.Errorf("the target %s has more than a scheme, a host and a port; requests bring their own path", text)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return target{}, fmt.Errorf("the target %s has the port %s; it takes 1 to 65535", text, port)
	}
	host, err := hostOf(u.Hostname())
	if err != nil {
		return target{}, fmt.Errorf("the target %s: %w", text, err)
	}
	return target{text: strings.TrimSuffix(text, "/"), address: net.JoinHostPort(host, port), scheme: scheme}, nil
}

// hostOf checks the host of a target: an address, or a name that is resolved with each new connection.
func hostOf(host string) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.IsUnspecified() || addr.IsMulticast() {
			return "", fmt.Errorf("%s is the address of no machine", addr)
		}
		return addr.String(), nil
	}
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.'
	}
	if host == "" || len(host) > 253 || strings.ContainsFunc(host, func(r rune) bool { return !plain(r) }) || strings.Trim(host, ".-_") == "" {
		return "", errors.New("its host is neither an address nor a name")
	}
	return strings.ToLower(host), nil
}
