package compose

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"gateway/projects/policy"
)

func examineMounts(r *resolved, s types.ServiceConfig, keys []string) {
	for _, v := range s.Volumes {
		if v.Volume != nil {
			r.labelSet(types.Labels(v.Volume.Labels), keys)
		}
		switch v.Type {
		case types.VolumeTypeBind:
			r.bind(v, keys)
		case types.VolumeTypeVolume:
			if _, ours := r.project.Volumes[v.Source]; v.Source != "" && !ours {
				r.find(policy.Mounts, fmt.Sprintf("%q is no volume of the project", v.Source), keys...)
			}
		case types.VolumeTypeTmpfs:
			if v.Tmpfs != nil && (v.Tmpfs.Size < 0 || v.Tmpfs.Size > policy.MaxMemory) {
				r.find(policy.Limits, "a tmpfs is larger than the memory one service may have", keys...)
			}
		case types.VolumeTypeImage:
		default:
			r.find(policy.Mounts, fmt.Sprintf("a mount of type %q is not the project's", v.Type), keys...)
		}
	}
}

func (r *resolved) bind(v types.ServiceVolumeConfig, keys []string) {
	reach := r.report.Folder.Reach(r.absolute(v.Source))
	compose := r.report.Folder.Reach(r.report.Folder.Path(file))
	switch {
	case reach.Socket:
		r.find(policy.DockerSocket, fmt.Sprintf("%q is the engine's socket, or holds it", v.Source), keys...)
	case !reach.Inside:
		r.find(policy.Mounts, fmt.Sprintf("%q is outside the project's folder", v.Source), keys...)
	case !v.ReadOnly && policy.Within(reach.Real, compose.Real):
		r.find(policy.Mounts, fmt.Sprintf("by %q the container could rewrite the project's compose file", v.Source), keys...)
	}
	if v.Bind != nil && !policy.PrivatePropagation(v.Bind.Propagation) {
		r.find(policy.Mounts, fmt.Sprintf("propagation %q shares mounts with the machine", v.Bind.Propagation), keys...)
	}
	if !reach.Inside {
		return
	}
	r.fixed = append(r.fixed, spot{reach.Real, keys})
	if !v.ReadOnly {
		r.writable = append(r.writable, spot{reach.Real, keys})
	}
}

func examineBuild(r *resolved, s types.ServiceConfig, keys []string) {
	b := s.Build
	if b == nil {
		return
	}
	at := func(key string) []string { return append(slices.Clone(keys), key) }
	r.context(b.Context, at("context"))
	if b.Dockerfile != "" && !policy.RemoteContext(b.Context) {
		r.path(policy.Build, dockerfilePath(&types.BuildConfig{Context: r.absolute(b.Context), Dockerfile: b.Dockerfile}), at("dockerfile"))
	}
	for _, extra := range b.AdditionalContexts {
		if !policy.HarmlessExtraContext(extra) {
			r.context(extra, at("additional_contexts"))
		}
	}
	if b.Privileged || len(b.Entitlements) > 0 {
		r.find(policy.Privileged, "a privileged build owns the machine", keys...)
	}
	if len(b.SSH) > 0 {
		r.find(policy.Build, "it hands over the keys of who runs the gateway", at("ssh")...)
	}
	each(r, policy.Build, b.CacheTo, func(string) bool { return false }, at("cache_to"))
	each(r, policy.Build, b.CacheFrom, policy.HarmlessCache, at("cache_from"))
	each(r, policy.Namespaces, []string{b.Network}, policy.OwnBuildNetwork, at("network"))
	r.hosts(b.ExtraHosts, at("extra_hosts"))
	r.labelSet(b.Labels, at("labels"))
	r.ulimitSet(b.Ulimits, at("ulimits"))
	if b.Isolation != "" {
		r.find(policy.Runtime, "another isolation may not keep to the rules", at("isolation")...)
	}
	if b.ShmSize < 0 || b.ShmSize > policy.MaxShm {
		r.find(policy.Limits, "shm_size is beyond reason", at("shm_size")...)
	}
	r.buildSecrets(b.Secrets, at("secrets"))
	if computed(*b) {
		r.findToMend(policy.Build, policy.BuildComputed, policy.BuildUncomputed, keys...)
	}
	names := b.Tags
	if s.Image != "" {
		names = append([]string{s.Image}, names...)
	}
	services := slices.Concat(r.project.ServiceNames(), r.project.DisabledServiceNames())
	for _, name := range names {
		if !policy.OwnImage(r.project.Name, services, name) {
			r.findToMend(policy.ImageName, fmt.Sprintf("%q would be built here, and its name is not one that Compose derives from project and service", name),
				policy.ImageNameMend(r.project.Name, s.Name), keys...)
		}
	}
}

// computed reports whether the builder would make something else of what a build says. Compose writes it into a file of
// which the builder takes texts for templates, and takes their meaning from two of them alone.
func computed(b types.BuildConfig) bool {
	b.Args, b.DockerfileInline = nil, ""
	text, err := json.Marshal(b)
	return err != nil || policy.Computed(string(text))
}

// buildSecrets refuses what would tell the builder other things than a file of the project: Compose runs the builder as
// a program with such variables, be it PATH, and writes names and paths into a list that has commas between its items.
func (r *resolved) buildSecrets(secrets []types.ServiceSecretConfig, keys []string) {
	for _, s := range secrets {
		secret := r.project.Secrets[s.Source]
		if secret.Environment != "" {
			r.findToMend(policy.Build, fmt.Sprintf("secret %q would be a variable of the builder itself", s.Source), "keep it in a file of the project: file: ./secrets/NAME", keys...)
		}
		for _, text := range []string{s.Source, s.Target, secret.File} {
			if !policy.PlainItem(text) {
				r.findToMend(policy.Build, fmt.Sprintf("%q has a character that the builder takes for the end of it", text), "write it without commas and quotes", keys...)
			}
		}
	}
}

func (r *resolved) context(context string, keys []string) {
	if policy.RemoteContext(context) {
		r.find(policy.Build, fmt.Sprintf("%q is on a server", context), keys...)
		return
	}
	r.path(policy.Build, context, keys)
}

func examineEndpoints(r *resolved, s types.ServiceConfig, keys []string) {
	for name, endpoint := range s.Networks {
		if endpoint == nil {
			continue
		}
		for option := range endpoint.DriverOpts {
			if !policy.HarmlessNetworkOption(option) {
				r.find(policy.Networks, fmt.Sprintf("option %q changes the machine's network", option), append(slices.Clone(keys), name)...)
			}
		}
	}
}

// owned refuses what belongs to another project.
func (r *resolved) owned(external bool, name string, labels types.Labels, keys ...string) {
	if external || !policy.OwnName(r.project.Name, name) {
		r.find(policy.External, fmt.Sprintf("%q is not the project's own", name), keys...)
	}
	for key, value := range labels {
		if why := policy.ClaimedLabel(key, value); why != "" && !policy.RoleOfNetwork(key, value) {
			r.find(policy.Labels, fmt.Sprintf("label %q: %s", key, why), append(slices.Clone(keys), "labels")...)
		}
	}
}

func (r *resolved) network(name string, n types.NetworkConfig) {
	keys := []string{"networks", name}
	r.owned(bool(n.External), n.Name, n.Labels, keys...)
	if !policy.OwnNetwork(n.Driver) || n.Ipam.Driver != "" && n.Ipam.Driver != "default" || len(n.Ipam.Options) > 0 {
		r.find(policy.Networks, "its driver is not the plain one", keys...)
	}
	for option := range n.DriverOpts {
		if !policy.HarmlessNetworkOption(option) {
			r.find(policy.Networks, fmt.Sprintf("option %q changes the machine's network", option), keys...)
		}
	}
	for _, pool := range n.Ipam.Config {
		if pool != nil && !policy.PrivateSubnet(pool.Subnet) {
			r.find(policy.Networks, fmt.Sprintf("%q is no private subnet of bounded size", pool.Subnet), keys...)
		}
	}
}

func (r *resolved) volume(name string, v types.VolumeConfig) {
	r.owned(bool(v.External), v.Name, v.Labels, "volumes", name)
	if device := v.DriverOpts["device"]; device != "" && r.report.Folder.Reach(r.absolute(device)).Socket {
		r.find(policy.DockerSocket, fmt.Sprintf("%q is the engine's socket, or holds it", device), "volumes", name)
	}
	if !policy.OwnVolume(v.Driver, len(v.DriverOpts)) {
		r.find(policy.Volumes, "its driver or its options mount what is not the project's", "volumes", name)
	}
}

func (r *resolved) object(kind, name string, o types.FileObjectConfig) {
	if o.External {
		r.find(policy.External, "it is not the project's own", kind, name)
	}
	if o.Driver != "" || o.TemplateDriver != "" || len(o.DriverOpts) > 0 {
		r.find(policy.Files, "a driver may read what is not the project's", kind, name)
	}
	if o.File != "" {
		r.path(policy.Files, o.File, []string{kind, name})
	}
}
