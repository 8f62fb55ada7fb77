package docker

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
	"gateway/proxy/route"
)

const (
	// mostInspected is how many containers one listing looks into, inspectTime how long it may take: the next listings
	// look into the others.
	mostInspected = 20
	inspectTime   = 3 * time.Second
	// maxLine is the most bytes of the last line of a log that is shown.
	maxLine = 200
)

// crash is how a container ended. The zero value is that of one which did not, or which nobody looked into.
type crash struct {
	exit, restarts int
	oom            bool
	// asleep reports that it was stopped and is to run again: its next request starts it.
	asleep bool
	// line is the last of its log, as the app wrote it.
	line string
}

// crashes remembers how containers ended, by full ids. A listing tells that they did and with which exit code, and an
// inspection the rest; only those that a listing shows to have ended by themselves are looked into.
type crashes map[string]crashed

// crashed is what was found when the listing said that much of a container.
type crashed struct {
	words string
	crash crash
}

// ended reports whether a container ended by itself: it is being restarted, or has an exit code other than that of one
// that got a signal to stop.
func ended(c *docker.Container) bool {
	code, known := exitCode(c)
	switch c.State {
	case "restarting":
		return true
	case "exited", "dead":
		return known && code != 0 && code != 143
	}
	return false
}

// maySleep reports whether a container may be asleep: it has ended, and has a label that lets it sleep.
func maySleep(c *docker.Container) bool { return c.State == "exited" && label.MaySleep(c.Labels) }

// exitCode is the one that the status tells: "Exited (1) 3 minutes ago".
func exitCode(c *docker.Container) (int, bool) {
	_, rest, _ := strings.Cut(c.Status, " (")
	digits, _, found := strings.Cut(rest, ")")
	code, err := strconv.Atoi(digits)
	return code, found && err == nil
}

// forget forgets how these containers ended, by their full ids: they were changed since.
func (all crashes) forget(ids []string) {
	for _, id := range ids {
		if found, known := all[id]; known {
			found.words = ""
			all[id] = found
		}
	}
}

// look finds out how the containers of a listing ended. It asks the engine of none that runs, and of one that ended only
// once, unless it is being restarted: then again, as far as there is time after those that changed. What cannot be found out is left out.
func (all crashes) look(ctx context.Context, engine Inspector, l *snapshot) crashes {
	ctx, cancel := context.WithTimeout(ctx, inspectTime)
	defer cancel()
	var now crashes
	var changed, restarting []*docker.Container
	most := mostInspected
	for i := range l.containers {
		c := &l.containers[i]
		if !ended(c) && !maySleep(c) || !routable(c) {
			continue
		}
		if now == nil {
			now = crashes{}
		}
		found, known := all[c.ID]
		now[c.ID] = found
		switch {
		case !known || found.words != words(c):
			if maySleep(c) {
				most++ // There may be many, and whether a request starts them cannot wait for another listing.
			}
			changed = append(changed, c)
		case c.State == "restarting":
			restarting = append(restarting, c)
		}
	}
	for i, c := range append(changed, restarting...) {
		if i == most || ctx.Err() != nil {
			break
		}
		now[c.ID] = inspect(ctx, engine, c)
	}
	return now
}

func inspect(ctx context.Context, engine Inspector, c *docker.Container) crashed {
	code, _ := exitCode(c)
	found := crashed{words: words(c), crash: crash{exit: code}}
	inspected, err := engine.Container(ctx, c.ID)
	if err != nil {
		if maySleep(c) {
			found.words = "" // It is asked again: somebody may wait for it.
		}
		return found
	}
	if maySleep(c) && inspected.Asleep() {
		found.crash = crash{asleep: true}
		return found
	}
	if !ended(c) {
		return crashed{words: words(c)}
	}
	found.crash.restarts, found.crash.oom = inspected.Restarts, inspected.OOMKilled
	if logs, err := engine.Logs(ctx, c.ID, 1); err == nil {
		found.crash.line = lastLine(logs)
	}
	return found
}

// lastLine is the last line that is not blank, cut to maxLine.
func lastLine(logs string) string {
	logs = strings.TrimRight(logs, " \t\r\n")
	line := strings.TrimSpace(logs[strings.LastIndexByte(logs, '\n')+1:])
	if len(line) > maxLine {
		line = line[:maxLine] + "…"
	}
	return strings.ToValidUTF8(line, "�")
}

// state is that of a container which ended by itself.
func (x crash) state(c *docker.Container) (route.State, string) {
	if c.State != "restarting" {
		return route.Stopped, words(c) + x.meaning(": %s")
	}
	code, _ := exitCode(c)
	reason := fmt.Sprintf("crashes: exit %d%s", cmp.Or(x.exit, code), x.meaning(" (%s)"))
	switch {
	case x.restarts == 1:
		reason += ", 1 restart"
	case x.restarts > 1:
		reason += fmt.Sprintf(", %d restarts", x.restarts)
	}
	return route.Crashing, reason
}

// meaning says what an exit code means beyond the program's own choice, in the format; empty when it means nothing.
func (x crash) meaning(format string) string {
	text := map[int]string{
		125: "the container could not be run", 126: "its command cannot be executed", 127: "its command was not found",
		132: "illegal instruction", 134: "aborted", 135: "bus error", 136: "arithmetic error", 137: "killed", 139: "segmentation fault",
		143: "terminated",
	}[x.exit]
	if x.oom {
		text = "out of memory"
	}
	if text == "" {
		return ""
	}
	return fmt.Sprintf(format, text)
}
