package compose

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"gateway/projects/policy"
)

func examineMounts(r *resolved, s types.ServiceConfig, keys []string) {
	for i, v := range s.Volumes {
		at := r.item(keys, i, len(s.Volumes))
		source := below(at, "source")
		if v.Volume != nil {
			r.labelSet(types.Labels(v.Volume.Labels), below(at, "volume", "labels"))
		}
		switch v.Type {
		case types.VolumeTypeBind:
			r.bind(v, at)
		case types.VolumeTypeVolume:
			if _, ours := r.project.Volumes[v.Source]; v.Source != "" && !ours {
				r.find(policy.Mounts, policy.Shown(v.Source)+" is no volume of the project", source...)
			}
		case types.VolumeTypeTmpfs:
			if v.Tmpfs != nil {
				r.bound(bound{[]string{"size"}, float64(v.Tmpfs.Size), policy.MaxMemory, ""}, below(at, "tmpfs"))
			}
		case types.VolumeTypeImage:
		default:
			r.find(policy.Mounts, fmt.Sprintf("a mount of type %s is not the project's", policy.Shown(v.Type)), source...)
		}
	}
}

func (r *resolved) bind(v types.ServiceVolumeConfig, at []string) {
	reach := r.report.Folder.Reach(r.absolute(v.Source))
	compose := r.report.Folder.Reach(r.report.Folder.Path(file))
	keys := below(at, "source")
	switch {
	case reach.Socket:
		r.find(policy.DockerSocket, policy.Shown(v.Source)+" is the engine's socket, or holds it", keys...)
	case !reach.Inside:
		r.find(policy.Mounts, outside(v.Source), keys...)
	case !v.ReadOnly && policy.Within(reach.Real, compose.Real):
		r.find(policy.Mounts, rewrites, keys...)
	}
	if v.Bind != nil && !policy.PrivatePropagation(v.Bind.Propagation) {
		r.find(policy.Mounts, fmt.Sprintf("propagation %s shares mounts with the machine", policy.Shown(v.Bind.Propagation)), below(at, "bind", "propagation")...)
	}
	if !reach.Inside {
		return
	}
	r.fixed = append(r.fixed, r.spot(reach.Real, keys))
	if !v.ReadOnly {
		r.writable = append(r.writable, r.spot(reach.Real, keys))
	}
}

func examineBuild(r *resolved, s types.ServiceConfig, keys []string) {
	b := s.Build
	if b == nil {
		return
	}
	at := func(key string) []string { return below(keys, key) }
	if r.context(b.Context, at("context")) && b.Dockerfile != "" {
		r.path(policy.Build, dockerfilePath(&types.BuildConfig{Context: r.absolute(b.Context), Dockerfile: b.Dockerfile}), at("dockerfile"))
	}
	for name, extra := range b.AdditionalContexts {
		if !policy.HarmlessExtraContext(extra) {
			r.context(extra, below(keys, "additional_contexts", name))
		}
	}
	if b.Privileged {
		r.find(policy.Privileged, "a privileged build owns the machine", at("privileged")...)
	}
	if len(b.Entitlements) > 0 {
		r.find(policy.Privileged, "entitlements give a build the machine", at("entitlements")...)
	}
	if len(b.SSH) > 0 {
		r.find(policy.Build, "it hands over the keys of who runs the gateway", at("ssh")...)
	}
	if len(b.CacheTo) > 0 {
		r.find(policy.Build, "it writes where it likes", at("cache_to")...)
	}
	each(r, policy.Build, b.CacheFrom, policy.HarmlessCache, "cache %s is no image", at("cache_from"))
	each(r, policy.Namespaces, []string{b.Network}, policy.OwnBuildNetwork, "network %s is not the build's own", at("network"))
	r.hosts(b.ExtraHosts, at("extra_hosts"))
	r.labelSet(b.Labels, at("labels"))
	r.ulimitSet(b.Ulimits, at("ulimits"))
	if b.Isolation != "" {
		r.find(policy.Runtime, "another isolation may not keep to the rules", at("isolation")...)
	}
	r.bound(bound{[]string{"shm_size"}, float64(b.ShmSize), policy.MaxShm, ""}, keys)
	r.buildSecrets(b.Secrets, at("secrets"))
	r.computed(*b, keys)
	r.builtNames(s, at("tags"))
}

// builtNames refuses to build what others know by that name.
func (r *resolved) builtNames(s types.ServiceConfig, tags []string) {
	services := slices.Concat(r.project.ServiceNames(), r.project.DisabledServiceNames())
	refuse := func(name string, keys []string) {
		if name != "" && !policy.OwnImage(r.project.Name, services, name) {
			r.findToFix(policy.ImageName, policy.Shown(name)+" would be built here, and its name is not one that Compose derives from project and service",
				policy.ImageNameFix(r.project.Name, s.Name), keys...)
		}
	}
	refuse(s.Image, below(tags[:2], "image"))
	for i, name := range s.Build.Tags {
		refuse(name, r.item(tags, i, len(s.Build.Tags)))
	}
}

// computed refuses what the builder would make something else of. Compose writes builds into a file of which the builder
// takes texts for templates, and takes their meaning from args and dockerfile_inline alone.
func (r *resolved) computed(b types.BuildConfig, keys []string) {
	b.Args, b.DockerfileInline = nil, ""
	value := reflect.ValueOf(b)
	for i := range value.NumField() {
		text, err := json.Marshal(value.Field(i).Interface())
		if err != nil || policy.Computed(string(text)) {
			r.findToFix(policy.Build, policy.BuildComputed, policy.BuildUncomputed, below(keys, yamlKey(value.Type().Field(i)))...)
		}
	}
}

// buildSecrets refuses what would tell the builder other things than a file of the project: Compose runs the builder as
// a program with such variables, be it PATH, and writes names and paths into a list that has commas between its items.
func (r *resolved) buildSecrets(secrets []types.ServiceSecretConfig, keys []string) {
	for _, s := range secrets {
		secret := r.project.Secrets[s.Source]
		if secret.Environment != "" {
			r.findToFix(policy.Build, fmt.Sprintf("secret %q would be a variable of the builder itself", s.Source), "keep it in a file of the project: file: ./secrets/NAME", keys...)
		}
		for _, text := range []string{s.Source, s.Target, secret.File} {
			if !policy.PlainItem(text) {
				r.findToFix(policy.Build, fmt.Sprintf("%q has a character that the builder takes for the end of it", text), "write it without commas and quotes", keys...)
			}
		}
	}
}

// context reports whether a context is a folder of the project.
func (r *resolved) context(context string, keys []string) bool {
	if policy.RemoteContext(context) {
		r.find(policy.Build, policy.Shown(context)+" is on a server", keys...)
		return false
	}
	return r.path(policy.Build, context, keys)
}

func examineEndpoints(r *resolved, s types.ServiceConfig, keys []string) {
	for name, endpoint := range s.Networks {
		if endpoint != nil {
			r.networkOptions(endpoint.DriverOpts, below(keys, name, "driver_opts"))
		}
	}
}

func (r *resolved) networkOptions(options map[string]string, keys []string) {
	eachKey(r, policy.Networks, options, policy.HarmlessNetworkOption, "option %s changes the machine's network", keys)
}

// owned refuses what belongs to another project.
func (r *resolved) owned(external bool, name string, labels types.Labels, keys ...string) {
	if external {
		r.find(policy.External, "it is not the project's own", below(keys, "external")...)
	} else if !policy.OwnName(r.project.Name, name) {
		r.find(policy.External, fmt.Sprintf("the name %s does not begin with %s_", policy.Shown(name), r.project.Name), below(keys, "name")...)
	}
	for key, value := range labels {
		if why := policy.ClaimedLabel(key, value); why != "" && !policy.RoleOfNetwork(key, value) {
			r.find(policy.Labels, fmt.Sprintf("label %s: %s", policy.Shown(key), why), below(keys, "labels", key)...)
		}
	}
}

func (r *resolved) network(name string, n types.NetworkConfig) {
	keys := []string{"networks", name}
	r.owned(bool(n.External), n.Name, n.Labels, keys...)
	if !policy.OwnNetwork(n.Driver) {
		r.find(policy.Networks, fmt.Sprintf("driver %s is not bridge", policy.Shown(n.Driver)), below(keys, "driver")...)
	}
	r.networkOptions(n.DriverOpts, below(keys, "driver_opts"))
	if n.Ipam.Driver != "" && n.Ipam.Driver != "default" {
		r.find(policy.Networks, fmt.Sprintf("ipam driver %s is not default", policy.Shown(n.Ipam.Driver)), below(keys, "ipam", "driver")...)
	}
	if len(n.Ipam.Options) > 0 {
		r.find(policy.Networks, "options of the ipam driver change the machine's network", below(keys, "ipam", "options")...)
	}
	for i, pool := range n.Ipam.Config {
		if pool != nil && !policy.PrivateSubnet(pool.Subnet) {
			r.find(policy.Networks, policy.Shown(pool.Subnet)+" is no private subnet of at most 65,536 addresses",
				below(r.item(below(keys, "ipam", "config"), i, len(n.Ipam.Config)), "subnet")...)
		}
	}
}

func (r *resolved) volume(name string, v types.VolumeConfig) {
	keys := []string{"volumes", name}
	r.owned(bool(v.External), v.Name, v.Labels, keys...)
	if !policy.OwnVolume(v.Driver) {
		r.find(policy.Volumes, fmt.Sprintf("driver %s is not local", policy.Shown(v.Driver)), below(keys, "driver")...)
	}
	if device := v.DriverOpts["device"]; device != "" && r.report.Folder.Reach(r.absolute(device)).Socket {
		r.find(policy.DockerSocket, policy.Shown(device)+" is the engine's socket, or holds it", below(keys, "driver_opts", "device")...)
	}
	if len(v.DriverOpts) > 0 {
		r.find(policy.Volumes, "options of the driver mount folders and servers", below(keys, "driver_opts")...)
	}
}

func (r *resolved) object(kind, name string, o types.FileObjectConfig) {
	keys := []string{kind, name}
	if o.External {
		r.find(policy.External, "it is not the project's own", below(keys, "external")...)
	}
	if o.Driver != "" || o.TemplateDriver != "" || len(o.DriverOpts) > 0 {
		r.find(policy.Files, "a driver may read what is not the project's", keys...)
	}
	if o.File != "" {
		r.path(policy.Files, o.File, below(keys, "file"))
	}
}
