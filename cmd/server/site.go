package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects/site"
	"gateway/proxy/limit"
)

type siteOptions struct {
	root, versions, listen string
	spa                    bool
}

func newSite(env *cli.Env) *cobra.Command {
	var o siteOptions
	c := &cobra.Command{
		Use:   "site",
		Short: "Serve a folder of static files",
		Long: "Serves the files of a folder over HTTP, without listings, dotfiles except /.well-known, and links out of the\n" +
			"folder. Containers of the portfolio template run it.",
		Example: "  gateway site --root ./public --listen 127.0.0.1:8080",
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(c *cobra.Command, _ []string) error { return runSite(c.Context(), env, o) },
	}
	f := c.Flags()
	f.StringVar(&o.root, "root", ".", "`folder` to serve")
	f.StringVar(&o.versions, "versions", "", "`folder` with versions of the site; its current/site, when there, is served instead of --root")
	f.StringVar(&o.listen, "listen", ":8080", "`address` to listen on")
	f.BoolVar(&o.spa, "spa", false, "answer unknown paths with /index.html, for apps with client-side routes")
	return c
}

func runSite(ctx context.Context, env *cli.Env, o siteOptions) error {
	s, err := site.Open(site.Config{Root: o.root, Versions: o.versions, SPA: o.spa, Log: slog.New(slog.NewTextHandler(env.Err, nil))})
	if err != nil {
		return err
	}
	defer s.Close()
	ln, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listening on %s (--listen): %w", o.listen, err)
	}
	env.Notef("serving %s on http://%s\n", o.root, ln.Addr())
	limit.Contain()
	return s.Serve(ctx, ln)
}
