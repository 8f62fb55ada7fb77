package project

import (
	"fmt"

	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/projects/policy"
)

// addTrustFlag declares --trust.
func addTrustFlag(f *pflag.FlagSet, names *[]string) {
	f.StringSliceVar(names, "trust", nil, "policy `rules` to lift, recorded; see gateway policy")
}

// parseTrust reads --trust.
func parseTrust(names []string) (policy.Trust, error) {
	t, err := policy.ParseTrust(names)
	if err != nil {
		return nil, cli.Usage(fmt.Errorf("--trust: %w", err))
	}
	return t, nil
}

// trusted are the rules that a project may break, for people.
func trusted(t policy.Trust) string {
	if len(t) == 0 {
		return "-"
	}
	return t.String()
}
