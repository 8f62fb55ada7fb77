// Package stack knows the two containers that `gateway up` runs, the proxy and the agent: what they may do, what they
// share, and how a running pair is brought to what was asked for. It looks, makes a plan that can be printed, and
// carries it out without deciding anything more. The policy worth stating: only the proxy publishes a port and only
// the agent sees the Docker socket.
package stack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/docker"
	"gateway/proxy/label"
	source "gateway/proxy/source/docker"
)

// What the two containers and what they share are called on the engine.
const (
	Proxy = source.ProxyName
	Agent = source.AgentName
	// Network publishes the proxy's ports. Its name sorts before those of projects, so that joining one of them never
	// moves the proxy's default gateway.
	Network = source.HomeNetwork
	// RunVolume holds the admin socket, StateVolume the last good table.
	RunVolume   = "gateway-run"
	StateVolume = "gateway-state"
	// CertificateVolume holds accounts, keys and certificates: it exists when there is HTTPS, and nothing but the engine's own
	// command removes it, since certificate authorities limit how many they issue.
	CertificateVolume = "gateway-certificates"
	// AgentVolume holds what the agent keeps of its daily work: it exists when there is some.
	AgentVolume = "gateway-agent"
	// Latest is the tag of the image that is in use; projects that serve files run it too.
	Latest = "gateway:latest"
	// Socket is where both containers see the admin socket.
	Socket = "/run/gateway/admin.sock"
	// Binary is where the image holds gateway itself.
	Binary = "/gateway"
	// OpenFiles is how many files the proxy may open, whatever the engine gives others, if the engine may give as many.
	OpenFiles = 1 << 16
)

const (
	stateDir     = "/var/lib/gateway"
	filesDir     = "/etc/gateway/routes"
	agentDir     = "/var/lib/gateway-agent"
	certsDir     = "/var/lib/gateway-certificates"
	dockerSocket = "/var/run/docker.sock"
	// nobody is the user and group of the proxy. Its group may use the admin socket.
	nobody     = 65532
	proxyUser  = "65532:65532"
	agentUser  = "0:65532"
	proxyBytes = 512 << 20
	agentBytes = 256 << 20
	maxPids    = 256
	drainTime  = 15 * time.Second
)

// Settings are what an admin may choose. They are kept on the proxy's container, so that a later `up` without flags
// changes none of them.
type Settings struct {
	// HTTP is the published port, default 80.
	HTTP uint16 `json:"http"`
	// HTTPS is the published port for TLS, 0 for none. With HTTP3 it is published for UDP too.
	HTTPS uint16 `json:"https,omitempty"`
	HTTP3 bool   `json:"http3,omitempty"`
	// Domains are the names that certificates are ordered for, wildcards among them. Those without a star are host names of
	// the site, as Hosts are.
	Domains []string `json:"domains,omitempty"`
	// TLS are further flags of the proxy for HTTPS, as gateway serve takes them.
	TLS []string `json:"tls,omitempty"`
	// Certificates are files that the agent sends to the proxy, and CertificateFolders what its container gets for that, both as
	// FindCertificates returns them.
	Certificates       []CertificateFiles `json:"certificates,omitempty"`
	CertificateFolders []string           `json:"certificate_folders,omitempty"`
	// Bind is the host address to publish on; invalid means all.
	Bind netip.Addr `json:"bind,omitzero"`
	// Hosts are the site's host names, to which the proxy answers on every edge network too.
	Hosts []string `json:"hosts,omitempty"`
	// DockerSocket is the path of the engine's socket on its host.
	DockerSocket string `json:"docker_socket,omitempty"`
	// File is the path of a file of routes, or of a folder of them, on the engine's host; empty for none. One that ends with
	// .yaml or .yml is a file: the proxy's container gets the folder that it is in.
	File string `json:"file,omitempty"`
	// Serve are further flags of the proxy, as gateway serve takes them.
	Serve []string `json:"serve,omitempty"`
	// ExpireDaily is the time of day at which the agent looks after what has expired, empty for never, and ExpireZone the
	// name of its time zone.
	ExpireDaily string `json:"expire_daily,omitempty"`
	ExpireZone  string `json:"expire_zone,omitempty"`
	// Stop is how long the proxy may take to end, 0 for 15 s.
	Stop time.Duration `json:"stop,omitempty"`
}

// Names are the host names of the site, sorted: Hosts, and Domains without a star.
func (s Settings) Names() []string {
	names := slices.Clone(s.Hosts)
	for _, d := range s.Domains {
		if !strings.Contains(d, "*") {
			names = append(names, d)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Ports are those that the proxy publishes.
func (s Settings) Ports() []uint16 {
	if s.HTTPS == 0 {
		return []uint16{s.HTTP}
	}
	return []uint16{s.HTTP, s.HTTPS}
}

// secretsFolder is the folder in CertificateVolume for what certificate authorities and DNS providers know the gateway by.
const secretsFolder = "secrets"

// SecretFile is where the proxy's container has a secret of that name, for its flags.
func SecretFile(name string) string { return path.Join(certsDir, secretsFolder, name) }

// Default returns the settings of a first `up`.
func Default() Settings { return Settings{HTTP: 80, DockerSocket: dockerSocket} }

// proxySpec is the container that faces the internet: no Docker socket, no root, no capabilities.
func proxySpec(s Settings, image string) docker.Spec {
	port := strconv.Itoa(int(s.HTTP))
	// The port inside is the one outside, so that an app reaches its own public address from inside too.
	command := []string{"serve", "--listen", ":" + port, "--socket", Socket, "--state", stateDir}
	mounts := []docker.Mount{
		{Volume: RunVolume, Target: "/run/gateway"},
		{Volume: StateVolume, Target: stateDir},
	}
	if s.File != "" {
		folder, name := FolderOf(s.File)
		command = append(command, "--file", path.Join(filesDir, name), "--await", admin.DefaultSource)
		mounts = append(mounts, docker.Mount{Source: folder, Target: filesDir, ReadOnly: true})
	}
	var publish []docker.Publish
	for _, p := range s.Ports() {
		publish = append(publish, docker.Publish{IP: s.Bind, HostPort: p, ContainerPort: p})
	}
	if s.HTTPS != 0 {
		if s.HTTP3 {
			publish = append(publish, docker.Publish{IP: s.Bind, HostPort: s.HTTPS, ContainerPort: s.HTTPS, UDP: true})
		}
		command = append(command, "--tls-listen", ":"+strconv.Itoa(int(s.HTTPS)), "--certificates", certsDir)
		for _, d := range s.Domains {
			command = append(command, "--domain", d)
		}
		command = append(command, s.TLS...)
		mounts = append(mounts, docker.Mount{Volume: CertificateVolume, Target: certsDir})
	}
	return docker.Spec{
		Name:        Proxy,
		Image:       image,
		Command:     append(command, s.Serve...),
		User:        proxyUser,
		Network:     Network,
		Mounts:      mounts,
		Publish:     publish,
		MemoryBytes: proxyBytes,
		Pids:        maxPids,
		OpenFiles:   OpenFiles,
		Health:      health("ping"),
		StopTimeout: cmp.Or(s.Stop, drainTime),
	}
}

// FolderOf is the folder that the proxy's container gets for Settings.File, and the name of the file in it, empty for all.
func FolderOf(file string) (folder, name string) {
	if ext := path.Ext(file); ext == ".yaml" || ext == ".yml" {
		return path.Dir(file), path.Base(file)
	}
	return file, ""
}

// agentSpec is the container that holds the Docker socket: no network, no listener. It is root because the socket is
// root's, but without capabilities.
func agentSpec(s Settings, image string) docker.Spec {
	command := []string{"agent", "--docker-host", "unix://" + dockerSocket, "--socket", Socket, "--exit-when-lost"}
	for _, host := range s.Names() {
		command = append(command, "--host", host)
	}
	mounts := []docker.Mount{
		{Volume: RunVolume, Target: "/run/gateway"},
		{Source: s.DockerSocket, Target: dockerSocket},
	}
	if s.ExpireDaily != "" {
		command = append(command, "--expire-daily", s.ExpireDaily, "--expire-zone", s.ExpireZone, "--expire-state", agentDir)
		mounts = append(mounts, docker.Mount{Volume: AgentVolume, Target: agentDir})
	}
	files, folders := certificateParts(s)
	command, mounts = append(command, files...), append(mounts, folders...)
	return docker.Spec{
		Name:        Agent,
		Image:       image,
		Command:     command,
		User:        agentUser,
		Network:     "none",
		Mounts:      mounts,
		MemoryBytes: agentBytes,
		Pids:        maxPids,
		Health:      health("ping", "--agent"),
		StopTimeout: time.Second,
	}
}

func health(command ...string) *docker.Health {
	return &docker.Health{
		Command:     append(append([]string{Binary}, command...), "--socket", Socket),
		Interval:    20 * time.Second,
		Timeout:     5 * time.Second,
		StartPeriod: 10 * time.Second,
		Retries:     2,
	}
}

// record is what is written on a container so that a later `up` knows how it came to be.
type record struct {
	Settings Settings `json:"settings"`
	// Image is the id, which changes with the binary.
	Image string `json:"image"`
	// Spec is all else.
	Spec docker.Spec `json:"spec"`
}

// withRecord adds the labels that mark a container as one of ours.
func withRecord(spec docker.Spec, role string, s Settings, imageID string) (docker.Spec, error) {
	text, err := json.Marshal(record{Settings: s, Image: imageID, Spec: spec})
	if err != nil {
		return docker.Spec{}, fmt.Errorf("recording settings: %w", err)
	}
	spec.Labels = map[string]string{label.Role: role, label.Record: string(text)}
	return spec, nil
}

// recorded reads what withRecord wrote; a container of an unknown or older form yields the zero record.
func recorded(labels map[string]string) record {
	var r record
	if json.Unmarshal([]byte(labels[label.Record]), &r) != nil {
		return record{}
	}
	return r
}
