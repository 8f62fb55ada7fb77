package project

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/compose"
)

// logTail is the default number of lines per container.
const logTail = 100

type logsOptions struct {
	env                 *cli.Env
	name, tail, since   string
	services            []string
	follow, timestamped bool
}

func newLogs(env *cli.Env) *cobra.Command {
	o := logsOptions{env: env}
	c := &cobra.Command{
		Use:   "logs NAME [SERVICE ...]",
		Short: "Print the logs of a project",
		Long: "Prints the last lines of the logs of a project's containers, in the order of their times. With several containers,\n" +
			"each line starts with the name of its container. On a terminal, control characters are escaped.",
		Example: "  gateway logs robots\n  gateway logs blog db --since 2h\n  gateway logs robots --tail 20 --follow",
		Args:    cli.Args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			o.name, o.services = args[0], args[1:]
			if o.since != "" && !c.Flags().Changed("tail") {
				o.tail = "all"
			}
			return runLogs(c.Context(), o)
		},
	}
	c.Flags().StringVarP(&o.tail, "tail", "n", strconv.Itoa(logTail), "number of lines per container, or all")
	c.Flags().StringVar(&o.since, "since", "", "only lines after a time, such as 10m, 2h, 3d, 2026-06-30 or\n2026-06-30T08:00:00Z; shows all of them unless --tail is given")
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "print new lines until interrupted")
	c.Flags().BoolVarP(&o.timestamped, "timestamps", "t", false, "print the time of each line, in UTC")
	return c
}

func runLogs(ctx context.Context, o logsOptions) error {
	selected, err := o.selected(time.Now())
	if err != nil {
		return cli.Usage(err)
	}
	s, err := o.env.Session()
	if err != nil {
		return err
	}
	defer s.Close()
	services, err := written(ctx, s, o.name)
	if err != nil {
		return err
	}
	for _, service := range o.services {
		if !slices.Contains(services, service) {
			return fmt.Errorf("project %s has no containers of a service %s; it has some of %s", o.name, service, strings.Join(slices.Compact(services), ", "))
		}
	}
	service, err := s.Compose()
	if err != nil {
		return err
	}
	return service.Logs(ctx, o.name, selected, newLogPrinter(o.env, len(services) > 1, o.timestamped).print)
}

// selected are the lines that the flags ask for.
func (o logsOptions) selected(now time.Time) (compose.LogOptions, error) {
	selected := compose.LogOptions{Services: o.services, Tail: -1, Follow: o.follow}
	if o.tail != "all" {
		n, err := strconv.Atoi(o.tail)
		if err != nil || n < 0 {
			return selected, fmt.Errorf("--tail %s: write a number of lines, 0 or more, or all", o.tail)
		}
		selected.Tail = n
	}
	if o.since == "" {
		return selected, nil
	}
	var err error
	selected.Since, err = parseSince(o.since, now)
	return selected, err
}

// parseSince reads a time in the past: how long ago it was, a date, whose first minute is meant, or an RFC 3339 time.
func parseSince(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if when, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return when, nil
		}
	}
	if days, is := strings.CutSuffix(text, "d"); is {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, fmt.Errorf("--since %s: write how long ago, such as 10m, 2h or 3d, or a time such as 2026-06-30 or 2026-06-30T08:00:00Z", text)
}

// written returns the sorted services of a project's containers, one for each, and an error unless there are containers. The
// project may be somebody else's, since reading changes nothing.
func written(ctx context.Context, s *cli.Session, arg string) ([]string, error) {
	name, err := s.Known(ctx, arg)
	if stray, is := errors.AsType[projects.Stray](err); is && stray.Kind != projects.Single {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	running, err := projects.Look(ctx, s.Engine, name)
	if err != nil {
		return nil, err
	}
	if len(running.Containers) == 0 {
		return nil, fmt.Errorf("project %s has no containers, and so no logs; start it with: gateway deploy %s", name, name)
	}
	var services []string
	for _, c := range running.Containers {
		services = append(services, projects.ServiceOf(c))
	}
	slices.Sort(services)
	return services, nil
}

// logPrinter prints lines of logs as they were written, but for what would do something to a terminal.
type logPrinter struct {
	env                *cli.Env
	named, timestamped bool
	// seen are the containers so far: each gets the next colour.
	seen []string
}

// logColours are the ANSI colours of container names: cyan, yellow, green, magenta, blue.
var logColours = []int{36, 33, 32, 35, 34}

// newLogPrinter prints the name of the container before each line when named, and the time when timestamped.
func newLogPrinter(env *cli.Env, named, timestamped bool) *logPrinter {
	return &logPrinter{env: env, named: named, timestamped: timestamped}
}

func (p *logPrinter) print(l compose.Line) {
	if p.named {
		p.env.Printf("%s | ", p.coloured(l.Container))
	}
	if p.timestamped {
		p.env.Printf("%s ", l.Time.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	if p.env.Terminal {
		p.env.Printf("%s\n", cli.Lines(l.Text))
		return
	}
	p.env.Printf("%s\n", cli.Styled(l.Text))
}

func (p *logPrinter) coloured(container string) cli.Styled {
	if !p.env.Colour() {
		return cli.Styled(container)
	}
	i := slices.Index(p.seen, container)
	if i < 0 {
		i = len(p.seen)
		p.seen = append(p.seen, container)
	}
	return cli.Styled(fmt.Sprintf("\x1b[%dm%s\x1b[0m", logColours[i%len(logColours)], container))
}
