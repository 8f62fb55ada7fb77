package projects

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/printable"
)

// atOnce is how short a run is that ended as soon as it began.
const atOnce = 10 * time.Second

// Explain puts what the containers of a project show in place of an error that came up with them; nil stays nil.
func Explain(ctx context.Context, engine Lister, name Name, err error) error {
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	return diagnose(ctx, engine, name, err)
}

// explained is a step that fails with what the containers of the project show.
func (l Life) explained(name Name, step func(ctx context.Context) error) func(ctx context.Context) error {
	return func(ctx context.Context) error { return Explain(ctx, l.Engine, name, step(ctx)) }
}

// diagnose puts what containers show in place of what somebody stumbled over: an engine says of a container that stopped
// only that it cannot be changed or does not answer. The logs are those of the containers that are to blame, else of
// those that clients reach.
func diagnose(ctx context.Context, engine Lister, name Name, cause error) *Failure {
	running, err := Look(ctx, engine, name)
	if err != nil {
		return &Failure{Err: cause}
	}
	return explain(ctx, engine, cause, running.Containers)
}

// explain is diagnose of some containers.
func explain(ctx context.Context, engine Lister, cause error, containers []docker.Container) *Failure {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	failure := &Failure{Err: cause}
	if errors.Is(cause, context.Canceled) {
		failure.Logs = lastLogs(ctx, engine, reached(containers))
		return failure
	}
	var blamed []docker.Container
	var words []string
	for _, c := range containers {
		c, err := engine.Container(ctx, c.ID)
		if err != nil {
			continue // It went meanwhile.
		}
		log, _ := engine.Logs(ctx, c.ID, logLines)
		if fault := faultOf(c, log, cause); fault != "" {
			blamed, words = append(blamed, c), append(words, fault)
		}
	}
	if len(blamed) == 0 {
		failure.Logs = lastLogs(ctx, engine, reached(containers))
		return failure
	}
	failure.Err = &diagnosis{strings.Join(words, "; "), cause}
	failure.Logs = lastLogs(ctx, engine, blamed)
	return failure
}

// reached are the containers that clients reach, or all when none of them says so.
func reached(containers []docker.Container) []docker.Container {
	chosen := slices.DeleteFunc(slices.Clone(containers), func(c docker.Container) bool { return !label.Ours(c.Labels) })
	if len(chosen) == 0 {
		return containers
	}
	return chosen
}

// diagnosis is a cause in other words.
type diagnosis struct {
	text  string
	cause error
}

func (d *diagnosis) Error() string { return d.text }
func (d *diagnosis) Unwrap() error { return d.cause }

// faultOf says in one line how a container failed, or nothing.
func faultOf(c docker.Container, log string, cause error) string {
	name := ShortName(c)
	switch {
	case c.State == "created" && c.Run.Fault != "":
		return fmt.Sprintf("%s could not start: %s", name, ofEngine(c.Run.Fault))
	case c.Health == "unhealthy":
		return strings.TrimSuffix(fmt.Sprintf("%s runs, and its healthcheck fails: %s", name, firstLine(c.Run.Check)), ": ")
	case c.State == "restarting" || c.State == "running" && c.Restarts > 0 && concerns(cause, c):
		if said := lastExit.FindStringSubmatch(cause.Error()); said != nil && c.State == "running" {
			c.ExitCode, _ = strconv.Atoi(said[1]) // An engine forgets it while the container runs.
		}
		return fmt.Sprintf("%s stopped at once (%s), again after each of %d restarts%s", name, exitOf(c), c.Restarts, whyExit(c, log))
	case c.State != "exited" && c.State != "dead":
		return ""
	case c.ExitCode == 0 && !concerns(cause, c):
		return "" // What is to end did.
	case c.ExitCode == 0:
		return fmt.Sprintf("%s ended by itself (exit 0); a service that is to end needs another that waits for it: depends_on with condition: service_completed_successfully", name)
	case c.Run.Length > atOnce:
		return fmt.Sprintf("%s stopped after %s (%s)%s", name, c.Run.Length.Round(time.Second), exitOf(c), whyExit(c, log))
	}
	return fmt.Sprintf("%s stopped at once (%s)%s", name, exitOf(c), whyExit(c, log))
}

// lastExit is how the engine words the state of a container that ended.
var lastExit = regexp.MustCompile(`\((?:Restarting|Exited) \((\d+)\)`)

// concerns reports whether an error names a container.
func concerns(cause error, c docker.Container) bool {
	return strings.Contains(cause.Error(), c.Name+" ") || c.ID != "" && strings.Contains(cause.Error(), c.ID)
}

func exitOf(c docker.Container) string { return fmt.Sprintf("exit %d", c.ExitCode) }

// The exit codes by which shells and engines say why nothing ran (POSIX, Shell Command Language, 2.8.2), and that of a
// program that was killed.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
	exitKilled        = 137
)

// whyExit says what an exit code means beside what the program wrote.
func whyExit(c docker.Container, log string) string {
	switch {
	case c.OOMKilled:
		return ": it needed more memory than it may have; raise mem_limit of the service"
	case strings.Contains(log, "exec format error") || strings.Contains(c.Run.Fault, "exec format error"):
		return ": its program is for another kind of processor (exec format error); use an image for this machine's"
	case c.Run.Fault != "":
		return ": " + ofEngine(c.Run.Fault)
	case c.ExitCode == exitNotFound:
		return ": its command, or one that it runs, is not in the image"
	case c.ExitCode == exitNotExecutable:
		return ": its command cannot be executed; see that the file may be (chmod +x) and names its interpreter"
	case c.ExitCode == exitKilled:
		return ": it was killed, by a user or because the machine ran out of memory"
	}
	lines := strings.Split(strings.TrimSpace(log), "\n")
	last := []rune(printable.Line(strings.TrimSpace(lines[len(lines)-1])))
	switch {
	case len(last) == 0:
		return ""
	case len(last) > maxSaid:
		last = append(last[:maxSaid:maxSaid], '…')
	}
	return ": " + string(last)
}

// maxSaid is how much of a line of a container's log is told with how it failed, in characters.
const maxSaid = 200

// ofEngine is what the engine says of a container, without the programs that it came through.
func ofEngine(text string) string {
	text = runtimes.ReplaceAllString(text, "")
	return strings.TrimSpace(firstLine(text))
}

// runtimes are the prefixes that engines put before the reason.
var runtimes = regexp.MustCompile(`^(?:(?:failed to create (?:shim task|task for container|shim)|OCI runtime create failed|runc create failed|runc run failed|crun|container_linux\.go:\d+|process_linux\.go:\d+|unable to start container process|starting container process caused|error during container init)[:,]? *)+`)

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return printable.Line(line)
}

// lastLogs are the last lines of containers, for people.
func lastLogs(ctx context.Context, engine Lister, containers []docker.Container) string {
	var all strings.Builder
	for _, c := range containers {
		text, err := engine.Logs(ctx, c.ID, logLines)
		if text = strings.TrimSpace(text); err != nil || text == "" {
			fmt.Fprintf(&all, "%s (%s) wrote nothing\n", c.Name, c.Status)
			continue
		}
		fmt.Fprintf(&all, "%s\n", printable.Nested(fmt.Sprintf("%s (%s) wrote last:\n%s", c.Name, c.Status, squeezed(text))))
	}
	return all.String()
}

// squeezed is text with lines that follow each other and are equal in one.
func squeezed(text string) string {
	var all []string
	times := 1
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if i+1 < len(lines) && lines[i+1] == line {
			times++
			continue
		}
		if times > 1 {
			line = fmt.Sprintf("%s (%d times)", line, times)
		}
		all, times = append(all, line), 1
	}
	return strings.Join(all, "\n")
}

// logLines is how much of a container's log is shown when it fails.
const logLines = 10

// stopped reports whether a container came to an end that nobody asked for.
func stopped(c docker.Container) bool {
	return slices.Contains([]string{"exited", "dead", "restarting"}, c.State)
}
