package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/route"
	"gateway/proxy/stack"
)

// upTimeout is how long both processes may take to find each other.
const upTimeout = 30 * time.Second

// waitUp returns when the proxy answers and has heard from the agent.
func waitUp(ctx context.Context, env *cli.Env, client *docker.Client) error {
	wait, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	var last error
	for {
		if last = checkUp(wait, env); last == nil {
			return nil
		}
		select {
		case <-wait.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errors.Join(fmt.Errorf("the containers run, and after %s: %w", upTimeout, last), lastLines(ctx, client))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func checkUp(ctx context.Context, env *cli.Env) error {
	conn, err := env.DialContainer(ctx)
	if err != nil {
		return err
	}
	gateway := admin.NewClient(func(context.Context) (net.Conn, error) { return conn, nil })
	defer gateway.Close()
	status, err := gateway.Status(ctx)
	if err != nil {
		return fmt.Errorf("asking the proxy: %w", err)
	}
	own := status.Source(admin.DefaultSource)
	switch {
	case own == nil || own.Agent == nil:
		return errors.New("the agent has not reported to the proxy")
	case own.Error != "":
		return fmt.Errorf("the agent cannot talk to the engine: %s", own.Error)
	case own.Restored || !own.Connected:
		return errors.New("the agent has not listed the containers yet")
	}
	return nil
}

// lastLines returns the last log lines of both containers as an error, to show below another.
func lastLines(ctx context.Context, client *docker.Client) error {
	var all error
	for _, name := range []string{stack.Proxy, stack.Agent} {
		text, err := client.Logs(ctx, name, 10)
		if err != nil {
			text = err.Error()
		}
		all = errors.Join(all, fmt.Errorf("%s wrote last:\n%s", name, text))
	}
	return all
}

// printUp says what is reachable.
func printUp(ctx context.Context, env *cli.Env, s stack.Settings, steps int) error {
	gateway, err := env.Gateway(ctx)
	if err != nil {
		return err
	}
	defer gateway.Close()
	list, err := awaitCertificates(ctx, env, s, gateway)
	if err != nil {
		return err
	}
	routes, err := gateway.Routes(ctx)
	if err != nil {
		return fmt.Errorf("asking the proxy for its routes: %w", err)
	}
	at, err := env.Published(ctx, s, gateway)
	if err != nil {
		return err
	}
	if steps == 0 {
		env.Notef("the gateway is up to date\n")
	}
	env.Resultf("the gateway is up at %s\n", at.URL(route.Key{}))
	if err := printAddresses(env, at, routes.Routes); err != nil {
		return err
	}
	for _, c := range list {
		printCertificate(env, c)
	}
	for _, p := range routes.Problems {
		env.Notef("problem: %s: %s; %s\n", p.Subject, p.Message, p.Fix)
	}
	if len(routes.Routes) == 0 {
		env.Notef("no project yet; add one with: gateway add portfolio --path /robots\n")
	}
	return nil
}

// printAddresses prints where each route is found, in columns with its state.
func printAddresses(env *cli.Env, at cli.Address, routes []admin.Route) error {
	w := env.Table()
	for _, r := range routes {
		address := r.Key
		if key, err := route.ParseKey(r.Key); err == nil {
			address = at.URL(key)
		}
		w.Row("  %s\t%s", address, r.State)
	}
	return w.Flush("the addresses")
}
