// Package source is where routes come from. It knows what a source publishes, and merges the listings of several sources
// into one table, in one place; it knows no source itself. The policy worth stating: stale beats partial. A listing is
// whole, and it stays until its source publishes another one.
package source

import (
	"context"
	"time"

	"gateway/proxy/route"
)

// Source is one place that routes come from, such as a Docker engine or a folder of files.
type Source interface {
	// Run publishes what the source lists, at first and after changes, until ctx ends, and returns nil then. A source that
	// cannot list reports why, and publishes nothing. Last is what it published before a restart, empty when that is not
	// known: a source that can read only some parts may go on with the other parts of it. Run is called once.
	Run(ctx context.Context, last Listing, to Receiver) error
}

// Receiver takes what a source says. A source calls one function at a time; neither blocks. Both are set.
type Receiver struct {
	// Publish takes a listing in the place of the one before. It may be the same again.
	Publish func(Listing)
	// Report is called after every attempt to list, after Publish if that succeeded.
	Report func(Status)
}

// Listing is all that a source knows of at one moment. Nobody changes it once it is published.
type Listing struct {
	// Routes may name one key several times: targets of one service become one route, and of several services the one with
	// the older claim keeps the key. A route without a time of its claim has it from when its source first listed it.
	Routes   []route.Route
	Problems []route.Problem
}

// Status says whether a source can list.
type Status struct {
	// Connected reports whether the newest listing succeeded; Err says why not.
	Connected bool
	Err       error
	// Version names for people what the source lists, such as "Docker 28.1 (API 1.49)"; empty as long as it is not known.
	Version string
	// Listed is when everything was last listed with success, zero before.
	Listed time.Time
}
