// Package compose brings projects up and down as the docker compose command does, with the same semantics and the same
// hash of a service's configuration, so that either can be used on one project in turn. It is the only package that
// knows the Compose SDK, compose-go and the docker command's library. It knows nothing of what a project is beyond a
// folder with a compose.yaml and a name. The policy: that one file, nothing remote, and no question to a terminal.
package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/cli/cli/command"
	cliflags "github.com/docker/cli/cli/flags"
	"github.com/docker/compose/v5/pkg/api"
	sdk "github.com/docker/compose/v5/pkg/compose"
	"github.com/docker/go-connections/tlsconfig"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// ErrOverlap says that a network's subnet shares addresses with another network's.
var ErrOverlap = errors.New("subnet overlaps")

// file is the one that is read; no override file and no other name is looked for.
const file = "compose.yaml"

// How long containers get to start, beside what they say themselves. How long they get to end is up to them alone.
const (
	startBudget = 2 * time.Minute
	// jobBudget is for each service that others wait for the end of, which says nothing of how long it takes.
	jobBudget = 15 * time.Minute
	// parallel bounds the calls to the engine that are under way.
	parallel = 4
)

// Compose talks to one engine. It is safe for concurrent use, one call per project at a time.
type Compose struct {
	service api.Compose
	cli     command.Cli
	engine  *docker.Client
	said    *buildLog
}

// New prepares for the engine at host, in the form that docker.New takes, and does not connect. What happens is told to
// progress, which is never called twice at once; nil is silence.
func New(host string, progress func(Event)) (*Compose, error) {
	prepare()
	options, err := clientOptions(host)
	if err != nil {
		return nil, fmt.Errorf("preparing compose: %w", err)
	}
	events := &reporter{emit: progress}
	said := &buildLog{events: events}
	// Of the docker command's own words, what builds write comes as events; all else goes nowhere.
	cli, err := command.NewDockerCli(command.WithOutputStream(said), command.WithErrorStream(io.Discard))
	if err != nil {
		return nil, fmt.Errorf("preparing compose: %w", err)
	}
	if err := cli.Initialize(options); err != nil {
		return nil, fmt.Errorf("preparing compose: %w", err)
	}
	service, err := sdk.NewComposeService(cli,
		sdk.WithEventProcessor(events),
		sdk.WithPrompt(sdk.AlwaysOkPrompt()),
		sdk.WithMaxConcurrency(parallel))
	if err != nil {
		return nil, fmt.Errorf("preparing compose: %w", err)
	}
	engine, err := docker.New(host)
	if err != nil {
		return nil, fmt.Errorf("preparing compose: %w", err)
	}
	return &Compose{service, cli, engine, said}, nil
}

// clientOptions are those of the docker command for an address.
func clientOptions(host string) (*cliflags.ClientOptions, error) {
	options := cliflags.NewClientOptions()
	address, query, _ := strings.Cut(host, "?")
	if host != "" {
		options.Hosts = []string{address}
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("engine address %q: %w", host, err)
	}
	if dir := values.Get("certs"); dir != "" {
		options.TLS = true
		options.TLSOptions = &tlsconfig.Options{
			CAFile:             filepath.Join(dir, "ca.pem"),
			CertFile:           filepath.Join(dir, "cert.pem"),
			KeyFile:            filepath.Join(dir, "key.pem"),
			InsecureSkipVerify: values.Get("verify") == "no",
		}
	}
	return options, nil
}

// start waits for as long as the containers may take; the project may be nil.
func (c *Compose) start(ctx context.Context, name string, project *types.Project) error {
	budget, err := c.budget(ctx, name)
	if err != nil {
		return err
	}
	return worded(c.service.Start(ctx, name, api.StartOptions{Project: project, Wait: true, WaitTimeout: budget}))
}

// budget is how long the containers of a project may take until they run and are healthy.
func (c *Compose) budget(ctx context.Context, name string) (time.Duration, error) {
	mine := api.ProjectLabel + "=" + name
	times, err := c.engine.Times(ctx, mine)
	if err != nil {
		return 0, err
	}
	containers, err := c.engine.Containers(ctx, mine)
	if err != nil {
		return 0, err
	}
	jobs := map[string]bool{}
	for _, container := range containers {
		for _, d := range label.Dependencies(container.Labels) {
			if d.Condition == label.ServiceCompleted {
				jobs[d.Service] = true
			}
		}
	}
	return startBudget + times.Start + time.Duration(len(jobs))*jobBudget, nil
}

// Down removes containers, networks and volumes of the project, by its name alone. There need not be any.
func (c *Compose) Down(ctx context.Context, name string) error {
	return worded(c.service.Down(ctx, name, api.DownOptions{RemoveOrphans: true, Volumes: true}))
}

// Stop stops the project's containers and keeps them. There need not be any that runs.
func (c *Compose) Stop(ctx context.Context, name string) error {
	return worded(c.service.Stop(ctx, name, api.StopOptions{}))
}

// Start starts the containers that the project has, in the order of their dependencies, as they were created: the
// folder is not read.
func (c *Compose) Start(ctx context.Context, name string) error {
	return c.start(ctx, name, nil)
}

// Restart restarts the containers that the project has, each in one request to the engine, and starts those that do not
// run. It does not wait for their health checks.
func (c *Compose) Restart(ctx context.Context, name string) error {
	return worded(c.service.Restart(ctx, name, api.RestartOptions{}))
}

// Volumes lists the names of the project's volumes.
func (c *Compose) Volumes(ctx context.Context, name string) ([]string, error) {
	list, err := c.service.Volumes(ctx, name, api.VolumesOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing the volumes of %s: %w", name, worded(err))
	}
	var names []string
	for _, v := range list {
		names = append(names, v.Name)
	}
	return names, nil
}

// worded takes the SDK's and the engine's prefixes off an error and names the conditions that callers know.
func worded(err error) error {
	if err == nil {
		return nil
	}
	text := strings.TrimPrefix(err.Error(), "Error response from daemon: ")
	text = strings.TrimPrefix(text, "failed to create network ")
	if ended.MatchString(text) {
		text += "; it ended by itself; let the service that needs it wait for it: depends_on with condition: service_completed_successfully"
	}
	if fix := fixOf(text); fix != "" {
		text += "; " + fix
	}
	if strings.Contains(text, "Pool overlaps with other one") || strings.Contains(text, "networks have overlapping") {
		return &wordedError{text, []error{ErrOverlap, err}}
	}
	return &wordedError{text, []error{err}}
}

// fixes are what to do about what the engine says, which it words itself.
var fixes = []struct {
	words *regexp.Regexp
	fix   string
}{
	{regexp.MustCompile(`pull access denied|repository does not exist|unauthorized: |denied: requested access`), "see that the image's name is right; an image that is not public takes: docker login"},
	{regexp.MustCompile(`manifest unknown|manifest for .* not found|not found: manifest`), "the image has no such tag; write one that its registry lists"},
	{regexp.MustCompile(`no matching manifest for`), "the image is not made for this machine's processor; choose another, or build it here"},
	{regexp.MustCompile(`(?:Get|Head) "?https?://\S+/v2/.*(?:no such host|network is unreachable|i/o timeout|connection refused|Client\.Timeout|context deadline exceeded)`), "the engine cannot reach the image's registry; see that this machine is online, or load the image with: docker load"},
	{regexp.MustCompile(`toomanyrequests`), "the registry allows no more pulls for now; wait, or use an account: docker login"},
	{regexp.MustCompile(`no space left on device`), "the engine's disk is full; what takes it is told by: docker system df"},
	{regexp.MustCompile(`No such image`), "the image is not on the engine, and pull_policy keeps it from being pulled; build or load it first"},
}

// fixOf is what to do about words of the engine, or nothing.
func fixOf(text string) string {
	for _, f := range fixes {
		if f.words.MatchString(text) {
			return f.fix
		}
	}
	return ""
}

// ended is what Compose says of a container that was to run and came to its end.
var ended = regexp.MustCompile(`^container \S+ exited \(0\)$`)

type wordedError struct {
	text   string
	causes []error
}

func (e *wordedError) Error() string   { return e.text }
func (e *wordedError) Unwrap() []error { return e.causes }
