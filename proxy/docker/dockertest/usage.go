package dockertest

import (
	"maps"
	"net/http"
	"slices"
	"time"
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

// What one sample of a running container tells. Its processor time grows by CPUPerSample with each.
const (
	CPUPerSample  = 250 * time.Millisecond
	MemoryBytes   = 2 << 20
	CacheBytes    = 1 << 20
	ReceivedBytes = 10 << 10
	SentBytes     = 20 << 10
)

// handleStats tells what a container uses, one sample a second apart from the one before.
func (a *api) handleStats(r *http.Request) (int, any, error) {
	w := a.world
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.box(r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	if !b.up() {
		return http.StatusOK, map[string]any{"read": time.Time{}}, nil
	}
	b.samples++
	return http.StatusOK, map[string]any{
		"read":         b.started.Add(time.Duration(b.samples) * time.Second).UTC(),
		"cpu_stats":    map[string]any{"cpu_usage": map[string]any{"total_usage": time.Duration(b.samples) * CPUPerSample}},
		"memory_stats": map[string]any{"usage": MemoryBytes + CacheBytes, "stats": map[string]any{"inactive_file": CacheBytes}},
		"networks":     map[string]any{"eth0": map[string]any{"rx_bytes": ReceivedBytes, "tx_bytes": SentBytes}},
	}, nil
}
