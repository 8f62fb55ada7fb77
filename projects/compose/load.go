package compose

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"

	"gateway/projects/importer"
	"gateway/projects/policy"
)

// Subject is a project to be looked at.
type Subject struct {
	// Dir is the absolute path of its folder and Name what it is called.
	Dir, Name string
	// Trust is given beside what the folder's compose.yaml records.
	Trust policy.Trust
	// Place is the folder that Dir stands for, when it is another one: what is in it already will still be there.
	Place string
	// Kept is a folder with the files of an earlier Inspection.Texts, which are read in place of those in Dir; empty reads
	// those in Dir.
	Kept string
}

// Inspection is what a project comes to.
type Inspection struct {
	// Trust is all that counts, Allowed what would be refused without it.
	Trust   policy.Trust
	Allowed []policy.Finding
	// Added are the limits that services get which say nothing of them, one line for each service.
	Added []string
	// Labels are those of each service, of all the files that make it.
	Labels map[string]map[string]string
	// Subnets are those that networks ask for, by the network's key.
	Subnets map[string][]netip.Prefix
	// Volumes are the names of the project's volumes, by their keys.
	Volumes map[string]string
	// Texts are the project's own compose and .env files, by slash-separated path in its folder; what these include is not
	// among them.
	Texts map[string][]byte
	// Unset are the variables that the files use and nothing sets.
	Unset []policy.Unset
	// Absent are the mounts of which nothing is there to be mounted, one line each.
	Absent []string

	place func(keys ...string) (policy.Place, string)
	// base is the folder that relative paths in the files start at.
	base string
}

// Located is a finding of somebody else's with the file and line that say its keys.
func (i Inspection) Located(f policy.Finding) policy.Finding {
	at, _ := i.place(strings.Split(f.Where, ".")...)
	f.File, f.Line = at.File, at.Line
	return f
}

// Notes are lines for people about what trust allows and what was added.
func (i Inspection) Notes() []string {
	var notes []string
	for _, f := range i.Allowed {
		notes = append(notes, fmt.Sprintf("trusted by rule %s: %s: %s", f.Rule, f.Where, f.Text))
	}
	for _, u := range i.Unset {
		notes = append(notes, i.unset(u))
	}
	return slices.Concat(notes, i.Absent, i.Added)
}

// unset warns of a variable as Compose does, by a path that means the same wherever the folder is.
func (i Inspection) unset(u policy.Unset) string {
	where := u.File
	if rel, err := filepath.Rel(i.base, u.File); err == nil && filepath.IsLocal(rel) {
		where = rel
	}
	if u.Line > 0 {
		where += fmt.Sprintf(": line %d", u.Line)
	}
	literal := fmt.Sprintf("write $$%s for a literal dollar sign", u.Name)
	if ext := filepath.Ext(u.File); ext != ".yaml" && ext != ".yml" {
		literal += ", or put the value in single quotes"
	}
	return fmt.Sprintf("warning: %s: variable %s is not set and becomes an empty string; set it in .env, or %s", where, u.Name, literal)
}

// Inspect reads a project as Up would, without asking the engine, and holds it to the policy. The error is a
// policy.Refused when rules refuse it, else it says what Compose cannot understand. Variables are those of the folder's
// .env, and PWD, which is the folder; nothing outside the folder is read.
func (c *Compose) Inspect(ctx context.Context, s Subject) (Inspection, error) {
	_, seen, err := inspect(ctx, s)
	return seen, err
}

// inspect is the one way in which projects are read: what it returns is what was checked.
func inspect(ctx context.Context, s Subject) (*types.Project, Inspection, error) {
	prepare()
	path := filepath.Join(s.Dir, file)
	report, err := look(s)
	if err != nil {
		return nil, Inspection{}, located(path, err)
	}
	path = report.Files[0]
	seen := Inspection{Trust: report.Trust, Texts: map[string][]byte{}, place: report.Place, base: report.Base}
	for _, path := range report.Own {
		text, found := report.Texts[path]
		if name, err := filepath.Rel(s.Dir, path); err == nil && found {
			seen.Texts[filepath.ToSlash(name)] = text
		}
	}
	if err := report.Unreadable(); err != nil {
		return nil, seen, err
	}
	project, err := read(ctx, s, report)
	if err != nil {
		return nil, seen, located(path, err)
	}
	if _, err := allowed(project, report); err != nil {
		return nil, seen, err
	}
	seen.Unset = unsetIn(project, report)
	if project, err = resolve(project); err != nil {
		return nil, seen, located(path, err)
	}
	project.WorkingDir = s.Dir
	if seen.Allowed, err = allowed(project, report); err != nil {
		return nil, seen, err
	}
	seen.Labels = map[string]map[string]string{}
	for name, service := range project.AllServices() {
		seen.Labels[name] = service.Labels
	}
	seen.Subnets = subnetsOf(project)
	seen.Volumes = map[string]string{}
	for key, volume := range project.Volumes {
		seen.Volumes[key] = volume.Name
	}
	seen.Absent = absent(project, s, report.Base)
	seen.Added = addLimits(project)
	return finish(project), seen, nil
}

// absent are the folders that the engine will make, which is seldom meant where a name is a file's.
func absent(project *types.Project, s Subject, base string) []string {
	var all []string
	for _, name := range project.ServiceNames() {
		for _, m := range mountsOf(project.Services[name]) {
			rel, err := filepath.Rel(s.Dir, m.Path)
			if err != nil || !filepath.IsLocal(rel) || exists(m.Path) || s.Place != "" && exists(filepath.Join(s.Place, rel)) {
				continue
			}
			if shown, err := filepath.Rel(base, m.Path); err == nil {
				rel = shown
			}
			warning := ""
			if filepath.Ext(rel) != "" {
				warning = "warning: "
			}
			all = append(all, fmt.Sprintf("%sservice %s mounts %q, which does not exist: the engine creates an empty folder of that name", warning, name, rel))
		}
	}
	return all
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// subnetsOf are the subnets that can be read; the others are for the engine to refuse.
func subnetsOf(project *types.Project) map[string][]netip.Prefix {
	all := map[string][]netip.Prefix{}
	for name, network := range project.Networks {
		for _, pool := range network.Ipam.Config {
			if pool == nil {
				continue
			}
			if prefix, err := netip.ParsePrefix(pool.Subnet); err == nil {
				all[name] = append(all[name], prefix)
			}
		}
	}
	return all
}

// look is the first look, at the text of the files.
func look(s Subject) (policy.Report, error) {
	return policy.Check(policy.Source{
		Dir: s.Dir, File: file, Name: s.Name, Kept: s.Kept, Trust: s.Trust,
		Env: map[string]string{consts.ComposeProjectName: s.Name}, Unwrap: importer.Unwrap, Language: language(),
	})
}

// allowed is the second look, at what came of the files: what is found there is allowed by trust, or the error.
func allowed(project *types.Project, report policy.Report) ([]policy.Finding, error) {
	allowed, refused := report.Trust.Split(resolvedFindings(project, report))
	if refused = append(refused, report.Findings...); len(refused) > 0 {
		return nil, policy.Refused(policy.Sorted(refused))
	}
	return allowed, nil
}

// read loads the files with Compose. Files for the inside of containers are read later, after their paths were checked.
func read(ctx context.Context, s Subject, report policy.Report) (project *types.Project, err error) {
	defer func() {
		// The library takes some types for granted before it has checked them.
		if r := recover(); r != nil {
			project, err = nil, fmt.Errorf("compose cannot read it: %v", r)
		}
	}()
	details := types.ConfigDetails{WorkingDir: report.Base, Environment: maps.Clone(report.Env)}
	for _, path := range report.Files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: path, Content: report.Texts[path]})
	}
	return loader.LoadWithContext(ctx, details, func(o *loader.Options) {
		o.SetProjectName(s.Name, true)
		o.SkipResolveEnvironment, o.SkipResolveLabels = true, true
		o.Profiles = profiles(report.Env[consts.ComposeProfiles])
	})
}

// profiles are those that the project's .env turns on.
func profiles(list string) []string {
	var all []string
	for profile := range strings.SplitSeq(list, ",") {
		all = append(all, strings.TrimSpace(profile))
	}
	return all
}

// resolve reads env_file and label_file. Like the docker compose command it leaves out which files these were: the hash of
// a service is of its environment.
func resolve(project *types.Project) (*types.Project, error) {
	project, err := project.WithServicesEnvironmentResolved(true)
	if err != nil {
		return nil, err
	}
	return project.WithServicesLabelsResolved(false)
}

// finish marks the services as the docker compose command does.
func finish(project *types.Project) *types.Project {
	project.ComposeFiles = []string{filepath.Join(project.WorkingDir, file)}
	for name, service := range project.Services {
		service.CustomLabels = map[string]string{
			api.ProjectLabel:     project.Name,
			api.ServiceLabel:     name,
			api.VersionLabel:     api.ComposeVersion,
			api.WorkingDirLabel:  project.WorkingDir,
			api.ConfigFilesLabel: strings.Join(project.ComposeFiles, ","),
			api.OneoffLabel:      "False",
		}
		project.Services[name] = service
	}
	return project.WithoutUnnecessaryResources()
}
