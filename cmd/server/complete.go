package server

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/label"
	"gateway/proxy/printable"
)

// networksTimeout bounds how long the engine may take to list its networks for a completion.
const networksTimeout = time.Second

// CompleteNetworks are the networks that 'gateway network create' made, for shells; none without an engine.
func CompleteNetworks(env *cli.Env, c *cobra.Command, _ []string) []cobra.Completion {
	ctx, cancel := context.WithTimeout(c.Context(), networksTimeout)
	defer cancel()
	client, err := env.Docker()
	if err != nil {
		return nil
	}
	defer client.Close()
	networks, err := client.Networks(ctx)
	if err != nil {
		return nil
	}
	var words []cobra.Completion
	for _, v := range networkViews(networks, nil) {
		if v.Project == "" && (v.Role == label.RoleEdge || v.Role == label.RoleBackend) {
			words = append(words, cobra.CompletionWithDesc(printable.Line(v.Name), printable.Line(strings.Join(append([]string{v.Role}, v.Subnets...), ", "))))
		}
	}
	return words
}
