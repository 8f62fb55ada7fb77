package project

import (
	"fmt"
	"time"

	"gateway/cmd/cli"
	"gateway/proxy/label"
)

// parseIdle reads a value of --idle; empty is 0, as never is.
func parseIdle(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	idle, err := label.ParseIdle(text)
	if err != nil {
		return 0, cli.Usage(fmt.Errorf("--idle %w", err))
	}
	return idle, nil
}

// idleOf is the time without requests after which a project with these routes sleeps, empty for never.
func idleOf(claims []label.Claim) string {
	var longest time.Duration
	for _, c := range claims {
		longest = max(longest, c.Policy.Idle)
	}
	if longest == 0 {
		return ""
	}
	return label.Brief(longest)
}
