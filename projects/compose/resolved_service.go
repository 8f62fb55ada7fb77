package compose

import (
	"cmp"
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
			r.find(policy.Namespaces, fmt.Sprintf("%s: %s is not the project's own", key, policy.Shown(of(s))), keys...)
		}
	}
}

// each finds by a rule what is not as it should be in a list. The text is about the one that is not.
func each(r *resolved, rule policy.Rule, list []string, fine func(string) bool, text string, keys []string) {
	for i, one := range list {
		if !fine(one) {
			r.find(rule, fmt.Sprintf(text, policy.Shown(one)), r.item(keys, i, len(list))...)
		}
	}
}

// eachKey finds by a rule which keys are not as they should be, in the order of the keys.
func eachKey[V any](r *resolved, rule policy.Rule, all map[string]V, fine func(string) bool, text string, keys []string) {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if !fine(key) {
			r.find(rule, fmt.Sprintf(text, policy.Shown(key)), below(keys, key)...)
		}
	}
}

func examineCapabilities(r *resolved, s types.ServiceConfig, keys []string) {
	each(r, policy.Capabilities, s.CapAdd, policy.HarmlessCapability, "capability %s reaches beyond the container", keys)
}

func examineSecurityOpt(r *resolved, s types.ServiceConfig, keys []string) {
	each(r, policy.SecurityOpt, s.SecurityOpt, policy.HarmlessSecurityOpt, "%s is not no-new-privileges:true", keys)
}

func examineVolumesFrom(r *resolved, s types.ServiceConfig, keys []string) {
	each(r, policy.Mounts, s.VolumesFrom, func(v string) bool {
		name, _, _ := strings.Cut(v, ":")
		_, ours := r.project.AllServices()[name]
		return ours
	}, "%s is not of this project", keys)
}

func examineTmpfs(r *resolved, s types.ServiceConfig, keys []string) {
	each(r, policy.Limits, s.Tmpfs, func(t string) bool { return !policy.TmpfsTooLarge(t) }, "%s is more than "+policy.Size(policy.MaxMemory), keys)
}

func examineSysctls(r *resolved, s types.ServiceConfig, keys []string) {
	eachKey(r, policy.Sysctls, s.Sysctls, policy.HarmlessSysctl, "%s tunes the kernel", keys)
}

func examineStorage(r *resolved, s types.ServiceConfig, keys []string) {
	eachKey(r, policy.Limits, s.StorageOpt, func(name string) bool { return name == "size" }, "option %s is the storage driver's own", keys)
}

func examineScore(r *resolved, s types.ServiceConfig, keys []string) {
	if s.OomScoreAdj < 0 {
		r.find(policy.Cgroup, "others would be ended in its stead when memory runs out", keys...)
	}
}

func examineHooks(key string, of func(types.ServiceConfig) []types.ServiceHook) func(*resolved, types.ServiceConfig, []string) {
	return func(r *resolved, s types.ServiceConfig, keys []string) {
		for i, hook := range of(s) {
			r.hook(hook, r.item(below(keys[:2], key), i, len(of(s))))
		}
	}
}

// hook looks at a command that is run in a container, or beside one.
func (r *resolved) hook(h types.ServiceHook, keys []string) {
	if h.Privileged {
		r.find(policy.Privileged, "a privileged hook owns the machine", below(keys, "privileged")...)
	}
	if h.Image != "" {
		r.find(policy.Hooks, "its containers have no limits", below(keys, "image")...)
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
			r.find(policy.Labels, fmt.Sprintf("label %s: %s", policy.Shown(key), why), below(keys, key)...)
		}
	}
}

func examineExtraHosts(r *resolved, s types.ServiceConfig, keys []string) {
	r.hosts(s.ExtraHosts, keys)
}

func (r *resolved) hosts(hosts types.HostsList, keys []string) {
	eachKey(r, policy.HostGateway, hosts, func(name string) bool { return !slices.ContainsFunc(hosts[name], policy.HostGatewayIn) },
		"%s: host-gateway leads to the machine itself", keys)
}

func examineLogging(r *resolved, s types.ServiceConfig, keys []string) {
	if s.Logging == nil {
		return
	}
	if !policy.HarmlessLogging(s.Logging.Driver) {
		r.find(policy.Logging, fmt.Sprintf("logging driver %s is not json-file, local or none", policy.Shown(s.Logging.Driver)), below(keys, "driver")...)
	} else if _, tooMuch := policy.LogBytes(s.Logging.Options["max-size"], s.Logging.Options["max-file"]); tooMuch {
		r.find(policy.Limits, fmt.Sprintf("the logs may have more than %d MiB", policy.MaxLogs>>20), keys...)
	}
	if policy.LogBufferTooLarge(s.Logging.Options["max-buffer-size"]) {
		r.find(policy.Limits, fmt.Sprintf("the logs may take more than %d MiB of the engine's memory", policy.MaxLogBuffer>>20), keys...)
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
	for key, every := range map[string]*types.Duration{"interval": h.Interval, "start_interval": h.StartInterval} {
		if every != nil && *every != 0 && time.Duration(*every) < policy.MinInterval {
			r.find(policy.Limits, fmt.Sprintf("health checks come oftener than every %s", policy.MinInterval), below(keys, key)...)
		}
	}
}

func examineUlimits(r *resolved, s types.ServiceConfig, keys []string) { r.ulimitSet(s.Ulimits, keys) }

func (r *resolved) ulimitSet(all map[string]*types.UlimitsConfig, keys []string) {
	for name, u := range all {
		beyond := slices.DeleteFunc([]int{u.Single, u.Soft, u.Hard}, func(value int) bool { return policy.HarmlessUlimit(name, int64(value)) })
		if len(beyond) > 0 {
			r.find(policy.Limits, fmt.Sprintf("ulimit %s of %d is beyond reason", policy.Shown(name), cmp.Or(beyond...)), below(keys, name)...)
		}
	}
}

// examineLimits looks at what one container may take, and at how many there may be.
func examineLimits(r *resolved, s types.ServiceConfig, keys []string) {
	quota := float64(s.CPUQuota) / float64(max(s.CPUPeriod, 1))
	if s.CPUPeriod == 0 {
		quota = float64(s.CPUQuota) / 100_000
	}
	replicas := []string{"scale"}
	if s.Scale == nil {
		replicas = []string{"deploy", "replicas"}
	}
	for _, b := range []bound{
		{[]string{"cpus"}, float64(s.CPUS), policy.MaxCPUs, "CPUs"},
		{[]string{"cpu_quota"}, quota, policy.MaxCPUs, "CPUs"},
		{[]string{"cpu_shares"}, float64(s.CPUShares), policy.MaxShares, "shares"},
		{[]string{"mem_limit"}, float64(s.MemLimit), policy.MaxMemory, ""},
		{[]string{"mem_reservation"}, float64(s.MemReservation), policy.MaxMemory, ""},
		{[]string{"memswap_limit"}, float64(s.MemSwapLimit), 2 * policy.MaxMemory, ""},
		{[]string{"shm_size"}, float64(s.ShmSize), policy.MaxShm, ""},
		{[]string{"pids_limit"}, float64(s.PidsLimit), policy.MaxPids, "processes"},
		{replicas, float64(s.GetScale()), policy.MaxReplicas, "replicas"},
	} {
		r.bound(b, keys[:2])
	}
}

// bound is what a key says of something, and the most that it may say. Without a unit it is bytes.
type bound struct {
	key        []string
	said, most float64
	unit       string
}

func (r *resolved) bound(b bound, keys []string) {
	if b.said >= 0 && b.said <= b.most {
		return
	}
	said, most := fmt.Sprintf("%g %s", b.said, b.unit), fmt.Sprintf("%g", b.most)
	if b.unit == "" {
		said, most = policy.Size(int64(b.said)), policy.Size(int64(b.most))
	}
	r.find(policy.Limits, fmt.Sprintf("%s: %s, and %s is the most", b.key[len(b.key)-1], strings.TrimSpace(said), most), below(keys, b.key...)...)
}

func examineDeploy(r *resolved, s types.ServiceConfig, keys []string) {
	if s.Deploy == nil {
		return
	}
	r.labelSet(s.Deploy.Labels, below(keys, "labels"))
	for part, resource := range map[string]*types.Resource{"limits": s.Deploy.Resources.Limits, "reservations": s.Deploy.Resources.Reservations} {
		if resource == nil {
			continue
		}
		at := below(keys, "resources", part)
		if len(resource.Devices) > 0 {
			r.find(policy.Devices, "devices belong to the machine", below(at, "devices")...)
		}
		if len(resource.GenericResources) > 0 {
			r.find(policy.Devices, "devices belong to the machine", below(at, "generic_resources")...)
		}
		r.bound(bound{[]string{"memory"}, float64(resource.MemoryBytes), policy.MaxMemory, ""}, at)
		if part == "limits" {
			r.bound(bound{[]string{"cpus"}, float64(resource.NanoCPUs.Value()), policy.MaxCPUs, "CPUs"}, at)
			r.bound(bound{[]string{"pids"}, float64(resource.Pids), policy.MaxPids, "processes"}, at)
		}
	}
}

func examineEnvFiles(r *resolved, s types.ServiceConfig, keys []string) {
	for i, f := range s.EnvFiles {
		r.read(f.Path, below(r.item(keys, i, len(s.EnvFiles)), "path"))
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
	for i, f := range s.LabelFiles {
		r.read(f, r.item(keys, i, len(s.LabelFiles)))
		r.grows(f, "", vars, lookup(r.project.Environment), keys)
	}
}

func examineDevelop(r *resolved, s types.ServiceConfig, keys []string) {
	if s.Develop == nil {
		return
	}
	for i, watch := range s.Develop.Watch {
		at := r.item(below(keys, "watch"), i, len(s.Develop.Watch))
		r.hook(watch.Exec, below(at, "exec"))
		if !r.report.Folder.Reach(r.absolute(watch.Path)).Inside {
			r.find(policy.Files, outside(watch.Path), below(at, "path")...)
		}
	}
}

// outside is what is wrong with a path.
func outside(path string) string { return policy.Shown(path) + " is outside the project's folder" }

// path checks a path that is read, by us or by the engine.
func (r *resolved) path(rule policy.Rule, path string, keys []string) (inside bool) {
	reach := r.report.Folder.Reach(r.absolute(path))
	if reach.Inside {
		r.fixed = append(r.fixed, r.spot(reach.Real, keys))
	} else {
		r.find(rule, outside(path), keys...)
	}
	return reach.Inside
}

// read checks a file that we read.
func (r *resolved) read(path string, keys []string) {
	r.path(policy.Files, path, keys)
	if reach := r.report.Folder.Reach(r.absolute(path)); reach.Inside {
		if err := policy.Readable(reach.Real); err != nil {
			r.find(policy.Format, fmt.Sprintf("%s: %v", policy.Shown(path), err), keys...)
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
		r.find(policy.Format, fmt.Sprintf("%s: %v", policy.Shown(path), err), keys...)
	}
}

func (r *resolved) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.report.Base, path)
}
