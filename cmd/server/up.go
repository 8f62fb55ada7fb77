package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/projects/subnet"
	"gateway/proxy/docker"
	"gateway/proxy/notify"
	"gateway/proxy/stack"
)

type upOptions struct {
	http, https  uint16
	certs, keys  []string
	bind         string
	hosts        []string
	dockerSocket string
	image        string
	binary       string
	pool         string
	expireDaily  string
	file         string
	// zone is the time zone here.
	zone  string
	flags *pflag.FlagSet
}

func newUp(env *cli.Env) *cobra.Command {
	var o upOptions
	c := &cobra.Command{
		Use:   "up",
		Short: "Run the gateway, or update the running one",
		Long: "Packs this binary into an image (nothing is pulled) and runs it as two containers: the proxy, which publishes\n" +
			"the ports and has no Docker socket, and the agent, which has the socket and no port. Run it again to update:\n" +
			"it replaces only what changed and keeps the settings of flags that are not given. To reset a setting, give its\n" +
			"default: --max-body ''. New settings replace the proxy, which serves nothing for a moment.",
		Example: "  gateway up\n  gateway up --http 8080 --bind 127.0.0.1\n" +
			"  gateway up --domain example.org --email you@example.org\n  gateway up --domain nas.lan --internal-ca\n" +
			"  gateway up --access-log - --client-rate 50/s,burst=100",
		Args: cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			o.flags, o.zone = c.Flags(), localZone(env)
			return env.OnEngine(func(client *docker.Client) error { return runUp(c.Context(), env, client, o) })
		},
	}
	addUpFlags(c.Flags(), &o)
	return c
}

func addUpFlags(f *pflag.FlagSet, o *upOptions) {
	f.Uint16Var(&o.http, "http", 80, "`port` to publish for HTTP")
	f.StringVar(&o.bind, "bind", "", "host `address` to publish on (default all)")
	f.StringSliceVar(&o.hosts, "host", nil, "host `name` of the site, also on the projects' networks; may be repeated")
	f.StringVar(&o.dockerSocket, "docker-socket", "", "`path` of the engine's socket on its host (default that of a local engine, else /var/run/docker.sock)")
	f.StringVar(&o.image, "image", "", "`image` to run, already on the engine, instead of packing a binary")
	f.StringVar(&o.binary, "binary", "", "Linux binary to pack (default the running one, or gateway-linux-ARCH beside it)")
	f.StringVar(&o.pool, "pool", "", "address `pool` for the proxy's network (default $GATEWAY_POOL, else "+subnet.DefaultPool+")")
	f.StringVar(&o.expireDaily, "expire-daily", "", "`time` of day, such as 04:00 here, at which the agent notifies the owners of expired projects, and suspends those 14 days later (default never)")
	f.StringVar(&o.file, "file", "", "YAML `file` with routes to targets outside of Docker, or a folder of them; watched (default none)")
	cli.InSection(f, tlsSection, func(f *pflag.FlagSet) {
		f.Uint16Var(&o.https, "https", usualHTTPS, "`port` to publish for HTTPS, if there is something to get a certificate for; 0 for none")
		addFileFlags(f, &o.certs, &o.keys)
	})
	addTLSFlags(f, new(tlsOptions))
	addProxyFlags(f, new(proxyOptions))
	f.Lookup("access-log").Usage = "- to log requests to stdout, for docker logs (default none)"
}

func runUp(ctx context.Context, env *cli.Env, client *docker.Client, o upOptions) error {
	engine, err := client.Engine(ctx)
	if err != nil {
		return err
	}
	running, err := stack.Look(ctx, client)
	if err != nil {
		return err
	}
	pool, err := cli.ParsePool(env, o.pool)
	if err != nil {
		return err
	}
	settings, secrets, err := o.settings(running.Settings(), client.Host())
	if err != nil {
		return err
	}
	if err := checkPorts(ctx, client, running, settings); err != nil {
		return err
	}
	image, err := o.pack(ctx, env, client, engine)
	if err != nil {
		return err
	}
	var replaced time.Time
	steps, err := stack.Up(ctx, client, stack.Options{
		Settings: settings,
		Secrets:  secrets,
		Image:    image,
		Subnet:   cli.SubnetChooser(client.Host(), pool),
		Progress: func(s stack.Step) {
			env.Notef("%s %s: %s\n", s.Action, s.Subject, s.Reason)
			if s.Action == stack.Replace && s.Subject == stack.Proxy {
				replaced = time.Now()
			}
		},
	})
	if errors.Is(err, docker.ErrPortTaken) {
		return anyTaken(ctx, client, settings, err)
	}
	if err != nil {
		return err
	}
	if !replaced.IsZero() {
		env.Notef("new connections were refused for up to %.1f s: an engine cannot hand published ports to another container\n", time.Since(replaced).Seconds())
	}
	if err := waitUp(ctx, env, client); err != nil {
		return err
	}
	if settings.ExpireDaily != "" {
		if err := giveWebhook(ctx, env, client); err != nil {
			return err
		}
	}
	if err := printUp(ctx, env, settings, len(steps)); err != nil {
		return err
	}
	o.adviseHTTPS(env, settings)
	return nil
}

// pack finds the image to run: the one that is named, or one made from the right binary.
func (o upOptions) pack(ctx context.Context, env *cli.Env, client *docker.Client, engine docker.Engine) (string, error) {
	if o.image != "" {
		return o.image, nil
	}
	path := cmp.Or(o.binary, env.Executable)
	if o.binary == "" && (engine.OS != runtime.GOOS || engine.Arch != runtime.GOARCH) {
		path = filepath.Join(filepath.Dir(env.Executable), "gateway-"+engine.OS+"-"+engine.Arch)
	}
	tag, err := stack.Pack(ctx, client, path)
	if err != nil && path != env.Executable && o.binary == "" {
		return "", fmt.Errorf("the engine runs %s/%s programs and this one is for %s/%s: put that release beside it as %s, or name one with --binary or --image: %w",
			engine.OS, engine.Arch, runtime.GOOS, runtime.GOARCH, path, err)
	}
	return tag, err
}

// giveWebhook lets the agent tell owners by the webhook that is kept here. Without one here the agent keeps its own.
func giveWebhook(ctx context.Context, env *cli.Env, client *docker.Client) error {
	webhook, err := notify.Read(env.ExpiryWebhook())
	if err != nil || webhook.IsZero() {
		return err
	}
	return stack.GiveWebhook(ctx, client, webhook)
}
