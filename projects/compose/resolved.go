package compose

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"gateway/projects/policy"
)

// resolvedFindings holds what came of a project's files to the policy, field by field and whatever the files looked
// like. It trusts the first look in nothing: each field of a service is one that is harmless, one that is looked at, or
// one that has to be empty, and a field that this version does not know is of the last kind.
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
	return r.findings
}

// resolved collects the findings of one project.
type resolved struct {
	project  *types.Project
	report   policy.Report
	findings []policy.Finding
	// unset are the variables in env files that nothing sets.
	unset []policy.Unset
	// writable are folders that containers may write to, fixed what may not be inside them.
	writable, fixed []spot
}

type spot struct {
	real string
	keys []string
}

func (r *resolved) find(rule policy.Rule, text string, keys ...string) {
	r.findToMend(rule, text, "", keys...)
}

// findToMend is find with a mend of its own, where the rule's does not fit.
func (r *resolved) findToMend(rule policy.Rule, text, mend string, keys ...string) {
	where := ""
	for _, key := range keys {
		if where != "" {
			where += "."
		}
		where += key
	}
	f := rule.Found(where, text)
	f.Mend = cmp.Or(mend, f.Mend)
	at := r.report.Place(keys...)
	f.File, f.Line = at.File, at.Line
	r.findings = append(r.findings, f)
}

// harmless are the fields of a service that stay inside the container and the project.
var harmless = []string{
	"Name", "Profiles", "Attach", "CapDrop", "Command", "DependsOn", "DNS", "DNSOpts", "DNSSearch", "DomainName",
	"Dockerfile", "Entrypoint", "Environment", "Expose", "Extends", "Hostname", "Image", "Init", "CustomLabels",
	"Links", "MacAddress", "MemSwappiness", "CPUPercent", "CPUCount", "CPUSet", "CPUPeriod", "Platform",
	"PullPolicy", "ReadOnly", "Restart", "StdinOpen", "StopSignal", "Tty", "User", "WorkingDir", "Extensions",
}

// empty are the fields of a service that have to say nothing, by the rule that refuses them.
var empty = map[string]policy.Rule{
	"Annotations": policy.Labels, "BlkioConfig": policy.Devices, "CgroupParent": policy.Cgroup,
	"CPURTPeriod": policy.Cgroup, "CPURTRuntime": policy.Cgroup, "ContainerName": policy.ContainerName,
	"CredentialSpec": policy.Files, "DeviceCgroupRules": policy.Devices, "Devices": policy.Devices, "Provider": policy.Provider,
	"ExternalLinks": policy.Networks, "GroupAdd": policy.Groups, "Gpus": policy.Devices, "Isolation": policy.Runtime,
	"LogDriver": policy.Logging, "LogOpt": policy.Logging, "Models": policy.Provider, "Net": policy.Namespaces,
	"OomKillDisable": policy.Cgroup, "Ports": policy.Ports, "Privileged": policy.Privileged, "Runtime": policy.Runtime,
	"UseAPISocket": policy.DockerSocket, "VolumeDriver": policy.Volumes, "PreStart": policy.Hooks,
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
	"PostStart":       examineHooks,
	"PreStop":         nothing, // with PostStart
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
		rule, known := empty[field.Name]
		if !known {
			rule = policy.Unknown
		}
		r.find(rule, "it says more than the project is allowed", keys...)
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

// crossings refuses what a container could put a link in place of.
func (r *resolved) crossings() {
	for _, f := range r.fixed {
		for _, open := range r.writable {
			if f.real != open.real && policy.Within(open.real, f.real) {
				r.find(policy.Mounts, fmt.Sprintf("it is inside %s, which a container may write to", open.real), f.keys...)
			}
		}
	}
}
