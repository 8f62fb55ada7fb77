package project

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/archive"
	"gateway/proxy/notify"
	"gateway/proxy/stack"
	"gateway/proxy/typo"
)

type expireOptions struct {
	// names are empty for all projects.
	names                     []string
	olderThan, idle           string
	suspend, archived, remove string
	to                        string
	encrypt                   []string
	notify                    string
	setNotify                 bool
	yes, now, json            bool
	// clock tells the time.
	clock func() time.Time
}

func newExpire(env *cli.Env) *cobra.Command {
	o := expireOptions{clock: time.Now}
	c := &cobra.Command{
		Use:   "expire old projects | NAME...",
		Short: "Retire projects whose term is over",
		Long: "Prints which projects have expired, whose they are, since when, when they were last visited and what happens when.\n" +
			"With --yes it takes the steps that are due: notify, suspend (the containers stop, and clients get 410 with a page\n" +
			"that says how to renew), archive, delete. 'gateway renew NAME' brings a project back before it is deleted, and\n" +
			"'gateway restore NAME' afterwards. What lives at / is pinned. More than five projects at once need a confirmation\n" +
			"on a terminal. See 'gateway help expiry'.",
		Example: "  gateway expire old projects\n  gateway expire old projects --yes\n  gateway expire old projects --older-than 180d --idle 60d\n  gateway expire robots --now --yes",
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if o.names, err = expireNames(args); err != nil {
				return cli.Usage(err)
			}
			if o.json && o.yes {
				return cli.Usage(errors.New("--json is about the plan; leave out --yes"))
			}
			o.setNotify = c.Flags().Changed("notify")
			return env.Change(c.Context(), func(ctx context.Context, s *cli.Session) error { return runExpire(ctx, s, o) })
		},
	}
	f := c.Flags()
	f.StringVar(&o.olderThan, "older-than", "", "also projects without an expiry whose last deploy or renewal is this `time` ago, such as 180d")
	f.StringVar(&o.idle, "idle", "", "also projects without a request for this `time`, such as 60d")
	f.BoolVarP(&o.yes, "yes", "y", false, "take the steps that are due")
	f.BoolVar(&o.now, "now", false, "take the next step of each project without waiting")
	f.StringVar(&o.suspend, "suspend-after", "14d", "`time` from the notice to the suspension")
	f.StringVar(&o.archived, "archive-after", "30d", "`time` from the suspension to the archive")
	f.StringVar(&o.remove, "delete-after", "90d", "`time` from the archive to the deletion")
	addArchivesFlag(c, &o.to, "to")
	f.StringSliceVar(&o.encrypt, "encrypt", nil, "age public `key`, or a file of some, that can read the archives; may be repeated")
	f.StringVar(&o.notify, "notify", "", "`URL` of a webhook of Slack, Discord, ntfy or your own, kept for later runs; - reads it from standard input, '' forgets it")
	f.BoolVar(&o.json, "json", false, "print the plan as JSON")
	return c
}

// oldProjects are the words that stand for all projects.
var oldProjects = []string{"old", "projects"}

// expireNames are the names that were given, none for all projects.
func expireNames(args []string) ([]string, error) {
	if slices.Equal(args, oldProjects) {
		return nil, nil
	}
	if len(args) == 0 {
		return nil, errors.New("say which: 'gateway expire old projects', or names of projects")
	}
	words := strings.ToLower(strings.Join(args, " "))
	for _, near := range []string{"old", "all", "expired", "projects", "project", "old project", "the old projects", "all projects", "all old projects", "expired projects"} {
		if words == near || strings.Join(args, " ") != words && words == strings.Join(oldProjects, " ") || swapped(words) {
			return nil, fmt.Errorf("unknown words %q; did you mean: gateway expire old projects", strings.Join(args, " "))
		}
	}
	return args, nil
}

// swapped reports whether two words are old projects with a letter or two mistyped.
func swapped(words string) bool {
	first, second, two := strings.Cut(words, " ")
	return two && typo.Nearest(first, oldProjects[0]) != "" && typo.Nearest(second, oldProjects[1]) != "" || words == "projects old"
}

// rules are what the flags say.
func (o expireOptions) rules() (r projects.Rules, err error) {
	r = projects.Rules{Named: o.names, Now: o.now, Today: projects.Today(o.clock())}
	for _, flag := range []struct {
		name, text string
		to         *projects.Span
	}{
		{"older-than", o.olderThan, &r.OlderThan},
		{"idle", o.idle, &r.Idle},
		{"suspend-after", o.suspend, &r.SuspendAfter},
		{"archive-after", o.archived, &r.ArchiveAfter},
		{"delete-after", o.remove, &r.DeleteAfter},
	} {
		if flag.text == "" {
			continue
		}
		if *flag.to, err = projects.ParseSpan(flag.text); err != nil {
			return r, cli.Usage(fmt.Errorf("--%s %w", flag.name, err))
		}
	}
	if len(o.names) > 0 && o.olderThan+o.idle != "" {
		return r, cli.Usage(errors.New("--older-than and --idle select projects; leave out the names"))
	}
	return r, nil
}

func runExpire(ctx context.Context, s *cli.Session, o expireOptions) error {
	rules, err := o.rules()
	if err != nil {
		return err
	}
	recipients, err := archive.ParseRecipients(o.encrypt)
	if err != nil {
		return cli.Usage(fmt.Errorf("--encrypt: %w", err))
	}
	webhook, err := o.webhook(s.Env)
	if err != nil {
		return err
	}
	if err := o.share(ctx, s, webhook); err != nil {
		return err
	}
	life, err := life(s)
	if err != nil {
		return err
	}
	e := expiry{session: s, life: life, rules: rules, options: o, recipients: recipients, webhook: webhook}
	if err := e.decide(ctx); err != nil {
		return err
	}
	if o.json {
		return s.Env.JSON(e.report())
	}
	if err := e.print(); err != nil || len(e.decisions) == 0 {
		return err
	}
	due := e.ready()
	if !o.yes || len(due) == 0 {
		e.suggest(len(due))
		return nil
	}
	if err := e.confirm(len(due)); err != nil {
		return err
	}
	return e.carryOut(ctx, due)
}

// webhook is the one to notify by: that of the flag, which is kept, or the kept one.
func (o expireOptions) webhook(env *cli.Env) (notify.Webhook, error) {
	path := env.ExpiryWebhook()
	if !o.setNotify {
		return notify.Read(path)
	}
	text := o.notify
	if text == "-" {
		read, err := io.ReadAll(io.LimitReader(env.In, 1<<16))
		if err != nil {
			return notify.Webhook{}, fmt.Errorf("reading the webhook: %w", err)
		}
		text = string(read)
	}
	var webhook notify.Webhook
	if strings.TrimSpace(text) != "" {
		var err error
		if webhook, err = notify.Parse(text); err != nil {
			return webhook, cli.Usage(fmt.Errorf("--notify: %w", err))
		}
	}
	err := notify.Keep(path, webhook)
	if errors.Is(err, os.ErrPermission) {
		return webhook, fmt.Errorf("%w; use sudo", err)
	}
	return webhook, err
}

// share gives the webhook of the flag to an agent that works daily.
func (o expireOptions) share(ctx context.Context, s *cli.Session, webhook notify.Webhook) error {
	if !o.setNotify {
		return nil
	}
	running, err := stack.Look(ctx, s.Engine)
	if err != nil || running.Agent == nil || running.Settings().ExpireDaily == "" {
		return err
	}
	return stack.GiveWebhook(ctx, s.Engine, webhook)
}
