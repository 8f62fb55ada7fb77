package stack

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/notify"
)

// webhookFile is where the agent's volume has the webhook by which owners are notified.
const webhookFile = "webhook"

// GiveWebhook puts the webhook by which owners are notified into the volume of the agent, readable by root alone. It is no
// label and no part of a command line, which everybody who may use Docker could read.
func GiveWebhook(ctx context.Context, engine *docker.Client, w notify.Webhook) error {
	var content bytes.Buffer
	archive := tar.NewWriter(&content)
	text := []byte(w.Secret())
	err := archive.WriteHeader(&tar.Header{Name: webhookFile, Mode: 0o600, Size: int64(len(text)), ModTime: time.Now(), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = archive.Write(text)
	}
	if err == nil {
		err = archive.Close()
	}
	if err == nil {
		err = engine.CopyTo(ctx, Agent, agentDir, &content)
	}
	if err != nil {
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
