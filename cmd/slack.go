package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gateway/projects"
	"gateway/proxy/invite"
	"gateway/proxy/invite/link"
	"gateway/proxy/stack"
	"gateway/templates"
)

// inviteTemplate is what the projects are made from that have an invite page, inviteService the service of theirs.
const (
	inviteTemplate = "slack-invite"
	inviteService  = "invite"
)

func newSlack(env *Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "slack",
		Short: "Look after the page that invites people to a chat",
		Long: "Sets the links that the page of a slack-invite project leads to, and shows how often they were used. It is for\n" +
			"pages that invite to Discord, Matrix or elsewhere too. While there is one such project, --project need not be said.",
		Example: "  gateway slack set-link https://join.slack.com/t/robots/shared_invite/zt-2abc\n  gateway slack show",
		Args:    usage(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newSlackShow(env), newSlackSetLink(env), newSlackRemoveLink(env),
		newSlackSwitch(env, "disable-link", true), newSlackSwitch(env, "enable-link", false),
		newSlackSetWebhook(env), newSlackRemoveWebhook(env), newSlackSetLogo(env))
	return c
}

// invitePage is the folder of a project with an invite page, and what it says.
type invitePage struct {
	projects.Project
	settings invite.Settings
}

func (p invitePage) pageDir() string { return filepath.Join(p.Dir, "page") }

func (p invitePage) privateDir() string {
	return filepath.Join(p.Dir, templates.SecretFolder, "invite")
}

func (p invitePage) linksFile() string { return filepath.Join(p.privateDir(), invite.LinksFile) }

// invitePage finds the project of that name, or the only one with an invite page when name is empty.
func (w *workshop) invitePage(ctx context.Context, name string) (invitePage, error) {
	var p projects.Project
	var err error
	if name == "" {
		p, err = w.onlyInvite()
	} else {
		p, err = w.load(ctx, name)
	}
	if err != nil {
		return invitePage{}, err
	}
	return pageOf(p)
}

// pageOf reads the invite page of a project.
func pageOf(p projects.Project) (invitePage, error) {
	page := invitePage{Project: p}
	if p.Template != inviteTemplate {
		return page, fmt.Errorf("project %s is made from template %q and has no invite page; make one with: gateway add %s --path /slack", p.Name, p.Template, inviteTemplate)
	}
	var err error
	page.settings, err = invite.ReadSettings(filepath.Join(page.pageDir(), invite.SettingsFile))
	return page, err
}

func (w *workshop) onlyInvite() (projects.Project, error) {
	all, err := w.invites()
	switch {
	case err != nil:
		return projects.Project{}, err
	case len(all) == 0:
		return projects.Project{}, fmt.Errorf("no project in %s has an invite page; make one with: gateway add %s --path /slack", w.store.Root(), inviteTemplate)
	case len(all) == 1:
		return all[0], nil
	}
	var names []string
	for _, p := range all {
		names = append(names, string(p.Name))
	}
	return projects.Project{}, usageError{fmt.Errorf("%d projects have an invite page: %s; say which one with --project NAME", len(all), strings.Join(names, ", "))}
}

// invites are the projects with an invite page.
func (w *workshop) invites() ([]projects.Project, error) {
	all, err := w.store.List()
	if err != nil {
		return nil, err
	}
	var found []projects.Project
	for _, p := range all {
		if p.Err == nil && p.Template == inviteTemplate {
			found = append(found, p)
		}
	}
	return found, nil
}

// errNotCounting says that nobody can be asked how often links were used.
var errNotCounting = errors.New("the joins are not known")

// countsTimeout bounds how long a page's container may take to say its counts, maxCounts how much it may say.
const (
	countsTimeout = 5 * time.Second
	maxCounts     = 1 << 20
)

// counts asks the container of a page. They are in its volume, which nobody else can read.
func (w *workshop) counts(ctx context.Context, name projects.Name) (invite.Counts, error) {
	ctx, cancel := context.WithTimeout(ctx, countsTimeout)
	defer cancel()
	running, err := projects.Look(ctx, w.engine, name)
	if err != nil {
		return invite.Counts{}, fmt.Errorf("%w: %w", errNotCounting, err)
	}
	for _, c := range running.Containers {
		if projects.ServiceOf(c) == inviteService && c.State == "running" {
			return w.ask(ctx, c.ID)
		}
	}
	return invite.Counts{}, fmt.Errorf("%w: the page does not run; start it with: gateway start %s", errNotCounting, name)
}

// ask runs the command in a container that prints the counts.
func (w *workshop) ask(ctx context.Context, container string) (invite.Counts, error) {
	var counts invite.Counts
	conn, err := w.engine.Exec(ctx, container, []string{stack.Binary, "slack-invite", "--report"})
	if err != nil {
		return counts, fmt.Errorf("%w: %w", errNotCounting, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	text, err := io.ReadAll(io.LimitReader(conn, maxCounts))
	if err == nil {
		err = json.Unmarshal(text, &counts)
	}
	if err != nil {
		return counts, fmt.Errorf("%w: asking the page: %w", errNotCounting, err)
	}
	return counts, nil
}

// onInvite does something to the page of a project that nobody else is changing.
func onInvite(ctx context.Context, env *Env, name string, do func(invitePage) error) error {
	w, err := env.workshop()
	if err != nil {
		return err
	}
	defer w.close()
	page, err := w.invitePage(ctx, name)
	if err != nil {
		return err
	}
	unlock, err := w.store.Lock(ctx, page.Name)
	if err != nil {
		return err
	}
	defer unlock()
	return do(page)
}

// private makes sure that there is a folder for links and webhook, and that nobody else on this machine may look into it.
func (p invitePage) private() error {
	above := filepath.Dir(p.privateDir())
	if err := os.MkdirAll(p.privateDir(), 0o755); err != nil {
		return fmt.Errorf("making a folder for what the page keeps for itself: %w", err)
	}
	if err := os.Chmod(above, 0o700); err != nil {
		return fmt.Errorf("keeping others out of %s: %w; run this as the owner of the project's folder", above, err)
	}
	return nil
}

// changeLinks replaces the links of a page by what change makes of them. With anew links that cannot be read are none.
func (p invitePage) changeLinks(anew bool, change func(link.List) (link.List, error)) error {
	list, err := link.Read(p.linksFile())
	if err != nil && !(anew && errors.Is(err, link.ErrUnreadable)) {
		return err
	}
	if list, err = change(list); err != nil {
		return err
	}
	if err := p.private(); err != nil {
		return err
	}
	return list.Write(p.linksFile())
}

func addProjectFlag(c *cobra.Command, project *string) {
	c.Flags().StringVar(project, "project", "", "project with the page (default the only one that there is)")
}
