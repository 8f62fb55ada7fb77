package dockertest

import (
	"maps"
	"net/http"
	"slices"
)

// The sizes that everything of a kind has.
const (
	ContainerBytes = 4 << 10
	VolumeBytes    = 3 << 20
	ImageBytes     = 5 << 20
)

// handleUsage tells what takes the disk.
func (a *api) handleUsage(*http.Request) (int, any, error) {
	w := a.world
	w.mu.Lock()
	defer w.mu.Unlock()
	containers, volumes, images := []map[string]any{}, []map[string]any{}, []map[string]any{}
	for _, b := range w.boxes {
		containers = append(containers, map[string]any{"Id": b.id, "ImageID": b.image.id, "Labels": b.config.Labels, "SizeRw": ContainerBytes})
	}
	for _, name := range slices.Sorted(maps.Keys(w.volumes)) {
		v := volume(name, w.volumes[name])
		v["UsageData"] = map[string]any{"Size": VolumeBytes, "RefCount": 1}
		volumes = append(volumes, v)
	}
	for _, i := range w.images {
		images = append(images, map[string]any{"Id": i.id, "Labels": i.labels, "Size": ImageBytes})
	}
	return http.StatusOK, map[string]any{"Containers": containers, "Volumes": volumes, "Images": images}, nil
}
