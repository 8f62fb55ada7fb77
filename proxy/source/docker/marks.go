package docker

import (
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/route"
)

// killForgiven is how long a container has to be listed as running after a signal to stop, to be sent requests again.
const killForgiven = 60 * time.Second

// marks are the containers that got a signal to stop or died since the last listing, by their full ids. They get no new
// requests.
type marks map[string]mark

// mark is since when a container is on its way out, and when a start ended that. An ended mark lasts until a listing
// that was begun after its end: one begun before may still show what was. One that was not ended lasts until the
// container is listed as not running: engines tell that it died a moment before they list it so (20.10: about 100 ms).
type mark struct {
	since, ended time.Time
	died         bool
}

// note takes an event into account and reports whether it changed what is to be said of a container.
func (m marks) note(e docker.Event, now time.Time) bool {
	old, marked := m[e.ID]
	switch e.Action {
	case "kill", "die":
		if e.Action == "kill" && !stops(e.Attributes["signal"]) {
			return false
		}
		m[e.ID] = mark{since: now, died: e.Action == "die"}
	case "start":
		if marked {
			old.ended = now
			m[e.ID] = old
		}
		return false
	default:
		return false
	}
	return !marked || m[e.ID].died != old.died
}

// state is that of a container which is listed in another one. What died is not there any more: who waits for it goes
// elsewhere.
func (m marks) state(container string, listed route.State, reason string) (route.State, string) {
	marked, is := m[container]
	switch {
	case !is:
		return listed, reason
	case marked.died && marked.ended.IsZero():
		return route.Stopped, "it ended"
	}
	return route.Draining, "it was told to stop"
}

// endAll ends all marks, as a break in the stream of events does.
func (m marks) endAll(now time.Time) {
	for id, old := range m {
		old.ended = now
		m[id] = old
	}
}

// settle forgets the marks that the observation has overtaken. It reports whether the observation lags behind what is
// known, so that another is due soon.
func (m marks) settle(o *observation, now time.Time) (lags bool) {
	for id, old := range m {
		switch {
		case !old.ended.IsZero():
			if !o.begun.Before(old.ended) {
				delete(m, id)
			}
		case o.running[id]:
			if now.Sub(old.since) >= killForgiven {
				delete(m, id)
			} else if old.died {
				lags = true
			}
		case o.begun.After(old.since):
			delete(m, id)
		}
	}
	return lags
}

// stops reports whether a signal, by number or by name, is one that ends containers. Those that programs take for
// "read your settings again" or take no notice of do not, nor do those that have them stand still (STOP, TSTP, TTIN and
// TTOU), and perhaps for a moment. All others may be an image's STOPSIGNAL, as WINCH is httpd's.
func stops(signal string) bool {
	switch signal {
	case "1", "10", "12", "17", "18", "19", "20", "21", "22", "23",
		"HUP", "USR1", "USR2", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
		"SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG":
		return false
	}
	return true
}
