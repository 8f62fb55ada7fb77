package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"path"

	"gateway/proxy/docker"
	"gateway/proxy/notify"
)

// webhookFile is where the agent's volume has the webhook by which owners are notified.
const webhookFile = "webhook"

// GiveWebhook puts the webhook by which owners are notified into the volume of the agent, readable by root alone. It is no
// label and no part of a command line, which everybody who may use Docker could read.
func GiveWebhook(ctx context.Context, engine *docker.Client, w notify.Webhook) error {
	if err := engine.Write(ctx, Agent, docker.File{Folder: agentDir, Name: webhookFile, Content: []byte(w.Secret())}); err != nil {
		return fmt.Errorf("giving the webhook to the agent: %w", err)
	}
	return nil
}

// Teller tells owners for an agent, which has no network: by a container that has one, and nothing else but the webhook.
// It is called by the agent alone.
func Teller(engine *docker.Client) func(context.Context, notify.Message) error {
	return func(ctx context.Context, m notify.Message) error {
		text, err := json.Marshal(m)
		if err != nil {
			return err
		}
		_, err = engine.RunOnce(ctx, docker.Spec{
			Image: Latest, Command: []string{"tell", "--webhook", path.Join(agentDir, webhookFile), "--message", string(text)},
			User: "0:0", Network: "bridge", MemoryBytes: 64 << 20, Pids: 64,
			Mounts: []docker.Mount{{Volume: AgentVolume, Target: agentDir, ReadOnly: true}},
		})
		return err
	}
}
