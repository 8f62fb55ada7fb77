package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
)

// pingTimeout is how long an answer may take; the health checks of the containers wait no longer.
const pingTimeout = 4 * time.Second

func newPing(env *cli.Env) *cobra.Command {
	var agent bool
	c := &cobra.Command{
		Use:   "ping",
		Short: "Check that the proxy answers",
		Long: "Asks the proxy on its admin socket, and exits with 0 when it answers. With --agent it also checks that the\n" +
			"agent reports. It is the health check of both containers.",
		Args: cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return runPing(c.Context(), env, agent) },
	}
	c.Flags().BoolVar(&agent, "agent", false, "also check that the agent reports")
	return c
}

func runPing(ctx context.Context, env *cli.Env, agent bool) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	status, err := askStatus(ctx, env)
	if err != nil {
		return err
	}
	if agent {
		if err := agentsHeard(status, time.Now()); err != nil {
			return err
		}
	}
	env.Printf("ok\n")
	return nil
}

// agentsHeard says what is wrong with the agents, if anything is.
func agentsHeard(s admin.Status, now time.Time) error {
	if len(s.Sources) == 0 {
		return agentHeard(&admin.Source{Name: admin.DefaultSource}, now)
	}
	var all error
	for i := range s.Sources {
		all = errors.Join(all, agentHeard(&s.Sources[i], now))
	}
	return all
}

// agentHeard says what is wrong with the agent of a source, if anything is.
func agentHeard(s *admin.Source, now time.Time) error {
	switch {
	case s.InProcess:
		return nil
	case s.Agent == nil:
		return fmt.Errorf("the %s has not reported since the proxy started", s.AgentName())
	}
	if silent := now.Sub(s.Agent.Reported); silent > admin.AgentLost {
		return fmt.Errorf("the %s was last heard %s ago; it reports every 5 s", s.AgentName(), silent.Round(time.Second))
	}
	return nil
}
