package dockertest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// summary is an element of a listing on the wire.
type summary struct {
	ID              string `json:"Id"`
	Names           []string
	Image, ImageID  string
	Command         string
	Created         int64
	Ports           []port
	Labels          map[string]string
	State, Status   string
	HostConfig      map[string]string
	Health          map[string]any `json:",omitempty"`
	NetworkSettings map[string]map[string]place
	Mounts          []map[string]any
}

type port struct {
	IP          string `json:",omitempty"`
	PrivatePort uint16
	PublicPort  uint16 `json:",omitempty"`
	Type        string
}

// serveList answers with the containers. Each is encoded once for as long as it stays the same.
func (a *api) serveList(rw http.ResponseWriter, r *http.Request) {
	w := a.world
	filters, err := filters(r)
	if err != nil {
		write(rw, 0, nil, err)
		return
	}
	all := slices.Contains([]string{"1", "true"}, r.URL.Query().Get("all"))
	now := time.Now()
	var list bytes.Buffer
	list.WriteByte('[')
	w.mu.Lock()
	for _, b := range w.boxes {
		if !all && !b.up() || !listed(b, filters) {
			continue
		}
		if list.Len() > 1 {
			list.WriteByte(',')
		}
		list.Write(encode(b, now))
	}
	w.mu.Unlock()
	list.WriteString("]\n")
	rw.Header().Set("Content-Type", "application/json")
	_, _ = rw.Write(list.Bytes())
}

// listed reports whether the filters let a container through.
func listed(b *box, filters map[string][]string) bool {
	if !labelled(b.config.Labels, filters["label"]) {
		return false
	}
	if ids := filters["id"]; len(ids) > 0 && !slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(b.id, id) }) {
		return false
	}
	names := filters["name"]
	return len(names) == 0 || slices.ContainsFunc(names, func(name string) bool {
		ok, err := regexp.MatchString(name, "/"+b.name)
		return err == nil && (ok || strings.TrimPrefix(name, "/") == b.name)
	})
}

// labelled reports whether labels has all that are wanted, each KEY or KEY=VALUE.
func labelled(labels map[string]string, wanted []string) bool {
	for _, label := range wanted {
		key, want, exact := strings.Cut(label, "=")
		if have, ok := labels[key]; !ok || exact && have != want {
			return false
		}
	}
	return true
}

// encode is a container's element. The lock is held.
func encode(b *box, now time.Time) []byte {
	status := status(b, now)
	if b.encoded != nil && b.encodedStatus == status {
		return b.encoded
	}
	s := summary{
		ID: b.id, Names: []string{"/" + b.name}, Image: b.config.Image, ImageID: b.image.id, Command: strings.Join(b.command(), " "),
		Created: b.created.Unix(), Ports: ports(b), Labels: b.config.Labels, State: b.state, Status: status,
		HostConfig:      map[string]string{"NetworkMode": cmp.Or(b.limits.NetworkMode, "default")},
		NetworkSettings: map[string]map[string]place{"Networks": places(b)}, Mounts: []map[string]any{},
	}
	if !older(b.world.api, "1.52") {
		s.Health = map[string]any{"Status": cmp.Or(b.health, "none"), "FailingStreak": b.failing}
	}
	b.encoded, _ = json.Marshal(s) // nothing in it can fail to be encoded
	b.encodedStatus = status
	return b.encoded
}

func ports(b *box) []port {
	list := []port{}
	if !b.up() {
		return list
	}
	published := map[string]bool{}
	for _, p := range b.bindings {
		published[fmt.Sprintf("%d/%s", p.port, p.protocol)] = true
		list = append(list, port{cmp.Or(p.ip, "0.0.0.0"), p.port, p.host, p.protocol})
		if p.ip == "" {
			list = append(list, port{"::", p.port, p.host, p.protocol})
		}
	}
	for _, text := range slices.Sorted(maps.Keys(b.exposed())) {
		var number uint16
		var protocol string
		if n, _ := fmt.Sscanf(text, "%d/%s", &number, &protocol); n == 2 && !published[text] {
			list = append(list, port{PrivatePort: number, Type: protocol})
		}
	}
	return list
}

// status is the state in the engine's words.
func status(b *box, now time.Time) string {
	up := "Up " + units.HumanDuration(now.Sub(b.started))
	since := units.HumanDuration(now.Sub(b.finished)) + " ago"
	switch b.state {
	case "running":
		switch b.health {
		case "":
			return up
		case "starting":
			return up + " (health: starting)"
		}
		return up + " (" + b.health + ")"
	case "paused":
		return up + " (Paused)"
	case "restarting":
		return fmt.Sprintf("Restarting (%d) %s", b.exit, since)
	case "created":
		return "Created"
	case "dead":
		return "Dead"
	case "removing":
		return "Removal In Progress"
	}
	return fmt.Sprintf("Exited (%d) %s", b.exit, since)
}
