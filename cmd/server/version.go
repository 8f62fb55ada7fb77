package server

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
)

// Commit is the commit that the program was built from, set by the linker; a build from a checkout knows it by itself.
var Commit string

// versionTimeout bounds how long engine and proxy may take to say their versions.
const versionTimeout = 3 * time.Second

func newVersion(env *cli.Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of gateway, the running proxy and the engine",
		Long: "Shows the version of this program with its commit, Go version and platform, then those of the running proxy\n" +
			"and agent, and of the Docker engine, where they can be reached. 'gateway up' updates proxy and agent.",
		Args: cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return runVersion(c.Context(), env, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// versions is the output of `version --json`. Parts that do not answer are left out.
type versions struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Proxy    string `json:"proxy,omitempty"`
	Agent    string `json:"agent,omitempty"`
	// Engine is the version of Docker, API that of its interface.
	Engine string `json:"engine,omitempty"`
	API    string `json:"api,omitempty"`
	// Faults say why something is left out.
	Faults []string `json:"faults,omitempty"`
}

func runVersion(ctx context.Context, env *cli.Env, asJSON bool) error {
	v := observeVersions(ctx, env)
	if asJSON {
		return env.JSON(v)
	}
	w := env.Table()
	w.Row("gateway\t%s", v.Version)
	for _, line := range []struct{ what, version string }{
		{"commit", v.Commit},
		{"go", v.Go},
		{"platform", v.Platform},
		{"proxy", v.Proxy},
		{"agent", v.Agent},
		{"engine", v.Engine},
		{"api", v.API},
	} {
		if line.version != "" {
			w.Row("%s\t%s", line.what, line.version)
		}
	}
	if err := w.Flush("the versions"); err != nil {
		return err
	}
	for _, fault := range v.Faults {
		env.Notef("%s\n", fault)
	}
	if v.Proxy != "" && v.Proxy != v.Version {
		env.Notef("the running proxy has another version; update it with: gateway up\n")
	}
	return nil
}

func observeVersions(ctx context.Context, env *cli.Env) versions {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	v := versions{Version: env.Version, Commit: commit(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	engine, err := env.Docker()
	if err == nil {
		defer engine.Close()
		said, asking := engine.Engine(ctx)
		v.Engine, v.API, err = said.Version, said.APIVersion, asking
	}
	engineErr := err
	if engineErr != nil {
		v.Faults = append(v.Faults, env.Hinted(engineErr))
	}
	status, err := askStatus(ctx, env)
	switch {
	case err == nil:
		v.Proxy = status.Proxy.Version
		if docker := status.Source(admin.DefaultSource); docker != nil && docker.Agent != nil {
			v.Agent = docker.Agent.Version
		}
	case engineErr == nil || env.NamedSocket() != "":
		v.Faults = append(v.Faults, env.Hinted(err))
	}
	return v
}

// commit is the commit that the program was built from, marked when there were changes beside it, or empty.
func commit() string {
	info, known := debug.ReadBuildInfo()
	if Commit != "" || !known {
		return Commit
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				modified = " (modified)"
			}
		}
	}
	if revision == "" {
		return ""
	}
	return revision + modified
}
