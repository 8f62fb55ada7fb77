package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/cmd/slack"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/stack"
)

func newStatus(env *cli.Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the state of the proxy, the agent and the engine",
		Long: "Shows the state of the proxy, the agent, the engine, the listeners, the route table and the certificates, and warns\n" +
			"of full disks, of invite links about to expire and of names without a certificate. Exits with 1 when a part is\n" +
			"missing, or a sixth or less of the lifetime of a certificate is left.",
		Args: cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return runStatus(c.Context(), env, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// statusReport is the output of `status --json`.
type statusReport struct {
	// OK reports that every part is there and connected; Faults say what is not.
	OK     bool     `json:"ok"`
	Faults []string `json:"faults,omitempty"`
	// Warnings are about what will be missing soon: invite links that end, and disks that are nearly full.
	Warnings []string `json:"warnings,omitempty"`
	// Containers are those of `gateway up`, empty when the engine cannot be reached or the proxy runs otherwise.
	Containers []statusContainer `json:"containers,omitempty"`
	// Certificates are those of a proxy that serves HTTPS, and the names that wait for one.
	Certificates []admin.Certificate `json:"certificates,omitempty"`
	// Gateway is what the proxy says, nil when it cannot be reached.
	Gateway *admin.Status `json:"gateway,omitempty"`
}

type statusContainer struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Health string `json:"health,omitempty"`
	Status string `json:"status"`
	Image  string `json:"image"`
}

func runStatus(ctx context.Context, env *cli.Env, asJSON bool) error {
	report := observeStatus(ctx, env)
	report.Warnings = slices.Concat(report.Warnings, slack.Warnings(ctx, env), diskWarnings(ctx, env))
	if report.Gateway != nil && report.Gateway.ExpiryWarning() != "" {
		report.Warnings = append(report.Warnings, report.Gateway.ExpiryWarning())
	}
	if asJSON {
		if err := env.JSON(report); err != nil {
			return err
		}
	} else if err := printStatus(env, report, time.Now()); err != nil {
		return err
	}
	if !report.OK {
		return cli.ErrSilent
	}
	return nil
}

func observeStatus(ctx context.Context, env *cli.Env) statusReport {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var r statusReport
	containers, engineErr := ourContainers(ctx, env)
	r.Containers = containers
	for _, c := range containers {
		if c.State != "running" {
			r.Faults = append(r.Faults, fmt.Sprintf("container %s is %s; run: gateway up", c.Name, c.State))
		}
	}
	status, err := askStatus(ctx, env)
	if engineErr != nil && (err != nil || status.Source(admin.DefaultSource) != nil) { // Without that source no engine is needed.
		r.Faults = append(r.Faults, env.Hinted(engineErr))
	}
	if errors.Is(err, docker.ErrUnreachable) && engineErr != nil {
		return r // One reason is enough.
	}
	if err != nil {
		r.Faults = append(r.Faults, env.Hinted(err))
		return r
	}
	r.Gateway = &status
	now := time.Now()
	r.Faults = append(r.Faults, faults(status, now)...)
	r.observeCertificates(ctx, env, now)
	r.OK = len(r.Faults) == 0
	return r
}

func askStatus(ctx context.Context, env *cli.Env) (status admin.Status, err error) {
	err = env.OnGateway(ctx, func(gateway *admin.Client) error {
		status, err = gateway.Status(ctx)
		return err
	})
	return status, err
}

func ourContainers(ctx context.Context, env *cli.Env) (found []statusContainer, err error) {
	err = env.OnEngine(func(client *docker.Client) error {
		running, err := stack.Look(ctx, client)
		for _, c := range []*docker.Container{running.Proxy, running.Agent} {
			if c != nil {
				found = append(found, statusContainer{Name: c.Name, State: c.State, Health: c.Health, Status: c.Status, Image: c.Image})
			}
		}
		return err
	})
	return found, err
}

// faults lists what is wrong with a proxy that answers.
func faults(s admin.Status, now time.Time) []string {
	if len(s.Sources) == 0 {
		return []string{agentsHeard(s, now).Error()}
	}
	var all []string
	for i := range s.Sources {
		from := &s.Sources[i]
		if err := agentHeard(from, now); err != nil {
			all = append(all, err.Error())
		}
		if !from.Connected && (from.InProcess || from.Agent != nil) {
			all = append(all, fmt.Sprintf("%s: %s; its last good listing stays current", cannotList(from), cmp.Or(from.Error, "it is connecting")))
		}
	}
	return all
}

// cannotList says which source cannot list.
func cannotList(s *admin.Source) string {
	switch {
	case s.InProcess:
		return fmt.Sprintf("the source %q cannot be read", s.Name)
	case s.Name == admin.DefaultSource:
		return "the agent cannot talk to the engine"
	}
	return "the " + s.AgentName() + " cannot list"
}

func printStatus(env *cli.Env, r statusReport, now time.Time) error {
	w := env.Table()
	if s := r.Gateway; s != nil {
		p, t := s.Proxy, s.Table
		w.Row("proxy\trunning\tversion %s, process %d, up %s, %d requests, %d in flight",
			p.Version, p.PID, cli.Age(now, p.Started), p.Requests, p.Inflight)
		w.Row("requests\t\t%s", againstBounds(p.UnderWay, "under way"))
		w.Row("connections\t\t%s", againstBounds(p.Connections, "open"))
		w.Row("listeners\t\t%s", strings.Join(p.Listeners, ", "))
		for i := range s.Sources {
			printSource(w, &s.Sources[i], now)
		}
		w.Row("table\t%s\trevision %d, %s old, %d routes, %d problems",
			either(t.Restored, "from disk", "live"), t.Revision, cli.Age(now, t.Since), t.Routes, t.Problems)
		printCertificates(w, r.Certificates, now)
	}
	for _, c := range r.Containers {
		w.Row("container\t%s\t%s: %s, image %s", c.State, c.Name, c.Status, c.Image)
	}
	if err := w.Flush("the status"); err != nil {
		return err
	}
	for _, fault := range r.Faults {
		env.Notef("fault: %s\n", fault)
	}
	for _, warning := range r.Warnings {
		env.Notef("warning: %s\n", warning)
	}
	return nil
}

func printSource(w *cli.Table, s *admin.Source, now time.Time) {
	if a := s.Agent; a != nil {
		w.Row("%s\t%s\tversion %s, process %d, up %s, reported %s ago", s.AgentName(),
			either(agentHeard(s, now) == nil, "running", "lost"), a.Version, a.PID, cli.Age(now, a.Started), cli.Age(now, a.Reported))
		if e := a.Expiry; e != nil {
			w.Row("expiry\t%s\tdaily at %s, next on %s, %d projects noticed", either(e.Stopped == "", "on", "stopped"), e.Daily, e.Next.Local().Format("2006-01-02 15:04"), len(e.Noticed))
		}
	}
	listed := "not listed yet"
	if !s.Listed.IsZero() {
		listed = fmt.Sprintf("listed %s ago", cli.Age(now, s.Listed))
	}
	w.Row("source\t%s\t%s: %s, %s, %d routes, %d problems",
		either(s.Connected, "connected", "lost"), s.Name, cmp.Or(s.Version, "unknown"), listed, s.Routes, s.Problems)
}

// againstBounds describes a count with its limits.
func againstBounds(b admin.Bounded, what string) string {
	refused := b.Refused + b.RefusedPerClient
	text := fmt.Sprintf("%d %s, at most %s, of one client %s", b.Open, what, orAny(b.Max), orAny(b.MaxPerClient))
	if refused > 0 {
		text += fmt.Sprintf("; refused %d, %d of them for what one client had", refused, b.RefusedPerClient)
	}
	return text
}

// orAny is a number of which 0 is no bound.
func orAny(most int) string {
	if most == 0 {
		return "any number"
	}
	return fmt.Sprint(most)
}

func either(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

// diskWarnings say which disks are nearly full.
func diskWarnings(ctx context.Context, env *cli.Env) []string {
	s, err := env.Session()
	if err != nil {
		return nil
	}
	defer s.Close()
	return s.DiskWarnings(ctx)
}
