package project

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
	"gateway/proxy/route"
)

// pauseOptions are the flags of gateway pause.
type pauseOptions struct {
	env     *cli.Env
	name    string
	message string
	// wait is how long a request waits at most, lasts how long the pause does; 0 is until it is resumed.
	wait, lasts time.Duration
	now         func() time.Time
}

func newPause(env *cli.Env) *cobra.Command {
	o := pauseOptions{env: env, now: time.Now}
	c := &cobra.Command{
		Use:   "pause NAME|PATH",
		Short: "Queue requests to a project",
		Long: "Pauses all routes of a project or a container, or one route. Up to 1000 requests per route wait in a queue, and\n" +
			"continue in order when the route is resumed. Requests that time out get 503 with the message. The app keeps\n" +
			"running. Run it again to change the message or the times. A pause survives restarts and deployments.",
		Example: "  gateway pause blog --message 'Back at 17:00' --wait 0\n" +
			"  gateway pause /robots --for 2m --wait 2m\n" +
			"  gateway pause robots.example.org/",
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			o.name = args[0]
			return runPause(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.message, "message", "", "`text` for requests that time out in the queue, up to 280 characters")
	f.DurationVar(&o.wait, "wait", admin.DefaultWait, "time that a request waits, up to 10m; 0 answers at once")
	f.DurationVar(&o.lasts, "for", 0, "length of the pause, such as 10m (default until 'gateway resume')")
	return c
}

// order returns the pause to request from the gateway.
func (o *pauseOptions) order() (admin.Pause, error) {
	switch {
	case o.wait < 0 || o.wait > admin.MaxWait:
		return admin.Pause{}, cli.Usage(fmt.Errorf("--wait %s: a request waits between 0s and %s", o.wait, short(admin.MaxWait)))
	case o.lasts < 0:
		return admin.Pause{}, cli.Usage(fmt.Errorf("--for %s: it takes a positive duration; leave it out for a pause until 'gateway resume'", o.lasts))
	}
	order := admin.Pause{Message: o.message, Wait: o.wait.Milliseconds()}
	if o.lasts > 0 {
		order.Until = o.now().Add(o.lasts).UTC()
	}
	return order, nil
}

func runPause(ctx context.Context, o pauseOptions) error {
	order, err := o.order()
	if err != nil {
		return err
	}
	return onRoutes(ctx, o.env, o.name, func(gateway *admin.Client, key string) error {
		told, err := gateway.Pause(ctx, key, order)
		if err == nil {
			o.env.Donef("%s\n", pausedText(key, o.name, told))
		}
		return err
	})
}

// pausedText describes a pause, and how it ends.
func pausedText(key, name string, p admin.Pause) string {
	does := fmt.Sprintf("requests wait up to %s, then get 503", short(time.Duration(p.Wait)*time.Millisecond))
	if p.Wait == 0 {
		does = "requests get 503"
	}
	end := "resume it with: gateway resume " + name
	if !p.Until.IsZero() {
		end = fmt.Sprintf("it ends at %s, or with: gateway resume %s", p.Until.Local().Format("2006-01-02 15:04:05"), name)
	}
	return fmt.Sprintf("%s is paused: %s; %s", key, does, end)
}

// short writes whole minutes without the seconds: 10m, not 10m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

// onRoutes does something to each route that a word names, as in cli.RouteKeys; a path need not be in the table. One that
// fails does not stop the others.
func onRoutes(ctx context.Context, env *cli.Env, word string, do func(gateway *admin.Client, key string) error) error {
	key, err := route.ParseKey(word)
	isKey := strings.Contains(word, "/")
	if isKey && err != nil {
		return cli.Usage(err)
	}
	return env.OnGateway(ctx, func(gateway *admin.Client) error {
		keys := []route.Key{key}
		if !isKey {
			routes, err := gateway.Routes(ctx)
			if err != nil {
				return err
			}
			if keys, err = cli.RouteKeys(routes, word); err != nil {
				return err
			}
		}
		var failed []error
		for _, key := range keys {
			failed = append(failed, do(gateway, key.String()))
		}
		return errors.Join(failed...)
	})
}
