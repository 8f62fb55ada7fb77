package compose

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gateway/projects/policy"
)

// knownFields are the fields of what is inside services, networks, volumes, configs and secrets, by type: those that somebody
// found harmless, or that are looked at. One that a later version of Compose brings is refused until it is on the list.
// The fields of a service itself are in harmless, empty and examined.
var knownFields = map[string]string{
	"BlkioConfig":             "Weight WeightDevice DeviceReadBps DeviceReadIOps DeviceWriteBps DeviceWriteIOps",
	"BuildConfig":             "Context Dockerfile DockerfileInline Entitlements Args Provenance SBOM SSH Labels CacheFrom CacheTo NoCache NoCacheFilter AdditionalContexts Pull ExtraHosts Isolation Network Target Secrets ShmSize Tags Ulimits Platforms Privileged",
	"ConfigObjConfig":         fileObject,
	"CredentialSpecConfig":    "Config File Registry",
	"DeployConfig":            "Mode Replicas Labels UpdateConfig RollbackConfig Resources RestartPolicy Placement EndpointMode",
	"DevelopConfig":           "Watch",
	"DeviceMapping":           "Source Target Permissions",
	"DeviceRequest":           "Capabilities Driver Count IDs Options",
	"DiscreteGenericResource": "Kind Value",
	"EnvFile":                 "Path Required Format",
	"ExtendsConfig":           "File Service",
	"FileReferenceConfig":     fileReference,
	"GenericResource":         "DiscreteResourceSpec",
	"HealthCheckConfig":       "Test Timeout Interval Retries StartPeriod StartInterval Disable",
	"IPAMConfig":              "Driver Config Options",
	"IPAMPool":                "Subnet Gateway IPRange AuxiliaryAddresses",
	"LoggingConfig":           "Driver Options",
	"NetworkConfig":           "Name Driver DriverOpts Ipam External Internal Attachable Labels CustomLabels EnableIPv4 EnableIPv6",
	"Placement":               "Constraints Preferences MaxReplicas",
	"PlacementPreferences":    "Spread",
	"Resource":                "NanoCPUs MemoryBytes Pids Devices GenericResources",
	"Resources":               "Limits Reservations",
	"RestartPolicy":           "Condition Delay MaxAttempts Window",
	"SSHKey":                  "ID Path",
	"SecretConfig":            fileObject,
	"ServiceConfigObjConfig":  fileReference,
	"ServiceDependency":       "Condition Restart Required",
	"ServiceHook":             "Command Image User Privileged WorkingDir Environment PerReplica",
	"ServiceModelConfig":      "EndpointVariable ModelVariable",
	"ServiceNetworkConfig":    "Aliases DriverOpts GatewayPriority InterfaceName Ipv4Address Ipv6Address LinkLocalIPs MacAddress Priority",
	"ServicePortConfig":       "Name Mode HostIP Target Published Protocol AppProtocol",
	"ServiceProviderConfig":   "Type Options",
	"ServiceSecretConfig":     fileReference,
	"ServiceVolumeBind":       "SELinux Propagation CreateHostPath Recursive",
	"ServiceVolumeConfig":     "Type Source Target ReadOnly Consistency Bind Volume Tmpfs Image",
	"ServiceVolumeImage":      "SubPath",
	"ServiceVolumeTmpfs":      "Size Mode",
	"ServiceVolumeVolume":     "Labels NoCopy Subpath",
	"Trigger":                 "Path Action Target Exec Include Ignore InitialSync",
	"UlimitsConfig":           "Single Soft Hard",
	"UpdateConfig":            "Parallelism Delay FailureAction Monitor MaxFailureRatio Order",
	"VolumeConfig":            "Name Driver DriverOpts External Labels CustomLabels",
	"WeightDevice":            "Path Weight",
	"ThrottleDevice":          "Path Rate",
}

const (
	fileObject    = "Name File Environment Content External Labels Driver DriverOpts TemplateDriver"
	fileReference = "Source Target UID GID Mode"
)

// closed refuses what is inside a value of Compose's library and is not in knownFields.
func (r *resolved) closed(v reflect.Value, keys ...string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			r.closed(v.Elem(), keys...)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			r.closed(v.Index(i), keys...)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			r.closed(v.MapIndex(key), keys...)
		}
	case reflect.Struct:
		if v.Type().PkgPath() == reflect.TypeFor[types.Project]().PkgPath() {
			r.closedStruct(v, keys...)
		}
	}
}

func (r *resolved) closedStruct(v reflect.Value, keys ...string) {
	known, top := strings.Fields(knownFields[v.Type().Name()]), v.Type() == reflect.TypeFor[types.ServiceConfig]()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || field.Name == "Extensions" || saysNothing(v.Field(i)) {
			continue
		}
		at := below(keys, yamlKey(field))
		if !top && !slices.Contains(known, field.Name) {
			r.find(policy.Unknown, fmt.Sprintf("%s is not known to this version", yamlKey(field)), at...)
			continue
		}
		r.closed(v.Field(i), at...)
	}
}
