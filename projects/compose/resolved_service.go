package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"gateway/projects/policy"
)

func namespace(key string, of func(types.ServiceConfig) string) func(*resolved, types.ServiceConfig, []string) {
	return func(r *resolved, s types.ServiceConfig, keys []string) {
		if !policy.OwnNamespace(key, of(s)) {
			r.find(policy.Namespaces, fmt.Sprintf("%q is not the project's own", of(s)), keys...)
		}
	}
}

// each finds by a rule what is not as it should be in a list.
func each(r *resolved, rule policy.Rule, list []string, fine func(string) bool, keys []string) {
	for _, one := range list {
		if !fine(one) {
			r.find(rule, fmt.Sprintf("%q is not allowed", one), keys...)
		}
	}
}

func examineCapabilities(r *resolved, s types.ServiceConfig, keys []string) {
	each(r, policy.Capabilities, s.CapAdd, policy.HarmlessCapability, keys)
}

func examineSecurityOpt(r *resolved, s types.ServiceConfig, keys []string) {
	each(r, policy.SecurityOpt, s.SecurityOpt, policy.HarmlessSecurityOpt, keys)
}

func examineVolumesFrom(r *resolved, s types.ServiceConfig, keys []string) {
	each(r, policy.Mounts, s.VolumesFrom, func(v string) bool {
		name, _, _ := strings.Cut(v, ":")
		_, ours := r.project.AllServices()[name]
		return ours
	}, keys)
}

func examineTmpfs(r *resolved, s types.ServiceConfig, keys []string) {
	each(r, policy.Limits, s.Tmpfs, func(t string) bool { return !policy.TmpfsTooLarge(t) }, keys)
}

func examineSysctls(r *resolved, s types.ServiceConfig, keys []string) {
	for name := range s.Sysctls {
		if !policy.HarmlessSysctl(name) {
			r.find(policy.Sysctls, fmt.Sprintf("%q tunes the kernel", name), keys...)
		}
	}
}

func examineStorage(r *resolved, s types.ServiceConfig, keys []string) {
	for name := range s.StorageOpt {
		if name != "size" {
			r.find(policy.Limits, fmt.Sprintf("option %q is the storage driver's own", name), keys...)
		}
	}
}

func examineScore(r *resolved, s types.ServiceConfig, keys []string) {
	if s.OomScoreAdj < 0 {
		r.find(policy.Cgroup, "others would be ended in its stead when memory runs out", keys...)
	}
}

func examineHooks(r *resolved, s types.ServiceConfig, keys []string) {
	for _, hook := range slices.Concat(s.PostStart, s.PreStop) {
		r.hook(hook, keys)
	}
}

// hook looks at a command that is run in a container, or beside one.
func (r *resolved) hook(h types.ServiceHook, keys []string) {
	if h.Privileged {
		r.find(policy.Privileged, "a privileged hook owns the machine", keys...)
	}
	if h.Image != "" {
		r.find(policy.Hooks, "its containers have no limits", keys...)
	}
}

func examineLabels(r *resolved, s types.ServiceConfig, keys []string) {
	if !r.report.Says(keys...) {
		keys = append(slices.Clone(keys[:2]), "label_file")
	}
	r.labelSet(s.Labels, keys)
}

func (r *resolved) labelSet(labels types.Labels, keys []string) {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if why := policy.ClaimedLabel(key, labels[key]); why != "" {
			r.find(policy.Labels, fmt.Sprintf("label %q: %s", key, why), keys...)
		}
	}
}

func examineExtraHosts(r *resolved, s types.ServiceConfig, keys []string) {
	r.hosts(s.ExtraHosts, keys)
}

func (r *resolved) hosts(hosts types.HostsList, keys []string) {
	for _, addresses := range hosts {
		if slices.ContainsFunc(addresses, policy.HostGatewayIn) {
			r.find(policy.HostGateway, "host-gateway leads to the machine itself", keys...)
		}
	}
}

func examineLogging(r *resolved, s types.ServiceConfig, keys []string) {
	if s.Logging == nil {
		return
	}
	if !policy.HarmlessLogging(s.Logging.Driver) {
		r.find(policy.Logging, fmt.Sprintf("logging driver %q", s.Logging.Driver), keys...)
	} else if _, tooMuch := policy.LogBytes(s.Logging.Options["max-size"], s.Logging.Options["max-file"]); tooMuch {
		r.find(policy.Limits, "the logs may become too large", keys...)
	}
	if policy.LogBufferTooLarge(s.Logging.Options["max-buffer-size"]) {
		r.find(policy.Limits, "the logs may take too much of the engine's memory", keys...)
	}
}

func examineStop(r *resolved, s types.ServiceConfig, keys []string) {
	if t := s.StopGracePeriod; t != nil && (*t < 0 || time.Duration(*t) > policy.MaxStop) {
		r.find(policy.Limits, fmt.Sprintf("its containers may take longer than %s to end", policy.MaxStop), keys...)
	}
}

func examineHealth(r *resolved, s types.ServiceConfig, keys []string) {
	if s.HealthCheck == nil {
		return
	}
	h := *s.HealthCheck
	seconds := func(d *types.Duration) float64 {
		if d == nil {
			return 0
		}
		return time.Duration(*d).Seconds()
	}
	retries := 0.0
	if h.Retries != nil {
		retries = float64(*h.Retries)
	}
	if policy.HealthWaits(seconds(h.StartPeriod), seconds(h.Interval), seconds(h.Timeout), retries) {
		r.find(policy.Limits, fmt.Sprintf("health checks wait longer than %s", policy.MaxStart), keys...)
	}
	for _, every := range []*types.Duration{h.Interval, h.StartInterval} {
		if every != nil && *every != 0 && time.Duration(*every) < policy.MinInterval {
			r.find(policy.Limits, fmt.Sprintf("health checks come oftener than every %s", policy.MinInterval), keys...)
		}
	}
}

func examineUlimits(r *resolved, s types.ServiceConfig, keys []string) { r.ulimitSet(s.Ulimits, keys) }

func (r *resolved) ulimitSet(all map[string]*types.UlimitsConfig, keys []string) {
	for name, u := range all {
		for _, value := range []int{u.Single, u.Soft, u.Hard} {
			if !policy.HarmlessUlimit(name, int64(value)) {
				r.find(policy.Limits, fmt.Sprintf("ulimit %q of %d is beyond reason", name, value), keys...)
			}
		}
	}
}

// examineLimits looks at what one container may take, and at how many there may be.
func examineLimits(r *resolved, s types.ServiceConfig, keys []string) {
	quota := float64(s.CPUQuota) / float64(max(s.CPUPeriod, 1))
	if s.CPUPeriod == 0 {
		quota = float64(s.CPUQuota) / 100_000
	}
	for _, b := range []struct {
		key        string
		said, most float64
	}{
		{"cpus", float64(s.CPUS), policy.MaxCPUs},
		{"cpu_quota", quota, policy.MaxCPUs},
		{"cpu_shares", float64(s.CPUShares), policy.MaxShares},
		{"mem_limit", float64(s.MemLimit), policy.MaxMemory},
		{"mem_reservation", float64(s.MemReservation), policy.MaxMemory},
		{"memswap_limit", float64(s.MemSwapLimit), 2 * policy.MaxMemory},
		{"shm_size", float64(s.ShmSize), policy.MaxShm},
		{"pids_limit", float64(s.PidsLimit), policy.MaxPids},
		{"scale", float64(s.GetScale()), policy.MaxReplicas},
	} {
		if !(b.said >= 0 && b.said <= b.most) {
			r.find(policy.Limits, fmt.Sprintf("%s: %g is not from 0 to %g", b.key, b.said, b.most), append(slices.Clone(keys[:2]), b.key)...)
		}
	}
}

func examineDeploy(r *resolved, s types.ServiceConfig, keys []string) {
	if s.Deploy == nil {
		return
	}
	r.labelSet(s.Deploy.Labels, append(slices.Clone(keys), "labels"))
	at := append(slices.Clone(keys), "resources")
	for _, resource := range []*types.Resource{s.Deploy.Resources.Limits, s.Deploy.Resources.Reservations} {
		if resource != nil && (len(resource.Devices) > 0 || len(resource.GenericResources) > 0) {
			r.find(policy.Devices, "devices belong to the machine", at...)
		}
	}
	if l := s.Deploy.Resources.Reservations; l != nil && (l.MemoryBytes < 0 || l.MemoryBytes > policy.MaxMemory) {
		r.find(policy.Limits, "it reserves more memory than one service may have", at...)
	}
	if l := s.Deploy.Resources.Limits; l != nil {
		cpus := float64(l.NanoCPUs.Value())
		if l.MemoryBytes < 0 || l.MemoryBytes > policy.MaxMemory || l.Pids < 0 || l.Pids > policy.MaxPids || !(cpus >= 0 && cpus <= policy.MaxCPUs) {
			r.find(policy.Limits, "a limit is more than one service may have", at...)
		}
	}
}

func examineEnvFiles(r *resolved, s types.ServiceConfig, keys []string) {
	for _, f := range s.EnvFiles {
		r.read(f.Path, keys)
	}
	r.readEnvFiles(s, keys)
}

// readEnvFiles reads the env files of a service one after the other, as Compose does for its environment.
func (r *resolved) readEnvFiles(s types.ServiceConfig, keys []string) {
	said := s.Environment.Resolve(r.project.Environment.Resolve)
	vars := said.ToMapping()
	for _, f := range s.EnvFiles {
		r.grows(f.Path, f.Format, vars, lookup(r.project.Environment, said.ToMapping()), keys)
	}
}

func examineLabelFiles(r *resolved, s types.ServiceConfig, keys []string) {
	vars := types.Mapping{}
	for _, f := range s.LabelFiles {
		r.read(f, keys)
		r.grows(f, "", vars, lookup(r.project.Environment), keys)
	}
}

func examineDevelop(r *resolved, s types.ServiceConfig, keys []string) {
	if s.Develop == nil {
		return
	}
	for _, watch := range s.Develop.Watch {
		r.hook(watch.Exec, keys)
		if !r.report.Folder.Reach(r.absolute(watch.Path)).Inside {
			r.find(policy.Files, fmt.Sprintf("%q is outside the project's folder", watch.Path), keys...)
		}
	}
}

// path checks a path that is read, by us or by the engine.
func (r *resolved) path(rule policy.Rule, path string, keys []string) {
	reach := r.report.Folder.Reach(r.absolute(path))
	if !reach.Inside {
		r.find(rule, fmt.Sprintf("%q is outside the project's folder", path), keys...)
		return
	}
	r.fixed = append(r.fixed, spot{reach.Real, keys})
}

// read checks a file that we read.
func (r *resolved) read(path string, keys []string) {
	r.path(policy.Files, path, keys)
	if reach := r.report.Folder.Reach(r.absolute(path)); reach.Inside {
		if err := policy.Readable(reach.Real); err != nil {
			r.find(policy.Format, fmt.Sprintf("%q: %v", path, err), keys...)
		}
	}
}

// grows refuses an env file, read after others into vars, in which variables grow out of each other, and notes those that
// nothing sets.
func (r *resolved) grows(path, format string, vars types.Mapping, env func(string) (string, bool), keys []string) {
	reach := r.report.Folder.Reach(r.absolute(path))
	if !reach.Inside || policy.Readable(reach.Real) != nil {
		return
	}
	text, err := os.ReadFile(reach.Real)
	var names []string
	if err == nil {
		names, err = unset.during(func() error { return expandDotenv(text, format, vars, env) })
	}
	for _, name := range names {
		r.unset = append(r.unset, policy.Unset{Name: name, Place: policy.Place{File: r.absolute(path), Line: policy.LineOf(text, name)}})
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.find(policy.Format, fmt.Sprintf("%q: %v", path, err), keys...)
	}
}

func (r *resolved) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.report.Base, path)
}
