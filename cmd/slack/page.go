package slack

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

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/invite"
	"gateway/projects/invite/link"
	"gateway/proxy/stack"
	"gateway/templates"
)

// inviteTemplate is the template of projects with an invite page, inviteService their service.
const (
	inviteTemplate = "slack-invite"
	inviteService  = "invite"
)

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

// findPage finds the project of that name, or the only one with an invite page when name is empty.
func findPage(ctx context.Context, s *cli.Session, name string) (invitePage, error) {
	var p projects.Project
	var err error
	if name == "" {
		p, err = onlyInvite(s)
	} else {
		p, err = s.Load(ctx, name)
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

func onlyInvite(s *cli.Session) (projects.Project, error) {
	all, err := s.Store.List()
	if err != nil {
		return projects.Project{}, err
	}
	all = invites(all)
	switch {
	case len(all) == 0:
		return projects.Project{}, fmt.Errorf("no project in %s has an invite page; make one with: gateway add %s --path /slack", s.Store.Root(), inviteTemplate)
	case len(all) == 1:
		return all[0], nil
	}
	var names []string
	for _, p := range all {
		names = append(names, string(p.Name))
	}
	return projects.Project{}, cli.Usage(fmt.Errorf("%d projects have an invite page: %s; name one with --project NAME", len(all), strings.Join(names, ", ")))
}

// invites are those of the projects that have an invite page.
func invites(all []projects.Project) []projects.Project {
	var found []projects.Project
	for _, p := range all {
		if p.Err == nil && p.Template == inviteTemplate {
			found = append(found, p)
		}
	}
	return found
}

// errNotCounting says that nobody can be asked how often links were used.
var errNotCounting = errors.New("the joins are not known")

// countsTimeout bounds how long a page's container may take to say its counts, maxCounts how much it may say.
const (
	countsTimeout = 5 * time.Second
	maxCounts     = 1 << 20
)

// counts asks the container of a page. They are in its volume, which nobody else can read.
func counts(ctx context.Context, s *cli.Session, name projects.Name) (invite.Counts, error) {
	ctx, cancel := context.WithTimeout(ctx, countsTimeout)
	defer cancel()
	running, err := projects.Look(ctx, s.Engine, name)
	if err != nil {
		return invite.Counts{}, fmt.Errorf("%w: %w", errNotCounting, err)
	}
	for _, c := range running.Containers {
		if projects.ServiceOf(c) == inviteService && c.State == "running" {
			return askCounts(ctx, s, c.ID)
		}
	}
	return invite.Counts{}, fmt.Errorf("%w: the page does not run; start it with: gateway start %s", errNotCounting, name)
}

// askCounts runs the command in a container that prints the counts.
func askCounts(ctx context.Context, s *cli.Session, container string) (invite.Counts, error) {
	var counts invite.Counts
	conn, err := s.Engine.Exec(ctx, container, []string{stack.Binary, "slack-invite", "--report"})
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
func onInvite(ctx context.Context, env *cli.Env, name string, do func(invitePage) error) error {
	return env.Read(func(s *cli.Session) error {
		page, err := findPage(ctx, s, name)
		if err != nil {
			return err
		}
		unlock, err := s.Store.Lock(ctx, page.Name)
		if err != nil {
			return err
		}
		defer unlock()
		return do(page)
	})
}

// private makes sure that there is a folder for links and webhook, and that nobody else on this machine may look into it.
func (p invitePage) private() error {
	above := filepath.Dir(p.privateDir())
	if err := os.MkdirAll(p.privateDir(), 0o755); err != nil {
		return fmt.Errorf("creating the private folder of the page: %w", err)
	}
	if err := os.Chmod(above, 0o700); err != nil {
		return fmt.Errorf("keeping others out of %s: %w; run this as the owner of the project's folder", above, err)
	}
	return nil
}

// changeLinks replaces the links of a page by what change makes of them. With reset, links that cannot be read are dropped.
func (p invitePage) changeLinks(reset bool, change func(link.List) (link.List, error)) error {
	list, err := link.Read(p.linksFile())
	if err != nil && !(reset && errors.Is(err, link.ErrUnreadable)) {
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
	c.Flags().StringVar(project, "project", "", "`project` with the page (default the only one)")
}
