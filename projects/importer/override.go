package importer

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"gateway/projects/composefile"
	"gateway/projects/policy"
	"gateway/proxy/label"
	"gateway/templates"
)

// Terms are what an imported project is given: the names of the files in its folder, what the gateway knows of
// it, and the published service.
type Terms struct {
	templates.Project
	// Files are those that Compose reads, in its order and by their names in the source.
	Files  []string
	Choice Choice
	// Labels are further ones of the service, which count before those that the terms come to.
	Labels map[string]string
	// Trust are the rules that the project may break: what they allow is not taken out.
	Trust policy.Trust
}

// text writes lines of YAML.
type text struct{ strings.Builder }

func (t *text) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// quoted is a value that means nothing but itself to YAML and to Compose.
func quoted(s string) string { return templates.Value(s).String() }

// Compose is the text of the project's own compose.yaml, which includes the imported files and the override.
func (t Terms) Compose() []byte {
	var b text
	b.line("# An imported project: its files are in %s/ as they came, and what the gateway adds to them is in", Source)
	b.line("# %s. New files, of which a copy is taken:  gateway deploy %s --dir DIR", Override, t.Name)
	b.line("# After editing this file or those:           gateway deploy %s", t.Name)
	b.line("name: %s", quoted(t.Name))
	b.line("")
	b.line("# What the gateway knows of the project. The labels in %s repeat owner and end date: change both.", Override)
	b.line("x-gateway:")
	for _, said := range [][2]string{{"template", t.Template}, {"owner", t.Owner}, {"created", t.Created}, {"expires", t.Expires}} {
		if said[1] != "" {
			b.line("  %s: %s", said[0], quoted(said[1]))
		}
	}
	b.line("")
	b.line("include:")
	b.line("  - path:")
	for _, file := range t.Files {
		b.line("      - %s", templates.Value(path.Join(Source, file)).Plain())
	}
	b.line("      - %s", Override)
	b.line("    project_directory: %s", Source)
	return []byte(b.String())
}

// Unwrap names the files that Compose reads in place of a compose.yaml that Terms.Compose wrote, as if it were run in the
// folder of the source: so it is with the files where they came from. It is empty for one that says more than that.
func Unwrap(text []byte) policy.Wrapped {
	file, err := composefile.Parse(text)
	if err != nil {
		return policy.Wrapped{}
	}
	for _, key := range file.Keys() {
		if key != "name" && key != "include" && !strings.HasPrefix(key, "x-") {
			return policy.Wrapped{}
		}
	}
	only := composefile.Item(0)
	files := file.Items("include", only, "path")
	directory, _ := file.Get("include", only, "project_directory")
	if file.Len("include") != 1 || len(file.Keys("include", only)) != 2 || directory != Source ||
		len(files) < 2 || len(files) != file.Len("include", only, "path") || files[len(files)-1] != Override ||
		slices.ContainsFunc(files, func(file string) bool { return strings.Contains(file, "$") }) {
		return policy.Wrapped{}
	}
	return policy.Wrapped{Base: Source, Files: files}
}

// Override is the text of the file beside it, which has what is added to the imported services, or left out of them.
func (o Outline) Override(t Terms) []byte {
	var b text
	b.line("# What the gateway adds to the files in %s/, and leaves out of them. Labels that are changed here stay; all else is", Source)
	b.line("# replaced when new files are deployed.")
	b.line("services:")
	edge := o.edge()
	for _, s := range o.Services {
		b.line("  %s:", key(s.Name))
		chosen, alias := s.Name == t.Choice.Service, o.alias(s, t.Trust)
		if chosen {
			t.labels(&b)
			s.joins(&b, edge, len(o.Services) == 1, alias)
			if s.Restart == "" {
				b.line("    restart: unless-stopped")
			}
		}
		if !chosen && alias != "" {
			b.line("    networks:")
			s.keepsName(&b, alias)
		}
		s.leaves(&b, t.Trust)
		s.Missing.write(&b)
		if !s.changed(t) {
			b.line("    labels: {}")
		}
	}
	for _, s := range o.Off {
		if s.leavesSome(t.Trust) {
			b.line("  %s:", key(s.Name))
			if alias := o.alias(s, t.Trust); alias != "" {
				b.line("    networks:")
				s.keepsName(&b, alias)
			}
			s.leaves(&b, t.Trust)
		}
	}
	b.line("")
	b.line("networks:")
	b.line("  # Shared with the proxy and with no other project.")
	b.line("  %s:", key(edge))
	b.line("    labels:")
	b.line("      %s: %s", label.Role, label.RoleEdge)
	b.addresses(t.Subnet)
	if t.Backend != "" && o.NeedsBackend() {
		b.line("  # Of the project's other services.")
		b.line("  default:")
		b.addresses(t.Backend)
	}
	return []byte(b.String())
}

func (t *text) addresses(subnet string) {
	t.line("    ipam:")
	t.line("      config:")
	t.line("        - subnet: %s", quoted(subnet))
}

// NeedsBackend reports whether services share a network beside the edge network, of which nothing says the addresses.
func (o Outline) NeedsBackend() bool {
	return len(o.Services) > 1 && !slices.Contains(o.Addressed, "default") &&
		slices.ContainsFunc(o.Services, func(s Service) bool { return s.onDefault() })
}

func (s Service) onDefault() bool {
	return s.Networks == nil && s.NetworkMode == "" || slices.Contains(s.Networks, "default")
}

// edge is the key of the network that is shared with the proxy: one that the files do not have.
func (o Outline) edge() string {
	for _, key := range []string{"web", "edge", "gateway"} {
		if !slices.Contains(o.Networks, key) {
			return key
		}
	}
	key := "gateway-edge"
	for slices.Contains(o.Networks, key) {
		key += "-"
	}
	return key
}

func (t Terms) labels(b *text) {
	all := map[string]string{label.Path: t.Path}
	if t.Choice.Port > 0 {
		all[label.Port] = fmt.Sprint(t.Choice.Port)
	}
	for name, value := range map[string]string{label.Host: t.Host, label.Owner: t.Owner, label.Expires: t.Expires} {
		if value != "" {
			all[name] = value
		}
	}
	maps.Copy(all, t.Labels)
	b.line("    labels:")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.line("      %s: %s", key(name), quoted(all[name]))
	}
}

// key is a key of a mapping: quoted, but for the gateway's own labels. Compose puts no variables into keys.
func key(name string) string {
	if strings.HasPrefix(name, "gateway.") && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz.-") == "" {
		return name
	}
	return templates.Value(name).Plain()
}

// joins puts a service on the edge network beside its own networks, with an alias if it loses its container_name.
func (s Service) joins(b *text, edge string, alone bool, alias string) {
	b.line("    networks:")
	on := " {}"
	switch {
	case s.onDefault() && alone:
		// It may call itself. A name with dots in it could be one that the proxy looks up.
		if alias != "" && !strings.Contains(alias, ".") {
			on = aliases(alias)
		}
	case alias != "":
		s.keepsName(b, alias)
	case s.onDefault():
		b.line("      default: {}")
	}
	b.line("      %s:%s", key(edge), on)
}

// alias is the name that a service loses with container_name, under which others may call it; empty when it loses none,
// is on no network of its own, or a service has that name anyway.
func (o Outline) alias(s Service, trust policy.Trust) string {
	taken := slices.ContainsFunc(slices.Concat(o.Services, o.Off), func(other Service) bool { return other.Name == s.ContainerName })
	if !s.leavesName(trust) || s.NetworkMode != "" || taken {
		return ""
	}
	return s.ContainerName
}

// keepsName adds the container_name that a service loses as an alias, for the other services of the project.
func (s Service) keepsName(b *text, alias string) {
	if s.onDefault() && !slices.Contains(s.Networks, "default") {
		b.line("      default:%s", aliases(alias))
	}
	for _, network := range s.Networks {
		b.line("      %s:%s", key(network), aliases(alias))
	}
}

func aliases(alias string) string { return " {aliases: [" + quoted(alias) + "]}" }

// leaves takes out what names things of the machine, which the gateway's way to a service does without.
func (s Service) leaves(b *text, trust policy.Trust) {
	if s.leavesPorts(trust) {
		b.line("    ports: !reset []")
	}
	if s.leavesName(trust) {
		b.line("    container_name: !reset null")
	}
}

func (s Service) leavesPorts(trust policy.Trust) bool {
	return len(s.Published) > 0 && !trust.Has(policy.Ports)
}

func (s Service) leavesName(trust policy.Trust) bool {
	return s.ContainerName != "" && !trust.Has(policy.ContainerName)
}

func (s Service) leavesSome(trust policy.Trust) bool {
	return s.leavesPorts(trust) || s.leavesName(trust)
}

func (s Service) changed(t Terms) bool {
	return s.Name == t.Choice.Service || s.leavesSome(t.Trust) || s.Missing != (Missing{})
}

// write adds the limits that a service says nothing of, as they would be added anyway: so that what Compose makes of the
// folder is the same with the gateway and without.
func (m Missing) write(b *text) {
	m.resources(b)
	if m.NoNewPrivileges {
		b.line("    security_opt: [\"no-new-privileges:true\"]")
	}
	if m.CapDrop != "" {
		b.line("    cap_drop: [%s]", m.CapDrop)
	}
	if m.LogSize == "" && m.LogFiles == "" {
		return
	}
	b.line("    logging:")
	b.line("      driver: json-file")
	b.line("      options:")
	if m.LogSize != "" {
		b.line("        max-size: %q", m.LogSize)
	}
	if m.LogFiles != "" {
		b.line("        max-file: %q", m.LogFiles)
	}
}

// resources adds those where the service has its own.
func (m Missing) resources(b *text) {
	indent, keys := "    ", [3]string{"mem_limit", "cpus", "pids_limit"}
	if m.Deploy {
		b.line("    deploy:")
		b.line("      resources:")
		b.line("        limits:")
		indent, keys = "          ", [3]string{"memory", "cpus", "pids"}
	}
	if m.Memory > 0 {
		b.line("%s%s: %s", indent, keys[0], policy.Size(m.Memory))
	}
	if m.CPUs > 0 {
		b.line("%s%s: \"%g\"", indent, keys[1], m.CPUs)
	}
	if m.CPUQuota > 0 {
		b.line("%scpu_quota: %d", indent, m.CPUQuota)
	}
	if m.Pids > 0 {
		b.line("%s%s: %d", indent, keys[2], m.Pids)
	}
}

// Notes say what becomes of the imported files otherwise than they say, one line each.
func (o Outline) Notes(t Terms) []string {
	var notes []string
	if o.Name != "" && o.Name != t.Name {
		notes = append(notes, fmt.Sprintf("the project is called %s, not %s as the files say", t.Name, o.Name))
	}
	for _, s := range o.Services {
		for _, p := range s.Published {
			if !s.leavesPorts(t.Trust) {
				break
			}
			note := fmt.Sprintf("service %s: port %s is not published any more", s.Name, cmp.Or(p.Host, fmt.Sprint(p.Inside)))
			if s.Name == t.Choice.Service && p.Inside == t.Choice.Port && !p.UDP {
				note += fmt.Sprintf(": the gateway reaches the service at %d", p.Inside)
			} else {
				note += "; the project's own services still reach it by its name"
			}
			notes = append(notes, note)
		}
		if s.leavesName(t.Trust) {
			note := fmt.Sprintf("service %s: the container is not called %s any more: names of containers are the machine's", s.Name, s.ContainerName)
			if o.alias(s, t.Trust) != "" && len(o.Services) > 1 {
				note += "; the project's own services still reach it by that name"
			}
			notes = append(notes, note)
		}
		if path := s.Labels[label.Path]; s.Name == t.Choice.Service && path != "" && path != t.Path {
			notes = append(notes, fmt.Sprintf("service %s: it is served at %s, not at %s as its label says", s.Name, t.Path, path))
		}
	}
	return notes
}

// Check refuses labels by which the imported files ask for routes beside the one that was chosen: which routes a project
// has is said in its own folder, where everybody looks.
func (o Outline) Check(c Choice) error {
	for _, s := range o.Services {
		for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
			if name == label.Path && s.Name != c.Service || strings.HasPrefix(name, label.Routes) {
				return fmt.Errorf("service %s: label %s: files that are imported have one route, which --path says; take the label out, and add it to %s in the project's folder afterwards", s.Name, name, Override)
			}
		}
	}
	return nil
}
