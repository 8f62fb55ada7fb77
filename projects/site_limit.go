package projects

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gateway/projects/tree"
	"gateway/proxy/printable"
)

// Limits bound what is copied into a project.
type Limits = tree.Limits

// DefaultLimits apply unless somebody names others.
var DefaultLimits = Limits{Files: 50_000, Bytes: 1 << 30}

// mostCounted is how far a folder beyond its limits is counted, to say where most of it is.
const mostCounted = 1_000_000

// tally is how much there is, and where.
type tally struct {
	files int
	bytes int64
	// top is by the first part of the path; a folder's name ends in a slash.
	top map[string]share
	// largest are a few files by their whole path.
	largest []share
}

type share struct {
	name  string
	files int
	bytes int64
}

// add counts one file or folder.
func (t *tally) add(name string, folder bool, size int64) {
	t.files++
	t.bytes += size
	top, _, inside := strings.Cut(name, "/")
	if inside || folder {
		top += "/"
	}
	if t.top == nil {
		t.top = map[string]share{}
	}
	before := t.top[top]
	t.top[top] = share{top, before.files + 1, before.bytes + size}
	if folder || !inside {
		return
	}
	t.largest = append(t.largest, share{name, 1, size})
	if len(t.largest) > 100 {
		t.largest = most(t.largest, func(s share) int64 { return s.bytes })
	}
}

// goOn decides whether counting goes on after an error.
func (t *tally) goOn(err error) error {
	switch {
	case t.files >= mostCounted:
		return fs.SkipAll
	case errors.Is(err, fs.SkipDir):
		return err
	}
	return nil
}

func (s *Site) exceeded(t tally) bool {
	return s.limit.Files > 0 && t.files > s.limit.Files || s.limit.Bytes > 0 && t.bytes > s.limit.Bytes
}

// refuse says which limit was hit and by what.
func (t tally) refuse(l Limits) error {
	more := ""
	if t.files >= mostCounted {
		more = "more than "
	}
	if l.Files > 0 && t.files > l.Files {
		var parts []string
		for _, s := range most(slices.Collect(maps.Values(t.top)), func(s share) int64 { return int64(s.files) }) {
			parts = append(parts, fmt.Sprintf("%s (%s)", printable.Line(s.name), thousands(s.files)))
		}
		return fmt.Errorf("it has %s%s files and folders, and %s is the most ($GATEWAY_MAX_FILES, or --max-files of deploy); most are in %s; name the folder with the finished site alone",
			more, thousands(t.files), thousands(l.Files), strings.Join(parts, ", "))
	}
	var parts []string
	all := append(slices.Collect(maps.Values(t.top)), t.largest...)
	for _, s := range most(all, func(s share) int64 { return s.bytes }) {
		if s.bytes == 0 {
			break
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", printable.Line(s.name), Size(s.bytes)))
	}
	return fmt.Errorf("it has %s%s, and %s is the most ($GATEWAY_MAX_SIZE, or --max-size of deploy); the largest are %s; keep large files elsewhere and link to them",
		more, Size(t.bytes), Size(l.Bytes), strings.Join(parts, ", "))
}

// most returns the three largest.
func most(all []share, size func(share) int64) []share {
	slices.SortFunc(all, func(a, b share) int {
		return cmp.Or(cmp.Compare(size(b), size(a)), strings.Compare(a.name, b.name))
	})
	return all[:min(3, len(all))]
}

// thousands writes a number for people, such as 50,000.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
