package policy

import "slices"

// Rule is the name of a rule, as --trust takes it.
type Rule string

// The rules. What they refuse is told in Rules.
const (
	Privileged    Rule = "privileged"
	Capabilities  Rule = "capabilities"
	Namespaces    Rule = "namespaces"
	Devices       Rule = "devices"
	DockerSocket  Rule = "docker-socket"
	Mounts        Rule = "mounts"
	Volumes       Rule = "volumes"
	Files         Rule = "files"
	Build         Rule = "build"
	ImageName     Rule = "image-name"
	Ports         Rule = "ports"
	ContainerName Rule = "container-name"
	Networks      Rule = "networks"
	External      Rule = "external"
	HostGateway   Rule = "host-gateway"
	Labels        Rule = "labels"
	Routes        Rule = "routes"
	SecurityOpt   Rule = "security-opt"
	Cgroup        Rule = "cgroup"
	Sysctls       Rule = "sysctls"
	Limits        Rule = "limits"
	Logging       Rule = "logging"
	Runtime       Rule = "runtime"
	Groups        Rule = "groups"
	Hooks         Rule = "hooks"
	Provider      Rule = "provider"

	// These cannot be trusted away.
	Include   Rule = "include"
	Format    Rule = "format"
	SelfTrust Rule = "self-trust"
	Unknown   Rule = "unknown"
)

// Doc documents one rule.
type Doc struct {
	Name Rule `json:"name"`
	// Refuses, Why and Fix are one line each.
	Refuses string `json:"refuses"`
	Why     string `json:"why"`
	Fix     string `json:"fix"`
	// Fixed says that --trust cannot allow it.
	Fixed bool `json:"fixed"`
}

// Rules returns all rules in the order in which people read them. The slice is the caller's.
func Rules() []Doc { return slices.Clone(rules) }

var rules = []Doc{
	{Privileged, "privileged, for containers, hooks and builds; build entitlements", "a privileged container owns the machine", "remove it", false},
	{Capabilities, "cap_add of more than a container has by default, and of MKNOD, NET_RAW and SETFCAP", "such a capability reaches beyond the container", "remove it; the others that Docker gives by default may be added after cap_drop: [ALL]", false},
	{Namespaces, "network_mode, pid, ipc, uts, userns_mode and cgroup of the host or of another container; ipc: shareable", "the container would see or change what is not its project's", "remove it; service:NAME of the same project and none are fine", false},
	{Devices, "devices, device_cgroup_rules, gpus, blkio_config, reserved devices", "devices belong to the machine", "remove it", false},
	{DockerSocket, "the engine's socket, a folder that it lies in, use_api_socket", "who has the socket owns the machine", "remove it", false},
	{Mounts, "bind mounts from outside the project's folder, of all of it unless read-only, inside another writable mount, or with propagation", "files of the machine and of other projects would be open", "keep the files in a folder inside the project's, and mount that", false},
	{Volumes, "volume drivers other than local, and driver_opts", "options of the driver mount any folder or server", "use a plain volume, without driver and driver_opts", false},
	{Files, "env_file, label_file, configs, secrets, credential_spec, develop.watch from outside the project's folder; drivers of theirs", "files of the machine would be read into containers", "copy the file into the project's folder", false},
	{Build, "build contexts, Dockerfiles, additional contexts from outside the project's folder or from a server; ssh, caches on disk, secrets by variables", "the build reads and writes with the rights of who runs the gateway", "copy what is built into the project's folder", false},
	{ImageName, "building under another image name or tag than PROJECT-SERVICE; images that another project built, in Dockerfiles too", "it would replace an image that other projects start, or open another project's files", "remove image: and tags:, or write PROJECT-SERVICE, such as blog-web", false},
	{Ports, "ports", "a published port goes around the gateway, and there is one of each on the machine", "remove it; the gateway reaches the container over the project's network: label gateway.port says where it listens, and expose is fine", false},
	{ContainerName, "container_name", "names of containers are the machine's, and another project may need it", "remove it; the service's name works as an address inside the project", false},
	{Networks, "network drivers other than bridge, driver options, subnets that are public or that the machine reaches itself, external_links", "the container would reach other networks than the project's", "remove it", false},
	{External, "networks, volumes, configs and secrets that are external or named otherwise than the project", "they are another project's", "remove external: and name:, and the project gets its own", false},
	{HostGateway, "extra_hosts with host-gateway", "it leads to the services of the machine itself", "remove it", false},
	{Labels, "labels of Compose and of gateway's own containers, of other proxies (traefik.*, caddy*), and those that loosen isolation; annotations", "other programs act on them", "remove the label; gateway.path publishes a service", false},
	{Routes, "paths at or under another project's, and hosts that take another project's path", "its requests would come here", "choose another path, or free this one first", false},
	{SecurityOpt, "security_opt other than no-new-privileges:true", "it turns protections off", "remove it", false},
	{Cgroup, "cgroup_parent, oom_kill_disable, oom_score_adj below 0, real-time CPU", "it takes from everybody's share of the machine", "remove it", false},
	{Sysctls, "sysctls, but for a few of the container's own network", "they tune the kernel", "remove it; net.core.somaxconn and net.ipv4.ip_unprivileged_port_start are fine", false},
	{Limits, "memory over 2 GiB, CPU over 2 or by more weight than others, pids over 2048, shm_size over 1 GiB, more than 8 replicas, 8 networks or 32 services, logs over 100 MiB or over 8 MiB in memory, health checks oftener than every second or that wait longer than a day, stop_grace_period over 10 minutes, ulimits beyond reason", "one project would take the machine from the others", "lower it", false},
	{Logging, "logging drivers other than json-file, local and none", "logs would leave the machine, or fill what has no limit", "remove it", false},
	{Runtime, "runtime, isolation", "another runtime may not keep to these rules", "remove it", false},
	{Groups, "group_add", "a group of the machine may own what the container should not have", "remove it", false},
	{Hooks, "pre_start", "its containers have no limits", "run it as a service that others depend on with service_completed_successfully", false},
	{Provider, "provider and models", "Compose would run a program of the machine", "remove it", false},
	{Include, "include and extends of files from outside the project's folder or from a server, or by a variable", "nothing outside the folder is ever read", "copy the file into the project's folder and write its path out", true},
	{Format, "files that are too large or too deep, alias bombs, cycles, several documents, odd tags", "reading them would take forever, or mean two things", "write plain YAML", true},
	{SelfTrust, "x-gateway.trust in an imported file", "only the admin of the gateway gives trust", "remove it, and give the trust on the command line", true},
	{Unknown, "what this version of the policy does not know", "it cannot be checked", "remove it, or use a newer version of gateway", true},
}

func (r Rule) doc() Doc {
	at := slices.IndexFunc(rules, func(d Doc) bool { return d.Name == r })
	if at < 0 {
		return Doc{}
	}
	return rules[at]
}

func (r Rule) known() bool { return r.doc().Name != "" }

func (r Rule) fixed() bool { return r.doc().Fixed }

// Found makes a finding with the fix that the rule has.
func (r Rule) Found(where, text string) Finding {
	return Finding{Rule: r, Where: where, Text: text, Fix: r.doc().Fix}
}
