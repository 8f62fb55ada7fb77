package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/stack"
)

type networkOptions struct {
	name, subnet, pool string
	internal           bool
}

func newNetwork(env *cli.Env) *cobra.Command {
	c := &cobra.Command{
		Use:   "network",
		Short: "Create, list and remove networks for containers",
		Long: "Manages networks for containers outside of projects. They get small subnets from the gateway's own pool, since\n" +
			"Docker's default pools end at about thirty networks. The proxy reaches the containers on them.",
		Args: cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newNetworkCreate(env), newNetworkList(env), newNetworkRemove(env))
	return c
}

func newNetworkCreate(env *cli.Env) *cobra.Command {
	var o networkOptions
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a network",
		Long: "Creates a network. The proxy joins it when a container with a route is on it. With --internal the proxy stays\n" +
			"away, and containers reach only each other.",
		Example: "  gateway network create chess\n  gateway network create chess-db --internal",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			o.name = args[0]
			return env.OnEngine(func(client *docker.Client) error { return runNetworkCreate(c.Context(), env, client, o) })
		},
	}
	f := c.Flags()
	f.BoolVar(&o.internal, "internal", false, "create a network without the proxy and without internet access")
	f.StringVar(&o.subnet, "subnet", "", "`subnet`, such as 10.213.7.0/27 (default a free one of the pool)")
	f.StringVar(&o.pool, "pool", "", "address `pool` to take a free subnet from (default $GATEWAY_POOL, else 10.213.0.0/16)")
	return c
}

var networkForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// spec checks the arguments and flags.
func (o networkOptions) spec() (docker.NetworkSpec, error) {
	s := docker.NetworkSpec{Name: o.name, Internal: o.internal, Labels: map[string]string{label.Role: label.RoleEdge}}
	if o.internal {
		s.Labels[label.Role] = label.RoleBackend
	}
	switch {
	case !networkForm.MatchString(o.name):
		return s, fmt.Errorf("network %q: it takes letters, digits, dashes, dots and underscores; write chess, for example", o.name)
	case o.name <= stack.Network:
		// An engine before 28 gives a container the default route of the network whose name sorts first.
		return s, fmt.Errorf("network %q: its name sorts before %s, so that joining it could cut the proxy's connections; write chess, for example", o.name, stack.Network)
	case o.subnet == "":
		return s, nil
	}
	subnet, err := netip.ParsePrefix(o.subnet)
	if err != nil || !subnet.Addr().Is4() || subnet != subnet.Masked() || subnet.Bits() > 29 {
		return s, fmt.Errorf("--subnet %q: it takes an IPv4 subnet of at least 8 addresses without host bits, such as 10.213.7.0/27", o.subnet)
	}
	s.Subnet = subnet
	return s, nil
}

func runNetworkCreate(ctx context.Context, env *cli.Env, client *docker.Client, o networkOptions) error {
	spec, err := o.spec()
	if err != nil {
		return cli.Usage(err)
	}
	all, err := client.Networks(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(n docker.Network) bool { return n.Name == o.name }) {
		return fmt.Errorf("network %s already exists; choose another name, or remove it: gateway network rm %s", o.name, o.name)
	}
	if !spec.Subnet.IsValid() {
		pool, err := cli.ParsePool(env, o.pool)
		if err != nil {
			return err
		}
		if spec.Subnet, err = cli.SubnetChooser(client.Host(), pool)(all); err != nil {
			return err
		}
	}
	if _, err := client.CreateNetwork(ctx, spec); err != nil {
		if errors.Is(err, docker.ErrOverlap) {
			return fmt.Errorf("network %s: subnet %s shares addresses with another network; leave --subnet out for free ones: %w", o.name, spec.Subnet, err)
		}
		return err
	}
	env.Donef("network %s has the addresses %s\n", o.name, spec.Subnet)
	env.Printf("%s\n", o.name)
	return nil
}

// networkView is a network as lists and JSON show it.
type networkView struct {
	Name     string   `json:"name"`
	Role     string   `json:"role"`
	Project  string   `json:"project,omitempty"`
	Subnets  []string `json:"subnets"`
	Internal bool     `json:"internal"`
	// Containers are the names of its containers, including the gateway's own.
	Containers []string `json:"containers"`
}

func newNetworkList(env *cli.Env) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the networks of the gateway and of projects",
		Args:    cli.Args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return env.OnEngine(func(client *docker.Client) error { return runNetworkList(c.Context(), env, client, asJSON) })
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func runNetworkList(ctx context.Context, env *cli.Env, client *docker.Client, asJSON bool) error {
	networks, err := client.Networks(ctx)
	if err != nil {
		return err
	}
	containers, err := client.Containers(ctx)
	if err != nil {
		return err
	}
	views := networkViews(networks, containers)
	if asJSON {
		return env.JSON(struct {
			Networks []networkView `json:"networks"`
		}{views})
	}
	w := env.Table()
	w.Row("NAME\tROLE\tPROJECT\tSUBNET\tCONTAINERS")
	for _, v := range views {
		w.Row("%s\t%s\t%s\t%s\t%s", v.Name, v.Role, cmp.Or(v.Project, "-"),
			cmp.Or(strings.Join(v.Subnets, " "), "-"), cmp.Or(strings.Join(v.Containers, " "), "-"))
	}
	return w.Flush("the list")
}

func networkViews(networks []docker.Network, containers []docker.Container) []networkView {
	views := []networkView{}
	for _, n := range networks {
		if n.Labels[label.Role] == "" {
			continue
		}
		v := networkView{Name: n.Name, Role: n.Labels[label.Role], Project: projects.ProjectOf(n.Labels), Subnets: []string{}, Internal: n.Internal, Containers: on(n, containers)}
		for _, subnet := range n.Subnets {
			v.Subnets = append(v.Subnets, subnet.String())
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b networkView) int { return strings.Compare(a.Name, b.Name) })
	return views
}

// on lists the names of the containers on a network, sorted.
func on(n docker.Network, containers []docker.Container) []string {
	names := []string{}
	for _, c := range containers {
		if slices.ContainsFunc(c.Networks, func(a docker.Attachment) bool { return a.Network == n.Name }) {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names
}

func newNetworkRemove(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:     "rm NAME",
		Aliases: []string{"remove"},
		Short:   "Remove a network",
		Args:    cli.Args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return env.OnEngine(func(client *docker.Client) error { return runNetworkRemove(c.Context(), env, client, args[0]) })
		},
	}
}

func runNetworkRemove(ctx context.Context, env *cli.Env, client *docker.Client, name string) error {
	networks, err := client.Networks(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(networks, func(n docker.Network) bool { return n.Name == name })
	if i < 0 {
		return fmt.Errorf("there is no network %s; 'gateway network ls' lists the networks", name)
	}
	n := networks[i]
	switch project := projects.ProjectOf(n.Labels); {
	case project != "":
		return fmt.Errorf("network %s belongs to project %s; it stays for as long as that does", name, project)
	case n.Labels[label.Role] == "" || name == stack.Network:
		return fmt.Errorf("network %s was not made by 'gateway network create'; remove it with: docker network rm %s", name, name)
	}
	containers, err := client.Containers(ctx)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(on(n, containers), func(name string) bool { return name == stack.Proxy })
	if len(others) > 0 {
		return fmt.Errorf("network %s has containers on it: %s; remove them, or take them off: docker network disconnect %s %s", name, strings.Join(others, ", "), name, others[0])
	}
	if err := projects.RemoveNetwork(ctx, client, n); err != nil {
		return err
	}
	env.Donef("network %s is removed\n", name)
	return nil
}
