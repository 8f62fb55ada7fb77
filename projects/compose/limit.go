package compose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gateway/projects/importer"
	"gateway/projects/policy"
)

// addLimits gives each service the limits that it says nothing of, and says so in one line for each. What a service says
// itself stays as it is.
func addLimits(project *types.Project) []string {
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		service := project.Services[name]
		if m := missing(service); m != (importer.Missing{}) {
			notes = append(notes, fmt.Sprintf("service %s says nothing of these and gets them: %s", name, strings.Join(limit(&service, m), ", ")))
		}
		project.Services[name] = service
	}
	return notes
}

// missing are the limits that would be added to a service, with values that the engine takes beside those that it says.
func missing(s types.ServiceConfig) importer.Missing {
	m := importer.Missing{}
	said := types.Resource{}
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		said = *s.Deploy.Resources.Limits
	}
	if s.MemLimit == 0 && said.MemoryBytes == 0 {
		m.Memory = memoryFor(s)
	}
	switch {
	case s.CPUS != 0 || s.CPUQuota != 0 || said.NanoCPUs != 0:
	case s.CPUPeriod != 0:
		// The engine takes no cpus beside it.
		m.CPUQuota = int64(policy.DefaultCPUs * float64(s.CPUPeriod))
	default:
		m.CPUs = cpusFor(s)
	}
	if s.PidsLimit == 0 && said.Pids == 0 {
		m.Pids = policy.DefaultPids
	}
	m.Deploy = s.Deploy != nil && s.Deploy.Resources.Limits != nil && (m.Memory > 0 || m.CPUs > 0 || m.Pids > 0)
	m.NoNewPrivileges = !slices.ContainsFunc(s.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") })
	m.CapDrop = strings.Join(capabilitiesToDrop(s), ", ")
	m.LogSize, m.LogFiles = logsFor(s)
	return m
}

// memoryFor is the limit of a service that says none: the usual one, with room for what it keeps in memory by its own
// word, and not below what it reserves. The engine refuses a limit above memswap_limit, which counts both.
func memoryFor(s types.ServiceConfig) int64 {
	limit := int64(policy.DefaultMemory) + int64(s.ShmSize)
	for _, t := range s.Tmpfs {
		size, _ := policy.TmpfsSize(t)
		limit += size
	}
	for _, v := range s.Volumes {
		if v.Type == types.VolumeTypeTmpfs && v.Tmpfs != nil {
			limit += int64(v.Tmpfs.Size)
		}
	}
	limit = max(min(limit, policy.MaxMemory), reserved(s))
	if s.MemSwapLimit > 0 {
		limit = min(limit, int64(s.MemSwapLimit))
	}
	return limit
}

// reserved is the memory that a service asks to be left.
func reserved(s types.ServiceConfig) int64 {
	bytes := int64(s.MemReservation)
	if s.Deploy != nil && s.Deploy.Resources.Reservations != nil {
		bytes = max(bytes, int64(s.Deploy.Resources.Reservations.MemoryBytes))
	}
	return bytes
}

// cpusFor is the limit of a service that says none, and reserves no more than it may have.
func cpusFor(s types.ServiceConfig) float64 {
	if s.Deploy == nil || s.Deploy.Resources.Reservations == nil {
		return policy.DefaultCPUs
	}
	return max(policy.DefaultCPUs, min(float64(s.Deploy.Resources.Reservations.NanoCPUs.Value()), policy.MaxCPUs))
}

// capabilitiesToDrop are those of the usual ones that a service neither drops nor asks for. A privileged one has all.
func capabilitiesToDrop(s types.ServiceConfig) []string {
	names := func(all []string) []string {
		var bare []string
		for _, name := range all {
			bare = append(bare, strings.TrimPrefix(strings.ToUpper(name), "CAP_"))
		}
		return bare
	}
	said := slices.Concat(names(s.CapDrop), names(s.CapAdd))
	if s.Privileged || slices.Contains(said, "ALL") {
		return nil
	}
	return slices.DeleteFunc(policy.DroppedCapabilities(), func(name string) bool { return slices.Contains(said, name) })
}

// logsFor are the bounds that the options of a logging driver do not say. Drivers other than json-file have one by
// themselves.
func logsFor(s types.ServiceConfig) (size, files string) {
	if s.Logging == nil {
		return policy.DefaultLogOptions("", "")
	}
	if s.Logging.Driver != "" && s.Logging.Driver != "json-file" {
		return "", ""
	}
	said := s.Logging.Options
	size, files = policy.DefaultLogOptions(said["max-size"], said["max-file"])
	if said["max-size"] != "" {
		size = ""
	}
	if said["max-file"] != "" {
		files = ""
	}
	return size, files
}

// limit adds what is missing to a service, and says what in words.
func limit(s *types.ServiceConfig, m importer.Missing) (added []string) {
	if m.Memory > 0 {
		added = append(added, "mem_limit "+policy.Size(m.Memory))
	}
	if m.CPUs > 0 {
		added = append(added, fmt.Sprintf("cpus %g", m.CPUs))
	}
	if m.CPUQuota > 0 {
		s.CPUQuota = m.CPUQuota
		added = append(added, fmt.Sprintf("cpu_quota %d", m.CPUQuota))
	}
	if m.Pids > 0 {
		added = append(added, fmt.Sprintf("pids_limit %d", m.Pids))
	}
	limitResources(s, m)
	if m.NoNewPrivileges {
		s.SecurityOpt = append(slices.Clone(s.SecurityOpt), "no-new-privileges:true")
		added = append(added, "no-new-privileges")
	}
	if m.CapDrop != "" {
		s.CapDrop = append(slices.Clone(s.CapDrop), strings.Split(m.CapDrop, ", ")...)
		added = append(added, "cap_drop "+m.CapDrop)
	}
	return append(added, limitLogs(s, m)...)
}

// limitResources adds limits where the service has its own.
func limitResources(s *types.ServiceConfig, m importer.Missing) {
	if !m.Deploy {
		s.MemLimit += types.UnitBytes(m.Memory)
		s.CPUS += float32(m.CPUs)
		s.PidsLimit += m.Pids
		return
	}
	deploy, limits := *s.Deploy, *s.Deploy.Resources.Limits
	limits.MemoryBytes += types.UnitBytes(m.Memory)
	limits.NanoCPUs += types.NanoCPUs(m.CPUs)
	limits.Pids += m.Pids
	deploy.Resources.Limits = &limits
	s.Deploy = &deploy
}

// limitLogs bounds the logs of the driver that has no bound by itself.
func limitLogs(s *types.ServiceConfig, m importer.Missing) (added []string) {
	if m.LogSize == "" && m.LogFiles == "" {
		return nil
	}
	logging := types.LoggingConfig{}
	if s.Logging != nil {
		logging = *s.Logging
	}
	logging.Driver = "json-file"
	options := types.Options{}
	maps.Copy(options, logging.Options)
	for _, o := range [][2]string{{"max-size", m.LogSize}, {"max-file", m.LogFiles}} {
		if o[1] != "" {
			options[o[0]] = o[1]
			added = append(added, "log "+o[0]+" "+o[1])
		}
	}
	logging.Options = options
	s.Logging = &logging
	return added
}
