package slack

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects/invite"
	"gateway/projects/invite/link"
)

func newSlackShow(env *cli.Env) *cobra.Command {
	var project string
	var asJSON bool
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the links of the page and their use",
		Long: "Shows the links of the page with their state, joins and expiry, and warns of those that expire within five days\n" +
			"or are nearly full. A join is a press of the button.",
		Example: "  gateway slack show\n  gateway slack show --project chat --json",
		Args:    cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return env.Read(func(s *cli.Session) error { return runSlackShow(c.Context(), s, project, asJSON) })
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addProjectFlag(c, &project)
	return c
}

// inviteView is the output of `slack show --json`.
type inviteView struct {
	Project string    `json:"project"`
	Dir     string    `json:"dir"`
	Kind    link.Kind `json:"kind"`
	// Form reports whether the page offers a form, Webhook is the host that its requests go to, if any.
	Form    bool       `json:"form"`
	Webhook string     `json:"webhook,omitempty"`
	Links   []linkView `json:"links"`
	// Counts are nil when the page cannot be asked; Faults say why.
	Counts   *invite.Counts `json:"counts,omitempty"`
	Warnings []string       `json:"warnings,omitempty"`
	Faults   []string       `json:"faults,omitempty"`
}

type linkView struct {
	link.Link
	State link.State `json:"state"`
	// Joins and LastJoin are those since counting began, Joins nil when they are not known.
	Joins    *int      `json:"joins,omitempty"`
	LastJoin time.Time `json:"last_join,omitzero"`
}

func runSlackShow(ctx context.Context, s *cli.Session, project string, asJSON bool) error {
	env := s.Env
	page, err := findPage(ctx, s, project)
	if err != nil {
		return err
	}
	seen, err := lookAtInvite(ctx, s, page)
	if err != nil {
		return err
	}
	now := time.Now()
	v := seen.view(env, now)
	if asJSON {
		return env.JSON(v)
	}
	if err := printInvite(env, v, now); err != nil {
		return err
	}
	for _, fault := range v.Faults {
		env.Notef("the state is incomplete: %s\n", fault)
	}
	for _, warning := range v.Warnings {
		env.Notef("warning: %s\n", warning)
	}
	return nil
}

// inviteSeen is the state of a page: its files and its counts.
type inviteSeen struct {
	page    invitePage
	list    link.List
	webhook invite.Webhook
	counts  invite.Counts
	// fault says why the counts are not known.
	fault error
}

// lookAtInvite reads what the folder of a page says and asks the page for its counts.
func lookAtInvite(ctx context.Context, s *cli.Session, page invitePage) (inviteSeen, error) {
	seen := inviteSeen{page: page}
	var err error
	if seen.list, err = link.Read(page.linksFile()); err != nil {
		return seen, err
	}
	if seen.webhook, err = invite.ReadWebhook(page.privateDir()); err != nil {
		return seen, err
	}
	seen.counts, seen.fault = counts(ctx, s, page.Name)
	return seen, ctx.Err()
}

func (s inviteSeen) view(env *cli.Env, now time.Time) inviteView {
	v := inviteView{
		Project: string(s.page.Name), Dir: s.page.Dir, Kind: s.page.settings.Kind,
		Form: s.page.settings.Form, Webhook: s.webhook.String(), Links: []linkView{},
	}
	if s.fault != nil {
		v.Faults = []string{env.Hinted(s.fault)}
	} else {
		v.Counts = &s.counts
	}
	for _, l := range s.list.Links {
		row := linkView{Link: l, State: l.State(v.Kind, s.counts.Joins(l.ID), now)}
		if s.fault == nil {
			joins := s.counts.Joins(l.ID)
			row.Joins, row.LastJoin = &joins, s.counts.Links[l.ID].Last
		}
		v.Links = append(v.Links, row)
	}
	for _, w := range s.warnings(now) {
		v.Warnings = append(v.Warnings, w.String())
	}
	return v
}

// recent is the age up to which a failed request is worth a warning.
const recent = 7 * 24 * time.Hour

// warnings returns the problems of a page that need an action.
func (s inviteSeen) warnings(now time.Time) []link.Warning {
	all := link.Warnings(s.page.settings.Kind, s.list.Links, s.counts.Joins, now)
	if s.page.settings.Form && s.webhook.String() == "" {
		all = append(all, link.Warning{
			Message: "the form is on and has no webhook to send requests to, so it is not shown",
			Fix:     "set one: gateway slack set-webhook, or write form: false in " + invite.SettingsFile,
		})
	}
	if at := s.counts.Failure; !at.IsZero() && now.Sub(at) < recent {
		all = append(all, link.Warning{
			Message: fmt.Sprintf("%d requests for an invitation could not be sent to %s, the last %s ago", s.counts.Failed, cmp.Or(s.webhook.String(), "the webhook"), cli.Age(now, at)),
			Fix:     "see why: gateway logs " + string(s.page.Name),
		})
	}
	return all
}

func printInvite(env *cli.Env, v inviteView, now time.Time) error {
	w := env.Table()
	w.Row("project\t%s", v.Project)
	w.Row("folder\t%s", v.Dir)
	w.Row("kind\t%s", v.Kind)
	form := "off"
	if v.Form {
		form = "on, to " + cmp.Or(v.Webhook, "nobody")
	}
	if v.Form && v.Counts != nil {
		form += fmt.Sprintf(", %d sent", v.Counts.Requests)
	}
	w.Row("form\t%s", form)
	if err := w.Flush("the page"); err != nil {
		return err
	}
	if len(v.Links) == 0 {
		return nil
	}
	env.Printf("\n")
	w.Row("LINK\tSTATE\tJOINS\tEXPIRES\tLAST JOIN\tURL")
	for _, l := range v.Links {
		w.Row("%s\t%s\t%s\t%s\t%s\t%s", l.ID, l.State, l.joins(), l.end(now), l.last(now), l.URL)
	}
	return w.Flush("the links")
}

func (l linkView) joins() string {
	text := "?"
	if l.Joins != nil {
		text = strconv.Itoa(*l.Joins)
	}
	if l.Max > 0 {
		text += "/" + strconv.Itoa(l.Max)
	}
	return text
}

func (l linkView) end(now time.Time) string {
	switch left := l.Expires.Sub(now); {
	case l.Expires.IsZero():
		return "never"
	case left <= 0:
		return l.Expires.Local().Format(time.DateOnly) + " (past)"
	case left < 48*time.Hour:
		return l.Expires.Local().Format("2006-01-02 15:04")
	default:
		return fmt.Sprintf("%s (%d days)", l.Expires.Local().Format(time.DateOnly), int(left.Hours()/24))
	}
}

func (l linkView) last(now time.Time) string {
	if l.LastJoin.IsZero() {
		return "-"
	}
	return cli.Age(now, l.LastJoin) + " ago"
}
