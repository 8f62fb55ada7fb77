package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/proxy/admin"
)

// unavailableError says that there is nothing here that could do a thing.
type unavailableError string

func (e unavailableError) Error() string { return string(e) + " is not available here" }

// projectName is what people call what the containers of a route belong to.
func projectName(r *admin.Route) string {
	if r.Project == "" {
		return "container " + r.Service
	}
	return "project " + r.Project
}

// elsewhereError says that a route has no containers here.
type elsewhereError struct{ route, source string }

func (e elsewhereError) Error() string {
	return fmt.Sprintf("%s comes from the source %q: it has no container here; p pauses it", e.route, e.source)
}

// elsewhere says why nothing can be done with the containers of a route, nil when something can.
func elsewhere(r *admin.Route) error {
	if r.OnEngine() {
		return nil
	}
	return elsewhereError{readable(r.Key), clean(r.Source)}
}

// restartJob is what the key for a restart asks for.
func restartJob(m *model, r *admin.Route) (job, error) {
	if m.actions.Restart == nil {
		return job{}, unavailableError("a restart")
	}
	if err := elsewhere(r); err != nil {
		return job{}, err
	}
	name := projectName(r)
	return job{
		question: fmt.Sprintf("Restart %s? Its containers stop and start again; until then %s with a page that says so.", name, answers(m, r)),
		yes:      "restart", doing: "restarting " + name, done: name + " is restarted", do: m.actions.Restart, whole: true,
	}, nil
}

// stopJob stops what runs and starts what is stopped.
func stopJob(m *model, r *admin.Route) (job, error) {
	if err := elsewhere(r); err != nil {
		return job{}, err
	}
	name := projectName(r)
	if r.State == "stopped" || r.State == "asleep" {
		if m.actions.Start == nil {
			return job{}, unavailableError("a start")
		}
		return job{
			question: fmt.Sprintf("Start %s? Its containers start as they were when they stopped.", name),
			yes:      "start", doing: "starting " + name, done: name + " is started", do: m.actions.Start, whole: true,
		}, nil
	}
	if m.actions.Stop == nil {
		return job{}, unavailableError("a stop")
	}
	return job{
		question: fmt.Sprintf("Stop %s? Its containers stop and are kept; %s with a page that says so until it is started.", name, answers(m, r)),
		yes:      "stop", doing: "stopping " + name, done: name + " is stopped; s starts it again", do: m.actions.Stop, whole: true,
	}, nil
}

// answers are the routes of a route's project, to be followed by what they answer with.
func answers(m *model, r *admin.Route) string {
	keys := []string{readable(r.Key)}
	for i := range m.list.all {
		if other := &m.list.all[i]; r.Project != "" && other.Project == r.Project && other.Key != r.Key {
			keys = append(keys, readable(other.Key))
		}
	}
	slices.Sort(keys[1:])
	switch n := len(keys); {
	case n == 1:
		return keys[0] + " answers"
	case n > 3:
		return fmt.Sprintf("%s and %d more routes answer", strings.Join(keys[:2], ", "), n-2)
	default:
		return strings.Join(keys[:n-1], ", ") + " and " + keys[n-1] + " answer"
	}
}

// pauseJob pauses a route or resumes it.
func pauseJob(m *model, r *admin.Route) (job, error) {
	key := readable(r.Key)
	if r.Paused != nil {
		if m.actions.Resume == nil {
			return job{}, unavailableError("resuming")
		}
		waiting := "No request waits."
		if n := r.Paused.Waiting; n > 0 {
			waiting = fmt.Sprintf("The requests that wait (%d) go on.", n)
		}
		return job{
			question: fmt.Sprintf("Resume %s? %s", key, waiting),
			yes:      "resume", doing: "resuming " + key, done: key + " is resumed", do: m.actions.Resume,
		}, nil
	}
	if m.actions.Pause == nil {
		return job{}, unavailableError("a pause")
	}
	return job{
		question: fmt.Sprintf("Pause %s? Each request waits up to %d s for you to resume it, then gets 503. The app runs on.", key, admin.DefaultWait/time.Second),
		yes:      "pause", doing: "pausing " + key, done: key + " is paused; p resumes it", do: m.actions.Pause,
	}, nil
}

// shellJob opens a shell in the first of a route's containers that runs.
func shellJob(m *model, r *admin.Route) (job, error) {
	if m.actions.Shell == nil {
		return job{}, unavailableError("a shell")
	}
	if err := elsewhere(r); err != nil {
		return job{}, err
	}
	at := slices.IndexFunc(r.Targets, func(t admin.Target) bool {
		return !slices.Contains([]string{"stopped", "asleep", "expired", "crashing"}, t.State)
	})
	if at < 0 {
		return job{}, fmt.Errorf("no container of %s runs, so none can have a shell; s starts it, l shows what it wrote", readable(r.Key))
	}
	name := r.Targets[at].Name
	return job{
		question: fmt.Sprintf("Open a shell in container %s? It runs as the container's user; exit or ctrl+d ends it and comes back here.", name),
		yes:      "open", done: "the shell in " + name + " has ended", shell: name,
	}, nil
}
