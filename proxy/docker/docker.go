// Package docker speaks the Engine API and is the only package that knows the Docker SDK. What it exports are plain
// structs with the facts the rest of gateway decides by. It decides nothing itself, except that every container it
// creates is hardened the same way. The API version is negotiated on every connection, never pinned.
package docker

import (
	"net/netip"
	"time"
)

// Engine says what a Docker engine is.
type Engine struct {
	// Version is the engine's own, such as "20.10.24"; APIVersion is the one negotiated with it.
	Version    string `json:"version"`
	APIVersion string `json:"api_version"`
	// OS and Arch are Go's names for what containers run on, such as "linux" and "amd64".
	OS   string `json:"os"`
	Arch string `json:"arch"`
	// Name is the host name of the machine the engine runs on.
	Name string `json:"name"`
}

// Container is one container, running or not.
type Container struct {
	// ID is the full id; Name has no leading slash.
	ID, Name string
	// Image is the reference the container was created from, ImageID what it resolved to then.
	Image, ImageID string
	Labels         map[string]string
	// State is the engine's: created, running, paused, restarting, removing, exited or dead.
	State string
	// Health is "", "starting", "healthy" or "unhealthy"; empty without a HEALTHCHECK.
	Health string
	// Status is the state in the engine's words, such as "Exited (1) 3 minutes ago".
	Status string
	// Created has a resolution of one second.
	Created time.Time
	// Networks are sorted by name.
	Networks []Attachment
	// Ports are the TCP ports the container exposes, sorted; the engine tells them only while it runs.
	Ports []uint16
	// Published are the ports published on the host.
	Published []Publish
	// ExitCode is that of the last run, Restarts how often the engine restarted the container since it was last started by
	// hand, and OOMKilled reports that the last run ended for lack of memory. Only an inspection tells them.
	ExitCode, Restarts int
	OOMKilled          bool
	// Restart is the restart policy: no, on-failure, always or unless-stopped. Only an inspection tells it.
	Restart string
	Run     Run
}

// Run is the last or current run of a container. Only an inspection tells it.
type Run struct {
	// PID is the first process as the engine's machine counts them, 0 while the container does not run.
	PID int
	// Ended is when the last run ended, zero for none.
	Ended time.Time
	// Length is how long the run was, zero while the container runs.
	Length time.Duration
	// Fault is why the engine could not start the container, in its words.
	Fault string
	// Check is what the last health check wrote.
	Check string
}

// Attachment is a container's place on a network.
type Attachment struct {
	// NetworkID may be empty on a container that never ran; Network is the name.
	Network, NetworkID string
	// Address is invalid while the container does not run.
	Address netip.Addr
}

// Network is one network of the engine.
type Network struct {
	ID, Name, Driver string
	Internal         bool
	Labels           map[string]string
	Created          time.Time
	// Subnets are the valid ones among those the engine names.
	Subnets []netip.Prefix
}

// NetworkSpec describes a bridge network to create.
type NetworkSpec struct {
	Name     string
	Internal bool
	Labels   map[string]string
	// Subnet is used when valid; otherwise the engine takes one from its own pools.
	Subnet netip.Prefix
}

// Event is one event of the engine that may change a table.
type Event struct {
	// Type is "container" or "network"; Action the engine's word, such as "start", "kill" or "health_status".
	// What follows a colon in the engine's action is cut off.
	Type, Action string
	// ID is that of the container or network.
	ID string
	// Attributes are the engine's, such as "signal" of a kill and "container" of a network connect.
	Attributes map[string]string
	Time       time.Time
}

// Publish is a port published on the host.
type Publish struct {
	// IP is the host address; invalid means all.
	IP                      netip.Addr
	HostPort, ContainerPort uint16
	// UDP says that it is one of UDP, and not of TCP.
	UDP bool
}

func (p Publish) protocol() string {
	if p.UDP {
		return "udp"
	}
	return "tcp"
}

// File is a file that is written into a container, and that only its owner may read.
type File struct {
	// Folder is an absolute path that exists. Name is relative to it: a name, or a folder and a name. The folder is made
	// when it is missing.
	Folder, Name string
	Content      []byte
	// Owner is the user and the group of the file, and of the folder in Name.
	Owner int
}

// Mount gives a container a named volume or a file or folder of the host.
type Mount struct {
	// Volume is the name of a volume; when empty, Source is an absolute path on the engine's host.
	Volume, Source string
	// Target is the absolute path inside the container.
	Target   string
	ReadOnly bool
}

// Health is a container's HEALTHCHECK.
type Health struct {
	// Command is run as it is, without a shell.
	Command                        []string
	Interval, Timeout, StartPeriod time.Duration
	Retries                        int
}

// Spec describes a container to run. Every container that is run from one has a read-only root, no capabilities,
// no-new-privileges, and restarts always: also when the engine died and stopped it on its return.
type Spec struct {
	Name, Image string
	Command     []string
	// User is "uid" or "uid:gid".
	User   string
	Labels map[string]string
	// Network is the name of the network it starts on, "none", or "container:ID" for the network of a running container. Where the engine knows gw-priority (API 1.48), that
	// network gets the highest.
	Network string
	Mounts  []Mount
	Publish []Publish
	// MemoryBytes and Pids limit the container; 0 is no limit.
	MemoryBytes, Pids int64
	// OpenFiles is how many files each process may have open, 0 as many as the engine says.
	OpenFiles int64
	Health    *Health
	// StopTimeout is how long the engine waits between SIGTERM and SIGKILL.
	StopTimeout time.Duration
	// Files are written into its volumes before it starts. They are no part of what is recorded of a container: they may be
	// secrets.
	Files []File `json:"-"`

	once bool
}
