package link

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"gateway/proxy/durable"
)

// Bounds of what a file may hold.
const (
	maxLinks = 50
	maxFile  = 1 << 18
)

// List is the links of a page, in the order in which they were set.
type List struct {
	Links []Link `json:"links"`
}

// ErrUnreadable says that a file holds something else than links.
var ErrUnreadable = errors.New("reading the invite links")

// Read reads the file at path. One that does not exist is an empty list. The error wraps ErrUnreadable when the file is
// there and can be opened, and holds no list.
func Read(path string) (List, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return List{}, nil
	}
	if err != nil {
		return List{}, fmt.Errorf("reading the invite links: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return List{}, fmt.Errorf("reading the invite links: %w", err)
	}
	list, err := parseList(text)
	if err != nil {
		return List{}, fmt.Errorf("%w in %s: %w; set them again: gateway slack set-link URL", ErrUnreadable, path, err)
	}
	return list, nil
}

// parseList reads what Write wrote, and nothing else.
func parseList(text []byte) (List, error) {
	if len(text) > maxFile {
		return List{}, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	var list List
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&list) != nil {
		return List{}, errors.New("it is not as gateway writes it")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return List{}, errors.New("something follows the list")
	}
	if len(list.Links) > maxLinks {
		return List{}, fmt.Errorf("it has %d links, and %d is the most", len(list.Links), maxLinks)
	}
	for i, l := range list.Links {
		known := func(other Link) bool { return other.ID == l.ID }
		if l.ID != IDOf(l.URL) || l.Max < 0 || slices.ContainsFunc(list.Links[:i], known) {
			return List{}, fmt.Errorf("link %d of it was not written by gateway, or comes twice", i+1)
		}
	}
	return list, nil
}

// Write replaces the file at path, whole.
func (l List) Write(path string) error {
	if l.Links == nil {
		l.Links = []Link{}
	}
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the invite links: %w", err)
	}
	return durable.Write(path, append(text, '\n'), 0o644)
}

// Set returns the list with the link, in the place of one with the same URL if there is one, whose date it keeps. Alone
// is whether the others go.
func (l List) Set(link Link, alone bool) (List, error) {
	link.ID = IDOf(link.URL)
	at := l.index(link.ID)
	if at >= 0 {
		link.Added = l.Links[at].Added
	}
	switch {
	case alone:
		return List{[]Link{link}}, nil
	case at >= 0:
		links := slices.Clone(l.Links)
		links[at] = link
		return List{links}, nil
	case len(l.Links) >= maxLinks:
		return l, fmt.Errorf("there are %d links, and that is the most; remove one: gateway slack rm-link ID", maxLinks)
	}
	return List{append(slices.Clone(l.Links), link)}, nil
}

// ErrNoLink says that a list has no link of that ID or URL.
var ErrNoLink = errors.New("no such link")

// Find returns the link that is called so, by its ID or its URL. The error wraps ErrNoLink.
func (l List) Find(name string) (Link, error) {
	for _, link := range l.Links {
		if link.ID == name || link.URL == name {
			return link, nil
		}
	}
	return Link{}, fmt.Errorf("%w: %q; 'gateway slack show' lists the links", ErrNoLink, name)
}

// Without returns the list without the link of that ID.
func (l List) Without(id string) List {
	return List{slices.DeleteFunc(slices.Clone(l.Links), func(link Link) bool { return link.ID == id })}
}

func (l List) index(id string) int {
	return slices.IndexFunc(l.Links, func(link Link) bool { return link.ID == id })
}

// Count is how often a link was used.
type Count struct {
	Joins int `json:"joins"`
	// Last is when it was used last, zero for never.
	Last time.Time `json:"last,omitzero"`
}
