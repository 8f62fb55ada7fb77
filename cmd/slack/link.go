package slack

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/invite/link"
)

// What Slack does with a shared invite link, which stands where nothing else is said.
const (
	slackDays  = 30
	slackJoins = 400
)

type setLinkOptions struct {
	url, host, expires, project string
	most                        string
	add                         bool
	now                         func() time.Time
}

func newSlackSetLink(env *cli.Env) *cobra.Command {
	o := setLinkOptions{now: time.Now}
	c := &cobra.Command{
		Use:   "set-link URL",
		Short: "Set the invite link of the page",
		Long: "Sets the invite link of the page's button, without a restart, and prints its ID. It replaces the previous links;\n" +
			"with --add they stay, and the button uses the least used link that is neither expired nor full. Slack links\n" +
			"expire after 30 days or 400 joins by default, others never. Setting a link again changes its limits and keeps\n" +
			"its count of joins.",
		Example: "  gateway slack set-link https://join.slack.com/t/robots/shared_invite/zt-2abc\n" +
			"  gateway slack set-link URL --add --expires 2027-06-30 --max 100\n" +
			"  gateway slack set-link https://chat.example.org/join --host chat.example.org",
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			o.url = args[0]
			return runSlackSetLink(c.Context(), env, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.expires, "expires", "", "`expiry`: 30d, 2w, a last day such as 2027-06-30, or never (default 30d for Slack, else never)")
	f.StringVar(&o.most, "max", "", "maximum `number` of joins; 0 for no limit (default 400 for Slack, else 0)")
	f.StringVar(&o.host, "host", "", "`host` of the link, to confirm it, for pages of kind link")
	f.BoolVar(&o.add, "add", false, "keep the other links, and use them in turn")
	addProjectFlag(c, &o.project)
	return c
}

// link reads the arguments for a page of some kind.
func (o setLinkOptions) link(kind link.Kind) (link.Link, error) {
	l := link.Link{Host: o.host, Added: o.now().UTC().Truncate(time.Second)}
	var err error
	if l.URL, err = kind.Parse(o.url, o.host); err != nil {
		return l, cli.Usage(err)
	}
	if l.Expires, err = o.end(kind); err != nil {
		return l, cli.Usage(err)
	}
	switch most, err := strconv.Atoi(o.most); {
	case o.most == "" && kind == link.Slack:
		l.Max = slackJoins
	case o.most == "":
	case err != nil || most < 0:
		return l, cli.Usage(fmt.Errorf("--max %q: it takes a number of joins, or 0 for no limit", o.most))
	default:
		l.Max = most
	}
	return l, nil
}

// end returns the expiry of a link: the end of a day for a date, and to the minute for a duration.
func (o setLinkOptions) end(kind link.Kind) (time.Time, error) {
	now, expires := o.now(), o.expires
	if expires == "" && kind == link.Slack {
		expires = strconv.Itoa(slackDays) + "d"
	}
	if expires == "" || expires == "never" {
		return time.Time{}, nil
	}
	last, err := projects.ParseExpiry(expires, now)
	if err != nil {
		return time.Time{}, fmt.Errorf("--expires: %w", err)
	}
	if _, err := time.Parse(time.DateOnly, expires); err == nil {
		return time.Date(last.Year(), last.Month(), last.Day()+1, 0, 0, 0, 0, now.Location()).UTC(), nil
	}
	return time.Date(last.Year(), last.Month(), last.Day(), now.Hour(), now.Minute(), 0, 0, now.Location()).UTC(), nil
}

func runSlackSetLink(ctx context.Context, env *cli.Env, o setLinkOptions) error {
	return onInvite(ctx, env, o.project, func(page invitePage) error {
		l, err := o.link(page.settings.Kind)
		if err != nil {
			return err
		}
		gone := 0
		err = page.changeLinks(!o.add, func(list link.List) (link.List, error) {
			changed, err := list.Set(l, !o.add)
			for _, before := range list.Links {
				if _, missing := changed.Find(before.ID); missing != nil {
					gone++
				}
			}
			return changed, err
		})
		if err != nil {
			return err
		}
		if gone > 0 {
			env.Notef("removed %d other links\n", gone)
		}
		env.Donef("the page of project %s leads to the link from now on: %s\n", page.Name, bounds(l))
		env.Printf("%s\n", link.IDOf(l.URL))
		return nil
	})
}

// bounds describes the limits of a link.
func bounds(l link.Link) string {
	text := "it never expires"
	if !l.Expires.IsZero() {
		text = "until " + l.Expires.Local().Format("2006-01-02 15:04")
	}
	if l.Max > 0 {
		return fmt.Sprintf("%s, for %d joins", text, l.Max)
	}
	return text + ", for any number of joins"
}

func newSlackRemoveLink(env *cli.Env) *cobra.Command {
	var project string
	c := &cobra.Command{
		Use:     "rm-link ID|URL",
		Short:   "Remove a link from the page",
		Long:    "Removes a link by its ID or URL, as listed by 'gateway slack show'. Its count of joins is kept.",
		Example: "  gateway slack rm-link 1f2e3d4c",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return runSlackChange(c.Context(), env, linkChange{project, args[0], "is removed", func(list link.List, l link.Link) (link.List, error) {
				return list.Without(l.ID), nil
			}})
		},
	}
	addProjectFlag(c, &project)
	return c
}

// newSlackSwitch is the command that takes a link out of use, or puts it back.
func newSlackSwitch(env *cli.Env, name string, off bool) *cobra.Command {
	var project string
	short, done := "Enable a disabled link", "is enabled"
	if off {
		short, done = "Disable a link without removing it", "is disabled; enable it with: gateway slack enable-link"
	}
	c := &cobra.Command{
		Use:     name + " ID|URL",
		Short:   short,
		Long:    short + ". The link is named by its ID or URL, as listed by 'gateway slack show'.",
		Example: "  gateway slack " + name + " 1f2e3d4c",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return runSlackChange(c.Context(), env, linkChange{project, args[0], done, func(list link.List, l link.Link) (link.List, error) {
				l.Disabled = off
				return list.Set(l, false)
			}})
		},
	}
	addProjectFlag(c, &project)
	return c
}

// linkChange is a change of one link.
type linkChange struct {
	project, called string
	// done says what became of it.
	done   string
	change func(link.List, link.Link) (link.List, error)
}

// runSlackChange changes one link that is called by its ID or URL.
func runSlackChange(ctx context.Context, env *cli.Env, o linkChange) error {
	return onInvite(ctx, env, o.project, func(page invitePage) error {
		var found link.Link
		err := page.changeLinks(false, func(list link.List) (link.List, error) {
			var err error
			found, err = list.Find(o.called)
			// People write links in other forms too.
			if normal, wrong := page.settings.Kind.Parse(o.called, ""); err != nil && wrong == nil {
				found, err = list.Find(normal)
			}
			if err != nil {
				return list, err
			}
			return o.change(list, found)
		})
		if err != nil {
			return err
		}
		env.Donef("link %s of project %s %s\n", found.ID, page.Name, o.done)
		return nil
	})
}
