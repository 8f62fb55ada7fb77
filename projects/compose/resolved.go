package compose

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"gateway/projects/composefile"
	"gateway/projects/policy"
)

// resolvedFindings holds what came of a project's files to the policy, field by field and whatever the files looked
// like: each field of a service is one that is harmless, one that is looked at, or one that has to be empty, and a field
// that this version does not know is of the last kind. The look at the text says where a field is said, and what reading
// the files took.
func resolvedFindings(project *types.Project, report policy.Report) []policy.Finding {
	r := &resolved{project: project, report: report}
	all := project.AllServices()
	if len(all) > policy.MaxServices {
		r.find(policy.Limits, fmt.Sprintf("there are %d services, and %d is the most", len(all), policy.MaxServices), "services")
	}
	for _, name := range project.ServiceNames() {
		r.service(name, all[name])
	}
	for _, name := range project.DisabledServiceNames() {
		r.service(name, all[name])
	}
	if n := len(project.Networks); n > policy.MaxNetworks {
		r.find(policy.Limits, fmt.Sprintf("there are %d networks, and %d is the most", n, policy.MaxNetworks), "networks")
	}
	for name, network := range project.Networks {
		r.network(name, network)
	}
	for name, volume := range project.Volumes {
		r.volume(name, volume)
	}
	for name, secret := range project.Secrets {
		r.object("secrets", name, types.FileObjectConfig(secret))
	}
	for name, config := range project.Configs {
		r.object("configs", name, types.FileObjectConfig(config))
	}
	for name := range project.Models {
		r.find(policy.Provider, "Compose would run a program of the machine", "models", name)
	}
	for name, s := range all {
		r.closed(reflect.ValueOf(s), "services", name)
	}
	for key, part := range map[string]any{"networks": project.Networks, "volumes": project.Volumes, "secrets": project.Secrets, "configs": project.Configs} {
		r.closed(reflect.ValueOf(part), key)
	}
	r.crossings()
	return policy.Sorted(r.findings)
}

// resolved collects the findings of one project.
type resolved struct {
	project  *types.Project
	report   policy.Report
	findings []policy.Finding
	// unset are the variables in env files that nothing sets.
	unset []policy.Unset
	// writable are folders that containers may write to, fixed what may not be inside them.
	writable, fixed []policy.Spot
}

// find notes a finding at the place where keys are said, or the nearest of them.
func (r *resolved) find(rule policy.Rule, text string, keys ...string) {
	r.findToFix(rule, text, "", keys...)
}

// findToFix is find with a fix of its own, where the rule's does not fit.
func (r *resolved) findToFix(rule policy.Rule, text, fix string, keys ...string) {
	at, where := r.report.Place(keys...)
	f := rule.Found(where, text)
	f.Fix = cmp.Or(fix, f.Fix)
	f.File, f.Line = at.File, at.Line
	r.findings = append(r.findings, f)
}

// spot is a path and where keys say it.
func (r *resolved) spot(real string, keys []string) policy.Spot {
	at, where := r.report.Place(keys...)
	return policy.Spot{Real: real, Where: where, Place: at}
}

// below are keys and further ones.
func below(keys []string, further ...string) []string { return append(slices.Clone(keys), further...) }

// item are the keys of one of n items of a list, when the files say so many.
func (r *resolved) item(keys []string, i, n int) []string {
	if r.report.Says(below(keys, composefile.Item(n-1))...) && !r.report.Says(below(keys, composefile.Item(n))...) {
		return below(keys, composefile.Item(i))
	}
	return keys
}

// harmless are the fields of a service that stay inside the container and the project.
var harmless = []string{
	"Name", "Profiles", "Attach", "CapDrop", "Command", "DependsOn", "DNS", "DNSOpts", "DNSSearch", "DomainName",
	"Dockerfile", "Entrypoint", "Environment", "Expose", "Extends", "Hostname", "Image", "Init", "CustomLabels",
	"Links", "MacAddress", "MemSwappiness", "CPUPercent", "CPUCount", "CPUSet", "CPUPeriod", "Platform",
	"PullPolicy", "ReadOnly", "Restart", "StdinOpen", "StopSignal", "Tty", "User", "WorkingDir", "Extensions",
}

// empty are the fields of a service that have to say nothing, by the rule that refuses them, and why.
var empty = map[string]struct {
	rule policy.Rule
	why  string
}{
	"Annotations":       {policy.Labels, "runtimes act on annotations"},
	"BlkioConfig":       {policy.Devices, "it names disks of the machine"},
	"CgroupParent":      {policy.Cgroup, "it leaves the limits of its own group"},
	"CPURTPeriod":       {policy.Cgroup, "real-time CPU is taken from everybody"},
	"CPURTRuntime":      {policy.Cgroup, "real-time CPU is taken from everybody"},
	"ContainerName":     {policy.ContainerName, "names of containers are the machine's, not the project's"},
	"CredentialSpec":    {policy.Files, "it names credentials of the machine"},
	"DeviceCgroupRules": {policy.Devices, "devices belong to the machine"},
	"Devices":           {policy.Devices, "devices belong to the machine"},
	"ExternalLinks":     {policy.Networks, "it names containers of others"},
	"Gpus":              {policy.Devices, "devices belong to the machine"},
	"GroupAdd":          {policy.Groups, "a group of the machine may own what the container should not have"},
	"Isolation":         {policy.Runtime, "another isolation may not keep to the rules"},
	"LogDriver":         {policy.Logging, "it is said by logging"},
	"LogOpt":            {policy.Logging, "it is said by logging"},
	"Models":            {policy.Provider, "Compose would run a program of the machine"},
	"Net":               {policy.Namespaces, "it is said by network_mode"},
	"OomKillDisable":    {policy.Cgroup, "the container could not be ended when memory runs out"},
	"Ports":             {policy.Ports, "a published port goes around the gateway"},
	"PreStart":          {policy.Hooks, "its containers have no limits"},
	"Privileged":        {policy.Privileged, "a privileged container owns the machine"},
	"Provider":          {policy.Provider, "Compose would run a program of the machine"},
	"Runtime":           {policy.Runtime, "another runtime may not keep to the rules"},
	"UseAPISocket":      {policy.DockerSocket, "it hands the engine's socket to the container"},
	"VolumeDriver":      {policy.Volumes, "it is said by the volume"},
}

// examined are the fields of a service that are looked at one by one.
var examined = map[string]func(r *resolved, s types.ServiceConfig, keys []string){
	"Build":           examineBuild,
	"Develop":         examineDevelop,
	"CapAdd":          examineCapabilities,
	"Cgroup":          namespace("cgroup", func(s types.ServiceConfig) string { return s.Cgroup }),
	"Ipc":             namespace("ipc", func(s types.ServiceConfig) string { return s.Ipc }),
	"NetworkMode":     namespace("network_mode", func(s types.ServiceConfig) string { return s.NetworkMode }),
	"Pid":             namespace("pid", func(s types.ServiceConfig) string { return s.Pid }),
	"UserNSMode":      namespace("userns_mode", func(s types.ServiceConfig) string { return s.UserNSMode }),
	"Uts":             namespace("uts", func(s types.ServiceConfig) string { return s.Uts }),
	"Configs":         nothing, // they name those of the project, which are looked at there
	"Secrets":         nothing,
	"Networks":        examineEndpoints,
	"CPUQuota":        examineLimits,
	"CPUS":            examineLimits,
	"CPUShares":       nothing, // with CPUS
	"MemLimit":        nothing, // with CPUS
	"MemReservation":  nothing,
	"MemSwapLimit":    nothing,
	"PidsLimit":       nothing,
	"ShmSize":         nothing,
	"Scale":           nothing,
	"OomScoreAdj":     examineScore,
	"Deploy":          examineDeploy,
	"EnvFiles":        examineEnvFiles,
	"LabelFiles":      examineLabelFiles,
	"HealthCheck":     examineHealth,
	"StopGracePeriod": examineStop,
	"ExtraHosts":      examineExtraHosts,
	"Labels":          examineLabels,
	"Logging":         examineLogging,
	"SecurityOpt":     examineSecurityOpt,
	"StorageOpt":      examineStorage,
	"Sysctls":         examineSysctls,
	"Tmpfs":           examineTmpfs,
	"Ulimits":         examineUlimits,
	"Volumes":         examineMounts,
	"VolumesFrom":     examineVolumesFrom,
	"PostStart":       examineHooks("post_start", func(s types.ServiceConfig) []types.ServiceHook { return s.PostStart }),
	"PreStop":         examineHooks("pre_stop", func(s types.ServiceConfig) []types.ServiceHook { return s.PreStop }),
}

func nothing(*resolved, types.ServiceConfig, []string) {}

func (r *resolved) service(name string, s types.ServiceConfig) {
	value := reflect.ValueOf(s)
	for i := range value.NumField() {
		field := value.Type().Field(i)
		keys := []string{"services", name, yamlKey(field)}
		if examine := examined[field.Name]; examine != nil {
			examine(r, s, keys)
			continue
		}
		if slices.Contains(harmless, field.Name) || saysNothing(value.Field(i)) {
			continue
		}
		if refused, known := empty[field.Name]; known {
			r.find(refused.rule, refused.why, keys...)
		} else {
			r.find(policy.Unknown, "it is not known to this version", keys...)
		}
	}
}

// yamlKey is the key of a field in a compose file.
func yamlKey(f reflect.StructField) string {
	key := f.Tag.Get("yaml")
	for i := range key {
		if key[i] == ',' {
			return key[:i]
		}
	}
	return key
}

// saysNothing reports whether a field is as if it were not there.
func saysNothing(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}

// crossings refuses what a container could put something else in place of: a path that is inside a folder which a
// container may write to; and what it could rewrite itself by.
func (r *resolved) crossings() {
	report := func(at policy.Spot, text, fix string) {
		f := policy.Mounts.Found(at.Where, text)
		f.File, f.Line, f.Fix = at.File, at.Line, cmp.Or(fix, f.Fix)
		r.findings = append(r.findings, f)
	}
	for _, open := range r.writable {
		if slices.ContainsFunc(r.report.Parts, func(p policy.Spot) bool { return p.Real == open.Real }) {
			report(open, rewrites, "")
		}
	}
	for _, f := range slices.Concat(r.fixed, r.report.Read) {
		for _, open := range r.writable {
			if f.Real != open.Real && policy.Within(open.Real, f.Real) {
				report(f, fmt.Sprintf("it is inside %s, which a container may write to (%s), and put a link in its place", open.Real, open.Where),
					"mount that folder read-only, or keep this outside of it")
				break
			}
		}
	}
}

// rewrites is what is wrong with a mount of the files that the project is made of.
const rewrites = "the container could rewrite the project's compose file, and what it may do"
