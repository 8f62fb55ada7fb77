package dockertest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
)

// AddVolume makes an empty volume; one of that name is replaced.
func (e *Engine) AddVolume(name string, labels map[string]string) {
	e.world.mu.Lock()
	defer e.world.mu.Unlock()
	e.world.volumes[name] = maps.Clone(labels)
	delete(e.world.contents, name)
}

func handleVolumes(handle func(string, answer), w *world) {
	handle("GET /volumes", func(r *http.Request) (int, any, error) { return listVolumes(w, r) })
	handle("POST /volumes/create", func(r *http.Request) (int, any, error) { return createVolume(w, r) })
	handle("GET /volumes/{name}", func(r *http.Request) (int, any, error) { return inspectVolume(w, r) })
	handle("DELETE /volumes/{name}", func(r *http.Request) (int, any, error) { return removeVolume(w, r) })
}

// volume is a volume's element.
func volume(name string, labels map[string]string) map[string]any {
	return map[string]any{"Name": name, "Driver": "local", "Labels": labels}
}

func listVolumes(w *world, r *http.Request) (int, any, error) {
	filters, err := filters(r)
	if err != nil {
		return 0, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(w.volumes)) {
		if labels := w.volumes[name]; labelled(labels, filters["label"]) {
			list = append(list, volume(name, labels))
		}
	}
	return http.StatusOK, map[string]any{"Volumes": list, "Warnings": nil}, nil
}

func createVolume(w *world, r *http.Request) (int, any, error) {
	var request struct {
		Name   string
		Labels map[string]string
	}
	if err := read(r, &request); err != nil {
		return 0, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	name := cmp.Or(request.Name, newID())
	labels, there := w.volumes[name]
	if !there {
		labels = request.Labels
		w.volumes[name] = labels
	}
	return http.StatusCreated, volume(name, labels), nil
}

func inspectVolume(w *world, r *http.Request) (int, any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := r.PathValue("name")
	labels, there := w.volumes[name]
	if !there {
		return 0, nil, refuse(http.StatusNotFound, "get %s: no such volume", name)
	}
	return http.StatusOK, volume(name, labels), nil
}

func removeVolume(w *world, r *http.Request) (int, any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := r.PathValue("name")
	if _, there := w.volumes[name]; !there {
		return 0, nil, refuse(http.StatusNotFound, "get %s: no such volume", name)
	}
	for _, b := range w.boxes {
		for _, m := range b.limits.Mounts {
			if m.Type == "volume" && m.Source == name {
				return 0, nil, refuse(http.StatusConflict, "remove %s: volume is in use - [%s]", name, b.id)
			}
		}
	}
	delete(w.volumes, name)
	delete(w.contents, name)
	return http.StatusNoContent, nil, nil
}
