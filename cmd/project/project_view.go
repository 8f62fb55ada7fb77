package project

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/cmd/cli"
	"gateway/cmd/slack"
	"gateway/projects"
	"gateway/projects/policy"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

// projectView is a project as lists and JSON show it.
type projectView struct {
	// Kind is "project" for a folder here. Without one it is "elsewhere" for a project of another projects folder,
	// "orphan" for one whose folder is gone, "compose" for what Docker Compose started and "container" for one alone.
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Dir      string `json:"dir"`
	Template string `json:"template,omitempty"`
	// State is that of the routes (ready, paused, starting, unhealthy, unreachable, draining, asleep, waking, crashing, expired,
	// stopped), or
	// when there are none: "broken" for a folder that cannot be read, "not deployed" without containers, "not routed", and "running", "stopped" or
	// "unknown" when the gateway or the engine cannot be asked.
	State string `json:"state"`
	Owner string `json:"owner,omitempty"`
	// Trust are the rules of the policy that it may break.
	Trust   policy.Trust `json:"trust,omitempty"`
	Created string       `json:"created,omitempty"`
	Expires string       `json:"expires,omitempty"`
	// Term is the length of the term, which a deployment of something new begins again.
	Term string `json:"term,omitempty"`
	// Idle is the time without requests after which it sleeps.
	Idle string `json:"idle,omitempty"`
	// DaysLeft counts from today to the last day: 0 is the last day, below 0 is past.
	DaysLeft   *int            `json:"days_left,omitempty"`
	Routes     []routeView     `json:"routes"`
	Containers []containerView `json:"containers,omitempty"`
	Problems   []admin.Problem `json:"problems,omitempty"`
	// Note says what is without a folder here, and which commands apply.
	Note *admin.Problem `json:"note,omitempty"`
}

type routeView struct {
	Key string `json:"key"`
	URL string `json:"url,omitempty"`
	// State is that of the running gateway, "not routed" when it lacks the route, and "unknown" without one to ask. Reason
	// says why it is not ready, as far as that is known, and Paused how it is paused.
	State  string       `json:"state"`
	Reason string       `json:"reason,omitempty"`
	Paused *admin.Pause `json:"paused,omitempty"`
}

type containerView struct {
	Name    string `json:"name"`
	Service string `json:"service"`
	Image   string `json:"image"`
	State   string `json:"state"`
	Status  string `json:"status"`
}

// observation is what the projects folder, the engine and the gateway say of all projects.
type observation struct {
	// here are the projects with a folder.
	here []projects.Project
	// containers are by project, nil when the engine could not be asked; routes are nil when the gateway could not.
	containers map[string][]docker.Container
	routes     *admin.Routes
	// strays have no folder here.
	strays []projects.Stray
	// at is valid when routes are there.
	at cli.Address
	// invites are what is wrong with the projects' invite pages.
	invites map[string][]admin.Problem
	// warnings are those of the gateway.
	warnings []string
	// engine says why the engine could not be asked; faults are all who could not be.
	engine error
	faults []error
}

// observe reads the folders, and asks the engine and the gateway. That one of these is away is a fault to show, not an error.
func observe(ctx context.Context, s *cli.Session) (observation, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var o observation
	var err error
	if o.here, err = s.Store.List(); err != nil {
		return o, err
	}
	if o.engine = o.list(ctx, s); o.engine != nil {
		o.faults = append(o.faults, o.engine)
	}
	if err := o.ask(ctx, s); err != nil && (o.engine == nil || s.Env.NamedSocket() != "") {
		o.faults = append(o.faults, err)
	}
	o.invites = slack.ProblemsIn(ctx, s, o.here)
	return o, nil
}

// list asks the engine.
func (o *observation) list(ctx context.Context, s *cli.Session) error {
	containers, networks, err := s.Everything(ctx)
	if err != nil {
		return err
	}
	o.containers = map[string][]docker.Container{}
	for _, c := range containers {
		if project := projects.ProjectOf(c.Labels); project != "" {
			o.containers[project] = append(o.containers[project], c)
		}
	}
	o.strays = s.Store.Strays(o.here, containers, networks, cli.Remote(s.Host) != "")
	return nil
}

// incomplete ends a command that showed what the folders say, when this user may not ask the engine for the rest.
func (o observation) incomplete() error {
	if errors.Is(o.engine, docker.ErrForbidden) {
		return cli.ErrSilent
	}
	return nil
}

// ask asks the gateway.
func (o *observation) ask(ctx context.Context, s *cli.Session) error {
	gateway, err := s.Env.Gateway(ctx)
	if err != nil {
		return err
	}
	defer gateway.Close()
	routes, err := gateway.Routes(ctx)
	if err != nil {
		return err
	}
	if o.at, err = s.Address(ctx, gateway); err != nil {
		return err
	}
	status, err := gateway.Status(ctx)
	if err != nil {
		return err
	}
	if stopped := status.ExpiryWarning(); stopped != "" {
		o.warnings = append(o.warnings, stopped)
	}
	o.routes = &routes
	return nil
}

// view puts together what is known of a project.
func (o observation) view(p projects.Project, now time.Time) projectView {
	v := projectView{
		Kind: "project", Name: string(p.Name), Dir: p.Dir, Template: p.Template, Owner: p.Owner, Trust: p.Trust,
		Created: day(p.Created), Expires: day(p.Expires), Term: termOf(p), Idle: idleOf(p.Claims), Routes: []routeView{},
	}
	if !p.Expires.IsZero() {
		left := projects.DaysLeft(p.Expires, now)
		v.DaysLeft = &left
	}
	for _, c := range o.containers[v.Name] {
		v.Containers = append(v.Containers, containerView{c.Name, projects.ServiceOf(c), c.Image, c.State, c.Status})
	}
	o.addRoutes(&v, p)
	v.Problems = append(v.Problems, o.invites[v.Name]...)
	v.State = o.state(v, p.Err)
	if p.Err != nil {
		message := p.Err.Error()
		if fixed, ok := errors.AsType[*projects.MisnamedError](p.Err); ok {
			message = fixed.Message()
		}
		v.Problems = append(v.Problems, admin.Problem{Subject: v.Name, Project: v.Name, Message: message, Fix: p.Fix()})
	}
	return v
}

// views are those of all projects with a folder here and of all that has none, sorted by name.
func (o observation) views(now time.Time) []projectView {
	views := []projectView{}
	for _, p := range o.here {
		views = append(views, o.view(p, now))
	}
	for _, s := range o.strays {
		views = append(views, o.strayView(s))
	}
	slices.SortStableFunc(views, func(a, b projectView) int { return cmp.Compare(a.Name, b.Name) })
	return views
}

// find is what is known of one name: of a folder here, or of what runs without one.
func (o observation) find(store projects.Store, arg string, now time.Time) (projects.Project, projectView, error) {
	name, invalid := projects.ParseName(arg)
	if invalid == nil && store.Exists(name) {
		p, err := store.Load(name)
		p.Err = err
		return p, o.view(p, now), nil
	}
	for _, s := range o.strays {
		if s.Name == arg {
			return projects.Project{}, o.strayView(s), nil
		}
	}
	switch {
	case invalid != nil:
		return projects.Project{}, projectView{}, cli.Usage(invalid)
	case o.engine != nil:
		return projects.Project{}, projectView{}, o.engine
	}
	_, err := store.Load(name)
	return projects.Project{}, projectView{}, err
}

// madeOf is the template of a project for people, or what it is instead.
func (v projectView) madeOf() string {
	switch projects.StrayKind(v.Kind) {
	case projects.Composed:
		return "(compose file)"
	case projects.Single:
		return "(container)"
	}
	return cmp.Or(v.Template, "-")
}

// strayView puts together what is known of something without a folder here.
func (o observation) strayView(s projects.Stray) projectView {
	v := projectView{Kind: string(s.Kind), Name: s.Name, Dir: s.Dir, Routes: []routeView{}}
	for _, c := range s.Containers {
		v.Containers = append(v.Containers, containerView{c.Name, projects.ServiceOf(c), c.Image, c.State, c.Status})
	}
	var p projects.Project
	if s.Kind == projects.Orphan {
		p.Err = s
	}
	for _, c := range s.Containers {
		claims, _ := label.Parse(c.Labels)
		p.Claims = append(p.Claims, claims...)
	}
	for _, claim := range p.Claims {
		v.Owner = cmp.Or(v.Owner, claim.Owner)
	}
	o.addRoutes(&v, p)
	v.State = o.state(v, p.Err)
	note := admin.Problem{Subject: v.Name, Message: s.Message(), Fix: s.Fix()}
	if s.Kind != projects.Single {
		note.Project = v.Name
	}
	if s.Kind == projects.Orphan {
		v.Problems = append(v.Problems, note)
	} else {
		v.Note = &note
	}
	return v
}

// addRoutes lists the routes that are served, and those that the folder asks for and that are not.
func (o observation) addRoutes(v *projectView, p projects.Project) {
	if o.routes != nil {
		for _, r := range v.own(*o.routes) {
			view := routeView{Key: r.Key, State: r.Status(), Reason: r.Why(time.Local), Paused: r.Paused}
			if key, err := route.ParseKey(r.Key); err == nil {
				view.URL = o.at.URL(key)
			}
			v.Routes = append(v.Routes, view)
		}
		for _, problem := range o.routes.Problems {
			if v.concerns(problem) {
				v.Problems = append(v.Problems, problem)
			}
		}
	}
	for _, claim := range p.Claims {
		key := claim.Key.String()
		if !slices.ContainsFunc(v.Routes, func(r routeView) bool { return r.Key == key }) {
			v.Routes = append(v.Routes, routeView{Key: key, State: o.missing()})
		}
	}
	for _, problem := range p.Problems {
		v.Problems = append(v.Problems, admin.Problem{
			Subject: projects.ComposeFile, Project: v.Name, Route: problem.Route, Message: problem.Message, Fix: problem.Fix,
		})
	}
}

// own are the routes of a project, or of a container without one.
func (v projectView) own(routes admin.Routes) []admin.Route {
	if v.Kind != string(projects.Single) {
		return routesOf(routes, v.Name)
	}
	return slices.DeleteFunc(slices.Clone(routes.Routes), func(r admin.Route) bool {
		return !r.OnEngine() || r.Project != "" || r.Service != v.Name
	})
}

func (v projectView) concerns(p admin.Problem) bool {
	if v.Kind != string(projects.Single) {
		return p.Project == v.Name
	}
	return p.Project == "" && p.Subject == v.Name
}

// missing is the state of a route that no table says anything of.
func (o observation) missing() string {
	if o.routes == nil {
		return projects.Unknown
	}
	return projects.NotRouted
}

// state is the one word for a project.
func (o observation) state(v projectView, broken error) string {
	st := projects.Status{Broken: broken != nil, Engine: o.containers != nil, Gateway: o.routes != nil}
	for _, c := range v.Containers {
		st.Containers = append(st.Containers, c.State)
	}
	for _, r := range v.Routes {
		st.Routes = append(st.Routes, r.State)
	}
	return st.State()
}

// notes are the faults in words.
func (o observation) notes(env *cli.Env) []string {
	var all []string
	for _, fault := range o.faults {
		all = append(all, env.Hinted(fault))
	}
	return all
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// termOf is the length of a project's term, empty for a last day that does not move.
func termOf(p projects.Project) string {
	if p.Pinned {
		return ""
	}
	return p.Term.String()
}

// expiry shows the last day for people.
func (v projectView) expiry() string {
	switch {
	case v.DaysLeft == nil:
		return "-"
	case *v.DaysLeft < 0:
		return v.Expires + " (past)"
	case *v.DaysLeft == 0:
		return v.Expires + " (today)"
	}
	return fmt.Sprintf("%s (%d days)", v.Expires, *v.DaysLeft)
}

// paths shows the keys of all routes for people.
func (v projectView) paths() string {
	var keys []string
	for _, r := range v.Routes {
		keys = append(keys, r.Key)
	}
	return cmp.Or(strings.Join(keys, " "), "-")
}

// printReasons says why routes of the project are not ready, one line for each.
func (v projectView) printReasons(env *cli.Env) {
	for _, r := range v.Routes {
		if r.Reason != "" {
			env.Printf("%s: route %s: %s\n", v.Name, r.Key, r.Reason)
		}
	}
}

// routesOf are those of one project.
func routesOf(routes admin.Routes, project string) []admin.Route {
	return slices.DeleteFunc(slices.Clone(routes.Routes), func(r admin.Route) bool { return !r.OnEngine() || r.Project != project })
}
