package server

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/notify"
)

// newTell is what the agent runs in a container with a network, since it has none itself.
func newTell(*cli.Env) *cobra.Command {
	var webhook, message string
	c := &cobra.Command{
		Use: "tell", Hidden: true, Short: "Send a message by a webhook",
		Args: cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return runTell(c.Context(), webhook, message) },
	}
	c.Flags().StringVar(&webhook, "webhook", "", "`file` with the webhook")
	c.Flags().StringVar(&message, "message", "", "message as JSON")
	return c
}

func runTell(ctx context.Context, path, text string) error {
	var m notify.Message
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return cli.Usage(fmt.Errorf("--message: %w", err))
	}
	webhook, err := notify.Read(path)
	if err != nil {
		return err
	}
	sender := notify.NewSender(webhook)
	defer sender.Close()
	return sender.Send(ctx, m)
}
