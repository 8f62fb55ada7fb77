package dockertest

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// image is an image; tags are complete, with ":latest" where none was given.
type image struct {
	id              string
	tags, digests   []string
	created         time.Time
	entrypoint, cmd []string
	exposed         map[string]struct{}
	labels          map[string]string
}

// image finds an image by name, id, or the beginning of its id. The lock is held.
func (w *world) image(ref string) *image {
	bare := strings.TrimPrefix(ref, "sha256:")
	for _, i := range w.images {
		if slices.Contains(i.tags, tagged(ref)) || len(bare) >= 4 && strings.HasPrefix(i.id, "sha256:"+bare) {
			return i
		}
	}
	return nil
}

// tagged completes a name.
func tagged(ref string) string {
	ref = strings.TrimPrefix(strings.TrimPrefix(ref, "docker.io/"), "library/")
	if strings.Contains(ref[strings.LastIndexByte(ref, '/')+1:], ":") {
		return ref
	}
	return ref + ":latest"
}

// tag makes a name that of an image alone. The lock is held.
func (w *world) tag(i *image, ref string) {
	for _, other := range w.images {
		other.tags = slices.DeleteFunc(other.tags, func(t string) bool { return t == tagged(ref) })
	}
	i.tags = append(i.tags, tagged(ref))
}

func handleImages(handle func(string, answer), w *world) {
	handle("GET /images/json", func(r *http.Request) (int, any, error) { return listImages(w, r) })
	handle("POST /images/create", func(r *http.Request) (int, any, error) { return importImage(w, r) })
	handle("GET /images/{ref...}", func(r *http.Request) (int, any, error) { return inspectImage(w, r) })
	handle("POST /images/{ref...}", func(r *http.Request) (int, any, error) { return tagImage(w, r) })
	handle("DELETE /images/{ref...}", func(r *http.Request) (int, any, error) { return removeImage(w, r) })
}

func listImages(w *world, r *http.Request) (int, any, error) {
	filters, err := filters(r)
	if err != nil {
		return 0, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []map[string]any{}
	for _, i := range w.images {
		if !labelled(i.labels, filters["label"]) {
			continue
		}
		list = append(list, map[string]any{"Id": i.id, "RepoTags": slices.Clone(i.tags), "Created": i.created.Unix(), "Labels": i.labels})
	}
	return http.StatusOK, list, nil
}

func importImage(w *world, r *http.Request) (int, any, error) {
	query := r.URL.Query()
	if query.Get("fromSrc") != "-" {
		return 0, nil, refuse(http.StatusForbidden, "this engine pulls nothing")
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return 0, nil, err
	}
	i := &image{id: "sha256:" + newID(), created: time.Now(), exposed: map[string]struct{}{}, labels: map[string]string{}}
	for _, change := range query["changes"] {
		i.change(change)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.images = append(w.images, i)
	if ref := query.Get("repo"); ref != "" {
		if tag := query.Get("tag"); tag != "" {
			ref += ":" + tag
		}
		w.tag(i, ref)
	}
	return http.StatusOK, map[string]string{"status": i.id}, nil
}

// change applies an instruction of a Dockerfile.
func (i *image) change(instruction string) {
	word, rest, _ := strings.Cut(instruction, " ")
	var list []string
	if json.Unmarshal([]byte(rest), &list) != nil {
		list = strings.Fields(rest)
	}
	switch strings.ToUpper(word) {
	case "ENTRYPOINT":
		i.entrypoint = list
	case "CMD":
		i.cmd = list
	case "EXPOSE":
		for _, port := range list {
			if !strings.Contains(port, "/") {
				port += "/tcp"
			}
			i.exposed[port] = struct{}{}
		}
	case "LABEL":
		for _, pair := range list {
			key, value, _ := strings.Cut(pair, "=")
			i.labels[key] = strings.Trim(value, `"`)
		}
	}
}

func inspectImage(w *world, r *http.Request) (int, any, error) {
	ref := strings.TrimSuffix(r.PathValue("ref"), "/json")
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.image(ref)
	if i == nil {
		return 0, nil, refuse(http.StatusNotFound, "no such image: %s: No such image: %s", ref, tagged(ref))
	}
	return http.StatusOK, map[string]any{
		"Id": i.id, "RepoTags": i.tags, "RepoDigests": i.digests, "Created": i.created.UTC(), "Os": "linux", "Architecture": "amd64",
		"Config": map[string]any{"Entrypoint": i.entrypoint, "Cmd": i.cmd, "ExposedPorts": i.exposed, "Labels": i.labels},
	}, nil
}

func tagImage(w *world, r *http.Request) (int, any, error) {
	ref, ok := strings.CutSuffix(r.PathValue("ref"), "/tag")
	if !ok {
		return 0, nil, refuse(http.StatusNotFound, "page not found")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.image(ref)
	if i == nil {
		return 0, nil, refuse(http.StatusNotFound, "No such image: %s", tagged(ref))
	}
	w.tag(i, r.URL.Query().Get("repo")+":"+cmp.Or(r.URL.Query().Get("tag"), "latest"))
	return http.StatusCreated, nil, nil
}

func removeImage(w *world, r *http.Request) (int, any, error) {
	ref := r.PathValue("ref")
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.image(ref)
	if i == nil {
		return 0, nil, refuse(http.StatusNotFound, "No such image: %s", tagged(ref))
	}
	if others := len(i.tags) > 1 && slices.Contains(i.tags, tagged(ref)); !others {
		for _, b := range w.boxes {
			if b.image == i {
				return 0, nil, refuse(http.StatusConflict, "conflict: unable to remove repository reference %q (must force) - container %s is using its referenced image %s", ref, b.id[:12], i.id[7:19])
			}
		}
	}
	i.tags = slices.DeleteFunc(i.tags, func(t string) bool { return t == tagged(ref) })
	gone := []map[string]string{{"Untagged": tagged(ref)}}
	if len(i.tags) == 0 {
		w.images = slices.DeleteFunc(w.images, func(other *image) bool { return other == i })
		gone = append(gone, map[string]string{"Deleted": i.id})
	}
	return http.StatusOK, gone, nil
}
