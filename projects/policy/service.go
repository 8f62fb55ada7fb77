package policy

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// serviceKeys are the keys of a service that matter. The schema knows no others than Compose does, and who loads the
// project refuses what is neither here nor harmless.
var serviceKeys = map[string]func(c *check, e entry){
	"privileged":          flag(Privileged, "a privileged container owns the machine"),
	"use_api_socket":      flag(DockerSocket, "it hands the engine's socket to the container"),
	"oom_kill_disable":    flag(Cgroup, "the container could not be ended when memory runs out"),
	"container_name":      some(ContainerName, "names of containers are the machine's, not the project's"),
	"cgroup_parent":       some(Cgroup, "it leaves the limits of its own group"),
	"cpu_rt_period":       some(Cgroup, "real-time CPU is taken from everybody"),
	"cpu_rt_runtime":      some(Cgroup, "real-time CPU is taken from everybody"),
	"devices":             some(Devices, "devices belong to the machine"),
	"device_cgroup_rules": some(Devices, "devices belong to the machine"),
	"gpus":                some(Devices, "devices belong to the machine"),
	"blkio_config":        some(Devices, "it names disks of the machine"),
	"ports":               some(Ports, "a published port goes around the gateway"),
	"external_links":      some(Networks, "it names containers of others"),
	"runtime":             some(Runtime, "another runtime may not keep to the rules"),
	"isolation":           some(Runtime, "another isolation may not keep to the rules"),
	"group_add":           some(Groups, "a group of the machine may own what the container should not have"),
	"provider":            some(Provider, "Compose would run a program of the machine"),
	"models":              some(Provider, "Compose would run a program of the machine"),
	"credential_spec":     some(Files, "it names credentials of the machine"),
	"annotations":         some(Labels, "runtimes act on annotations"),
	"pre_start":           some(Hooks, "its containers have no limits"),
	"post_start":          checkHooks,
	"pre_stop":            checkHooks,
	"cap_add":             checkCapabilities,
	"network_mode":        checkNamespace,
	"pid":                 checkNamespace,
	"ipc":                 checkNamespace,
	"uts":                 checkNamespace,
	"userns_mode":         checkNamespace,
	"cgroup":              checkNamespace,
	"security_opt":        checkSecurityOpt,
	"sysctls":             checkSysctls,
	"extra_hosts":         checkExtraHosts,
	"volumes_from":        checkVolumesFrom,
	"logging":             checkLogging,
	"healthcheck":         checkHealth,
	"ulimits":             checkUlimits,
	"labels":              checkLabels,
	"env_file":            checkEnvFiles,
	"label_file":          checkEnvFiles,
	"volumes":             checkMounts,
	"build":               checkBuild,
	"develop":             checkDevelop,
	"deploy":              checkDeploy,
	"mem_limit":           checkMemory,
	"mem_reservation":     checkMemory,
	"memswap_limit":       checkMemory,
	"shm_size":            checkMemory,
	"cpus":                checkCpus,
	"cpu_shares":          checkShares,
	"pids_limit":          checkPids,
	"scale":               checkReplicas,
	"oom_score_adj":       checkScore,
	"tmpfs":               checkTmpfs,
	"storage_opt":         checkStorage,
	"stop_grace_period":   checkStop,
}

// flag refuses a key that is on.
func flag(r Rule, text string) func(c *check, e entry) {
	return func(c *check, e entry) {
		if c.on(e.value) {
			c.find(r, e.line, "%s", text)
		}
	}
}

// some refuses a key that says anything.
func some(r Rule, text string) func(c *check, e entry) {
	return func(c *check, e entry) {
		if n := deref(e.value); len(n.Content) > 0 || n.Kind == yaml.ScalarNode && len(items(n)) > 0 && c.text(n) != "" {
			c.find(r, e.line, "%s", text)
		}
	}
}

func checkHooks(c *check, e entry) {
	for _, hook := range items(e.value) {
		checkHook(c, hook)
	}
}

// checkHook looks at a command that is run in a container, or beside one.
func checkHook(c *check, hook *yaml.Node) {
	if p := lookUp(hook, "privileged"); c.on(p) {
		c.find(Privileged, p.Line, "a privileged hook owns the machine")
	}
	if image := lookUp(hook, "image"); c.text(image) != "" {
		c.find(Hooks, image.Line, "its containers have no limits")
	}
}

func checkCapabilities(c *check, e entry) {
	for _, item := range items(e.value) {
		if name := c.text(item); !HarmlessCapability(name) {
			c.find(Capabilities, item.Line, "capability %s reaches beyond the container", shown(name))
		}
	}
}

// OwnNamespace reports whether a value of network_mode, pid, ipc, uts, userns_mode or cgroup keeps the container to its
// project.
func OwnNamespace(key, value string) bool {
	switch value {
	case "", "private":
		return true
	case "none":
		return key == "network_mode" || key == "ipc"
	}
	return strings.HasPrefix(value, "service:") && (key == "network_mode" || key == "pid" || key == "ipc")
}

func checkNamespace(c *check, e entry) {
	key := c.keys[len(c.keys)-1]
	if value := c.text(e.value); !OwnNamespace(key, value) {
		c.find(Namespaces, e.line, "%s: %s is not the project's own", key, shown(value))
	}
}

func checkSecurityOpt(c *check, e entry) {
	for _, item := range items(e.value) {
		if option := c.text(item); !HarmlessSecurityOpt(option) {
			c.find(SecurityOpt, item.Line, "%s is not no-new-privileges:true", shown(option))
		}
	}
}

func checkSysctls(c *check, e entry) {
	for _, p := range c.pairs(e.value) {
		if !HarmlessSysctl(p.key) {
			c.find(Sysctls, p.line, "%s tunes the kernel", shown(p.key))
		}
	}
}

func checkExtraHosts(c *check, e entry) {
	for _, n := range items(e.value) {
		for _, text := range flat(c, n) {
			if HostGatewayIn(text) {
				c.find(HostGateway, n.Line, "host-gateway leads to the machine itself")
			}
		}
	}
}

// HostGatewayIn reports whether an address of extra_hosts is the machine's.
func HostGatewayIn(text string) bool { return strings.Contains(strings.ToLower(text), "host-gateway") }

// flat are all values below a node.
func flat(c *check, n *yaml.Node) []string {
	n = deref(n)
	if n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		return []string{c.text(n)}
	}
	var all []string
	if n.Kind == yaml.MappingNode {
		for _, e := range entries(n) {
			all = append(all, flat(c, e.value)...)
		}
		return all
	}
	for _, item := range n.Content {
		all = append(all, flat(c, item)...)
	}
	return all
}

func checkVolumesFrom(c *check, e entry) {
	for _, item := range items(e.value) {
		if from := c.text(item); strings.HasPrefix(from, "container:") {
			c.find(Mounts, item.Line, "%s is not of this project", shown(from))
		}
	}
}

func checkLogging(c *check, e entry) {
	if driver := lookUp(e.value, "driver"); !HarmlessLogging(c.text(driver)) {
		c.find(Logging, driver.Line, "logging driver %s is not json-file, local or none", shown(c.text(driver)))
		return
	}
	options := map[string]string{}
	for _, p := range c.pairs(lookUp(e.value, "options")) {
		options[p.key] = p.value
	}
	if _, tooMuch := LogBytes(options["max-size"], options["max-file"]); tooMuch {
		c.find(Limits, e.line, "the logs may have more than %d MiB", MaxLogs>>20)
	}
	if LogBufferTooLarge(options["max-buffer-size"]) {
		c.find(Limits, e.line, "the logs may take more than %d MiB of the engine's memory", MaxLogBuffer>>20)
	}
}

func checkHealth(c *check, e entry) {
	times := func(key string) float64 { return durationSeconds(c.text(lookUp(e.value, key))) }
	retries, _ := strconv.ParseFloat(c.text(lookUp(e.value, "retries")), 64)
	if HealthWaits(times("start_period"), times("interval"), times("timeout"), retries) {
		c.find(Limits, e.line, "health checks wait longer than %s", MaxStart)
	}
	for _, key := range []string{"interval", "start_interval"} {
		n := lookUp(e.value, key)
		if every, err := time.ParseDuration(c.text(n)); err == nil && every != 0 && every < MinInterval {
			c.in(key).find(Limits, n.Line, "health checks come oftener than every %s", MinInterval)
		}
	}
}

// checkStop refuses containers that whoever removes them would wait for.
func checkStop(c *check, e entry) {
	if seconds := durationSeconds(c.text(e.value)); seconds > MaxStop.Seconds() {
		c.find(Limits, e.line, "its containers may take longer than %s to end", MaxStop)
	}
}

// HealthWaits reports whether health checks keep whoever starts the container longer than MaxStart, by their times in
// seconds.
func HealthWaits(startPeriod, interval, timeout, retries float64) bool {
	return startPeriod+max(retries, 1)*max(interval+timeout, 1) > MaxStart.Seconds()
}

// durationParts are the parts of a duration as Compose reads it: 1h30m, 2d, 1w.
var durationParts = regexp.MustCompile(`([0-9.]+)(w|d|h|ms|m|s|us|µs|ns)`)

var secondsOf = map[string]float64{"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}

// durationSeconds reads a duration; what is none is for Compose to refuse.
func durationSeconds(text string) float64 {
	sum := 0.0
	for _, part := range durationParts.FindAllStringSubmatch(text, -1) {
		if n, err := strconv.ParseFloat(part[1], 64); err == nil {
			sum += n * secondsOf[part[2]]
		}
	}
	return sum
}

func checkUlimits(c *check, e entry) {
	for _, limit := range entries(e.value) {
		for _, text := range flat(c, limit.value) {
			if value, err := strconv.ParseInt(text, 10, 64); err == nil && !HarmlessUlimit(limit.key, value) {
				c.find(Limits, limit.line, "ulimit %s of %d is beyond reason", shown(limit.key), value)
			}
		}
	}
}

func checkLabels(c *check, e entry) {
	for _, p := range c.pairs(e.value) {
		if why := ClaimedLabel(p.key, p.value); why != "" {
			c.find(Labels, p.line, "label %s: %s", shown(p.key), why)
		}
	}
}

func checkEnvFiles(c *check, e entry) {
	for _, item := range items(e.value) {
		if path := lookUp(item, "path"); path != nil {
			item = path
		}
		c.read(Files, item, c.text(item))
		if reach := c.path(c.text(item)); reach.Inside {
			if err := Readable(reach.Real); err != nil {
				c.find(Format, item.Line, "%s: %v", shown(c.text(item)), err)
			}
		}
	}
}

func checkDevelop(c *check, e entry) {
	for _, watch := range items(lookUp(e.value, "watch")) {
		checkHook(c, lookUp(watch, "exec"))
		if path := lookUp(watch, "path"); path != nil && !c.path(c.text(path)).Inside {
			c.find(Files, path.Line, "%s is outside the project's folder", shown(c.text(path)))
		}
	}
}

func checkDeploy(c *check, e entry) {
	if n := lookUp(e.value, "replicas"); n != nil {
		checkReplicas(c.in("replicas"), entry{line: n.Line, value: n})
	}
	if n := lookUp(e.value, "labels"); n != nil {
		checkLabels(c.in("labels"), entry{line: n.Line, value: n})
	}
	resources := lookUp(e.value, "resources")
	limits := map[string]func(*check, entry){"memory": checkMemory, "cpus": checkCpus, "pids": checkPids}
	for _, part := range entries(resources) {
		for _, one := range entries(part.value) {
			at := c.in("resources", part.key, one.key)
			if check := limits[one.key]; check != nil && (part.key == "limits" || one.key == "memory") {
				check(at, one)
			}
			if one.key == "devices" || one.key == "generic_resources" {
				some(Devices, "devices belong to the machine")(at, one)
			}
		}
	}
}
