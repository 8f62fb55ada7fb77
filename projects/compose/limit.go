package compose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gateway/projects/policy"
)

// addLimits gives each service the limits that it says nothing of, and says so in one line for each. What a service says
// itself stays as it is.
func addLimits(project *types.Project) []string {
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		service := project.Services[name]
		if added := limit(&service); len(added) > 0 {
			notes = append(notes, fmt.Sprintf("service %s says nothing of these and gets them: %s", name, strings.Join(added, ", ")))
		}
		project.Services[name] = service
	}
	return notes
}

func limit(s *types.ServiceConfig) (added []string) {
	said := &types.Resource{}
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		said = s.Deploy.Resources.Limits
	}
	if s.MemLimit == 0 && said.MemoryBytes == 0 {
		s.MemLimit = policy.DefaultMemory
		added = append(added, fmt.Sprintf("mem_limit %dm", policy.DefaultMemory>>20))
	}
	if s.CPUS == 0 && s.CPUQuota == 0 && said.NanoCPUs == 0 {
		s.CPUS = policy.DefaultCPUs
		added = append(added, fmt.Sprintf("cpus %g", policy.DefaultCPUs))
	}
	if s.PidsLimit == 0 && said.Pids == 0 {
		s.PidsLimit = policy.DefaultPids
		added = append(added, fmt.Sprintf("pids_limit %d", policy.DefaultPids))
	}
	if !slices.ContainsFunc(s.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") }) {
		s.SecurityOpt = append(slices.Clone(s.SecurityOpt), "no-new-privileges:true")
		added = append(added, "no-new-privileges")
	}
	return append(added, limitLogs(s)...)
}

// limitLogs bounds the logs of the drivers that have no bound by themselves.
func limitLogs(s *types.ServiceConfig) (added []string) {
	logging := types.LoggingConfig{}
	if s.Logging != nil {
		logging = *s.Logging
	}
	if logging.Driver != "" && logging.Driver != "json-file" {
		return nil
	}
	logging.Driver = "json-file"
	options := types.Options{}
	maps.Copy(options, logging.Options)
	for _, o := range [][2]string{{"max-size", policy.DefaultLogSize}, {"max-file", policy.DefaultLogs}} {
		if options[o[0]] == "" {
			options[o[0]] = o[1]
			added = append(added, "log "+o[0]+" "+o[1])
		}
	}
	logging.Options = options
	s.Logging = &logging
	return added
}
