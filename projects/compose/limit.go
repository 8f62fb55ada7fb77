package compose

import (
	"cmp"
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
	// Compose refuses a limit beside the limits of deploy, which says another one or none.
	deploy := limitsOfDeploy(s)
	said := types.Resource{}
	if deploy != nil {
		said = *deploy
	}
	if s.MemLimit == 0 && said.MemoryBytes == 0 {
		said.MemoryBytes = policy.DefaultMemory
		added = append(added, fmt.Sprintf("mem_limit %dm", policy.DefaultMemory>>20))
	}
	if s.CPUS == 0 && s.CPUQuota == 0 && said.NanoCPUs == 0 {
		said.NanoCPUs = policy.DefaultCPUs
		added = append(added, fmt.Sprintf("cpus %g", policy.DefaultCPUs))
	}
	if s.PidsLimit == 0 && said.Pids == 0 {
		said.Pids = policy.DefaultPids
		added = append(added, fmt.Sprintf("pids_limit %d", policy.DefaultPids))
	}
	if deploy != nil {
		*deploy = said
	} else {
		s.MemLimit = cmp.Or(s.MemLimit, said.MemoryBytes)
		s.CPUS = cmp.Or(s.CPUS, said.NanoCPUs.Value())
		s.PidsLimit = cmp.Or(s.PidsLimit, said.Pids)
	}
	if !slices.ContainsFunc(s.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") }) {
		s.SecurityOpt = append(slices.Clone(s.SecurityOpt), "no-new-privileges:true")
		added = append(added, "no-new-privileges")
	}
	return append(added, limitLogs(s)...)
}

// limitsOfDeploy are those of deploy, as a copy that the service has now; nil when it says none.
func limitsOfDeploy(s *types.ServiceConfig) *types.Resource {
	if s.Deploy == nil || s.Deploy.Resources.Limits == nil {
		return nil
	}
	deploy, limits := *s.Deploy, *s.Deploy.Resources.Limits
	deploy.Resources.Limits = &limits
	s.Deploy = &deploy
	return &limits
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
