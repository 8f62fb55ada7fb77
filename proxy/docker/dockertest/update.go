package dockertest

import (
	"encoding/json"
	"net/http"
)

// handleUpdate changes the restart policy of a container, the one thing of an update that is played.
func (a *api) handleUpdate(r *http.Request) (int, any, error) {
	var wanted struct{ RestartPolicy struct{ Name string } }
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		return 0, nil, refuse(http.StatusBadRequest, "%v", err)
	}
	_, _, err := act(a.world, r, func(b *box) error { return setRestart(b, wanted.RestartPolicy.Name) })
	return http.StatusOK, map[string]any{"Warnings": []string{}}, err
}

// setRestart changes the restart policy. The lock is held.
func setRestart(b *box, policy string) error {
	if policy == "" {
		return nil
	}
	b.limits.RestartPolicy.Name = policy
	shown := map[string]any{}
	if len(b.hostConfig) > 0 {
		if err := json.Unmarshal(b.hostConfig, &shown); err != nil {
			return err
		}
	}
	shown["RestartPolicy"] = map[string]any{"Name": policy, "MaximumRetryCount": 0}
	raw, err := json.Marshal(shown)
	b.hostConfig = raw
	b.emit("update", nil)
	return err
}

// handleRename gives a container another name.
func (a *api) handleRename(r *http.Request) (int, any, error) {
	name := r.URL.Query().Get("name")
	return act(a.world, r, func(b *box) error {
		if name == b.name {
			return refuse(http.StatusBadRequest, "Renaming a container with the same name as its current name")
		}
		if other, err := a.world.box(name); err == nil && other.name == name {
			return refuse(http.StatusConflict, "Conflict. The container name %q is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", "/"+name, other.id)
		}
		old := b.name
		b.name, b.encoded = name, nil
		b.emit("rename", map[string]string{"oldName": "/" + old})
		return nil
	})
}
