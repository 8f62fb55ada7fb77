package projects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"gateway/projects/compose"
	"gateway/projects/plan"
	"gateway/projects/policy"
	"gateway/proxy/label"
	"gateway/proxy/route"
	"gateway/templates"
)

// RedirectTemplate is the template of projects that only redirect.
const RedirectTemplate = "redirect"

// redirectService is its service, whose network has the same name.
const redirectService = "redirect"

// The actions that remove what the engine has of a project that another took the place of.
const (
	// dropNetworks removes the networks Names of the project.
	dropNetworks plan.Kind = "drop networks"
	// dropVolumes removes the volumes Names.
	dropVolumes plan.Kind = "drop volumes"
	// dropBuilt removes the images that were built for the project.
	dropBuilt plan.Kind = "drop built images"
)

// RemoveRedirect removes a project as Remove does, and makes one of the same name in its place that only redirects its
// routes. The routes answer throughout: with what they are, until the gateway switches all of them to the redirect at once.
// Until then it is undone when it fails; all that goes is removed afterwards.
type RemoveRedirect struct {
	Name Name
	// To is where clients are sent, as the label gateway.redirect takes it, and Until the last day on which they are.
	To    string
	Until time.Time
	// On is the day of it.
	On time.Time
	// Pool is where the subnet of its network is taken from.
	Pool netip.Prefix
}

// Project is the one to remove.
func (r RemoveRedirect) Project() Name { return r.Name }

// redirecting is a RemoveRedirect under way.
type redirecting struct {
	RemoveRedirect
	life Life
	// removable and before are the project that goes, without what cannot be read of it. Routes are those that it had, and
	// own those among them that did not redirect: others may have a last day already.
	removable
	before      Project
	routes, own []label.Claim
	// stage is a scratch folder that becomes dir, the project's folder, and after what is in it.
	stage, dir string
	after      Project
}

// Plan decides whether the project may be removed, and makes the folder of its successor in a scratch folder.
func (r RemoveRedirect) Plan(ctx context.Context, o *Observed) (*Change, error) {
	// From here on until its files are in place nobody else chooses a subnet.
	unlock, err := o.life.Store.lock(ctx, poolLock, poolPatience)
	if err != nil {
		return nil, err
	}
	free := sync.OnceFunc(unlock)
	o.closers = append(o.closers, free)
	u := &redirecting{RemoveRedirect: r, life: o.life, dir: o.life.Store.Dir(r.Name)}
	if u.removable, err = (Remove{r.Name}).check(ctx, o); err != nil {
		return nil, err
	}
	if u.done {
		return nil, fmt.Errorf("%w: %s; an interrupted removal of it was finished just now", ErrNoProject, r.Name)
	}
	if done, err := u.find(o); done || err != nil {
		return &Change{Plan: plan.Plan{Verb: "rm"}, Project: u.before}, err
	}
	notes, err := u.check(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := u.make(ctx, o); err != nil {
		return nil, err
	}
	return u.change(free, notes), nil
}

// find reads what the project is. It reports whether the repair of an interrupted change has done it all.
func (u *redirecting) find(o *Observed) (done bool, err error) {
	if u.before, err = o.Load(); err != nil {
		u.before = Project{Name: u.Name, Dir: u.dir} // The labels of its containers have to do.
	}
	p := u.before
	if p.Template == RedirectTemplate && p.redirects() {
		to := p.Claims[0].Policy.Redirect
		if o.Repaired == "rm" && to == u.To && p.Expires.Equal(u.Until) {
			return true, nil
		}
		return false, fmt.Errorf("project %s only redirects already, to %s; change where with: gateway set %s to=/PATH, and its last day with: gateway renew %s --ttl 90d", u.Name, to, u.Name, u.Name)
	}
	u.routes = u.running.claims()
	if len(u.routes) == 0 {
		u.routes = slices.Concat(p.Claims, p.Redirects)
	}
	// Replicas ask for the same.
	var keys []route.Key
	u.routes = slices.DeleteFunc(u.routes, func(c label.Claim) bool {
		drop := c.Over(u.On) || slices.Contains(keys, c.Key)
		keys = append(keys, c.Key)
		return drop
	})
	if u.own = label.Own(u.routes); len(u.own) == 0 {
		return false, fmt.Errorf("project %s has no route, so that there is nothing to redirect; leave out --redirect and --to", u.Name)
	}
	return false, nil
}

// check collects every reason why it cannot be done. What to consider it notes.
func (u *redirecting) check(ctx context.Context, o *Observed) (notes []string, err error) {
	_, gateway := o.gateway(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	reasons := []error{gateway, o.near(), o.life.Store.checkRoom(1 << 20)}
	if !errors.Is(gateway, ErrNoGateway) { // Starting the gateway makes the image.
		reasons = append(reasons, o.imagesThere(ctx, []string{gatewayImage}))
	}
	for _, n := range u.running.Networks {
		if n.Labels[composeNetwork] == redirectService {
			reasons = append(reasons, fmt.Errorf("network %s of project %s has the name that the redirect needs; rename it in %s and deploy the project first: gateway deploy %s", n.Name, u.Name, ComposeFile, u.Name))
		}
	}
	taken, err := o.Taken(ctx)
	if err != nil {
		return nil, refuse(append(reasons, err)...)
	}
	for _, claim := range u.routes {
		reasons = append(reasons, u.leadsAway(claim.Key, taken))
	}
	if err := refuse(reasons...); err != nil {
		return nil, err
	}
	if to, err := route.ParsePrefix(u.To); err == nil && !slices.ContainsFunc(taken, func(h policy.Held) bool { return h.Key.Prefix.Contains(to.String()) }) {
		notes = append(notes, fmt.Sprintf("no route serves %s yet: until one does, clients that are redirected get 404", u.To))
	}
	return notes, nil
}

// leadsAway refuses a redirect to an address that the route itself answers for.
func (u *redirecting) leadsAway(key route.Key, taken []policy.Held) error {
	path := u.To
	if at, err := url.Parse(u.To); err == nil && at.Host != "" {
		if key.Host == "" || !strings.EqualFold(key.Host, at.Hostname()) {
			return nil
		}
		path = cmp.Or(at.EscapedPath(), "/")
	}
	to, err := route.ParsePrefix(path)
	if err != nil || !key.Prefix.Contains(to.String()) {
		return nil
	}
	for _, h := range taken {
		if h.Project != string(u.Name) && h.Key.Prefix.Depth() > key.Prefix.Depth() && h.Key.Prefix.Contains(to.String()) && (h.Key.Host == "" || h.Key.Host == key.Host) {
			return nil
		}
	}
	return fmt.Errorf("--to %s: it is at or below %s, a path of project %s itself, so that clients would be redirected in circles; write the path of another project, or the URL of another site", u.To, key, u.Name)
}

// make makes the folder of the redirect, and holds it to the policy.
func (u *redirecting) make(ctx context.Context, o *Observed) error {
	scaffold, err := templates.Find(RedirectTemplate)
	if err != nil {
		return err
	}
	subnet, _, err := o.subnets(ctx, u.Pool, false)
	if err != nil {
		return refuse(err)
	}
	first := u.own[0]
	owner := cmp.Or(u.before.Owner, first.Owner)
	files, err := scaffold.Render(templates.Project{
		Name: string(u.Name), Path: first.Key.Prefix.String(), Host: first.Key.Host, Owner: owner,
		Created: dateOf(u.On), Expires: dateOf(u.Until), Subnet: subnet.String(),
	}, map[string]string{"to": u.To})
	if err != nil {
		return err
	}
	files[ComposeFile] = u.furtherRoutes(files[ComposeFile], owner != "")
	if u.stage, err = o.Scratch(o.life.Store.root, "add"); err != nil {
		return err
	}
	if err := fill(ctx, u.stage, files, nil); err != nil {
		return fmt.Errorf("making the folder of the redirect: %w", diskFull(err))
	}
	u.after = Project{Name: u.Name, Dir: u.dir}
	if u.after.Document, err = read(u.Name, u.stage); err != nil {
		return err
	}
	if err := refuse(u.after.wrong()...); err != nil {
		return err
	}
	_, err = o.CheckPolicy(ctx, compose.Subject{Dir: u.stage, Place: u.dir}, u.after.keys()...)
	return err
}

// furtherRoutes adds the routes but the first one to the text of the redirect's compose.yaml, as the template writes it.
func (u *redirecting) furtherRoutes(text []byte, owned bool) []byte {
	const behind = "    networks: [" + redirectService + "]\n"
	var b strings.Builder
	for i, claim := range slices.DeleteFunc(slices.Clone(u.routes), func(c label.Claim) bool { return c.Key == u.own[0].Key }) {
		say := func(field, value string) {
			fmt.Fprintf(&b, "      %sroute-%d.%s: %s\n", label.Routes, i+2, field, value)
		}
		say("path", templates.Value(claim.Key.Prefix.String()).String())
		if claim.Key.Host != "" {
			say("host", templates.Value(claim.Key.Host).String())
		}
		say("redirect", "*to")
		if owned {
			say("owner", "*owner")
		}
		if last := claim.Expires; u.endsEarlier(claim) {
			say("expires", templates.Value(dateOf(last)).String())
		} else {
			say("expires", "*expires")
		}
	}
	return []byte(strings.Replace(string(text), behind, b.String()+behind, 1))
}

// endsEarlier reports whether a route redirected already, and ends on a day of its own.
func (u *redirecting) endsEarlier(c label.Claim) bool {
	return !c.Expires.IsZero() && c.Expires.Before(u.Until) && !slices.ContainsFunc(u.own, func(own label.Claim) bool { return own.Key == c.Key })
}

// change makes the plan.
func (u *redirecting) change(free func(), notes []string) *Change {
	c := &Change{
		Plan: plan.Plan{Verb: "rm"}, Project: u.after, Keys: u.after.keys(), Notes: notes,
		Undone: fmt.Sprintf("project %s is as before", u.Name), Fix: "gateway deploy " + string(u.Name),
	}
	for _, claim := range u.after.Claims {
		c.Steps = append(c.Steps, plan.Step{Text: fmt.Sprintf("redirect %s to %s until %s", claim.Key, u.To, dateOf(claim.Expires))})
	}
	if u.exists {
		gone, cleanup := Remove{u.Name}.discards(u.life.Store)
		c.Steps, c.Cleanup = append(c.Steps, gone...), append(c.Cleanup, cleanup...)
	}
	place := plan.RenameTo(u.stage, u.dir)
	place.Text = fmt.Sprintf("make %s with the %s of a redirect", u.dir, ComposeFile)
	ids := u.running.ids()
	c.Steps = append(
		c.Steps, place, plan.Step{Do: func(context.Context) error { free(); return nil }},
		plan.Step{Text: "start the redirect, which answers in place of the project", Do: u.start, Undo: []plan.Action{{Kind: abandon, Names: ids}, {Kind: dropNetworks, Names: []string{string(u.Name) + "_" + redirectService}}}},
	)
	c.Steps = append(c.Steps, u.removals()...)
	var networks []string
	for _, n := range u.running.Networks {
		networks = append(networks, n.Name)
	}
	c.Cleanup = append([]plan.Action{
		{Kind: retire}, {Kind: dropNetworks, Names: networks}, {Kind: dropVolumes, Names: u.volumes}, {Kind: dropBuilt},
	}, c.Cleanup...)
	return c
}

// start starts the redirect beside what there is, and makes the gateway switch to it.
func (u *redirecting) start(ctx context.Context) error {
	replaces := u.running.ids()
	err := newRollout(u.life, u.Name, replaces).run(ctx, u.after, compose.Rollout{Services: []string{redirectService}, Replaces: replaces})
	if failure, is := errors.AsType[*Failure](err); is {
		failure.Served = u.running.up() > 0
	}
	return err
}

// dropNetworks removes networks of a project, those that are still there.
func (l Life) dropNetworks(ctx context.Context, name Name, names []string) error {
	running, err := Look(ctx, l.Engine, name)
	if err != nil {
		return err
	}
	var failed error
	for _, n := range running.Networks {
		if !slices.Contains(names, n.Name) {
			continue
		}
		if err := RemoveNetwork(ctx, l.Engine, n); err != nil {
			failed = errors.Join(failed, fmt.Errorf("removing network %s: %w", n.Name, err))
		}
	}
	return failed
}

// dropVolumes removes volumes, those that are still there.
func (l Life) dropVolumes(ctx context.Context, names []string) error {
	var failed error
	for _, name := range names {
		if err := l.Engine.RemoveVolume(ctx, name); err != nil {
			failed = errors.Join(failed, fmt.Errorf("removing volume %s: %w", name, err))
		}
	}
	return failed
}
