package release

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"gateway/projects/plan"
	"gateway/projects/tree"
)

// Change is what becomes of a project's releases, decided one after the other by its methods. They change nothing on disk
// but scratch.
type Change struct {
	// Steps make the change, Cleanup removes what it leaves over.
	Steps   []plan.Step
	Cleanup []plan.Action

	history History
	// releases are as they will be, the newest first, and current is the number of the current one.
	releases []Release
	current  int
	next     int
	trash    string
}

// Change begins a change.
func (h History) Change() (*Change, error) {
	all, err := h.List()
	if err != nil {
		return nil, err
	}
	numbers, err := h.numbers()
	if err != nil {
		return nil, err
	}
	c := &Change{history: h, releases: all, current: h.Current(), next: 1}
	if len(numbers) > 0 {
		c.next = numbers[0] + 1
	}
	return c, nil
}

// Current is the release that is current when all is done so far; its number is 0 when there is none.
func (c *Change) Current() Release {
	for _, r := range c.releases {
		if r.Number == c.current {
			return r
		}
	}
	return Release{}
}

// Adopt makes a release of a folder that is in the link's place: of what a project had before there were releases, or of
// what people put there. It stays the folder that it is, so that containers that have it mounted go on with it. There need
// not be one. What it makes in scratch is removed by Discard of the folder that it returns.
func (c *Change) Adopt() (stage string, err error) {
	h := c.history
	if !isFolder(h.Path()) {
		return "", nil
	}
	r, err := describe(h.Path())
	if err != nil {
		return "", fmt.Errorf("making a version of the files there are: %w", err)
	}
	r.Replaced = c.current
	if stage, err = h.Stage(); err != nil {
		return "", err
	}
	if err := c.place(stage, &r); err != nil {
		return stage, err
	}
	link := plan.LinkTo(h.current(), pointer(c.current), pointer(r.Number))
	if c.current == 0 {
		// A link that leads nowhere is not followed by who serves the files; later the link to it would.
		c.Steps = append(c.Steps, link)
	}
	c.Steps = append(c.Steps, move(h.Path(), h.FilesOf(r.Number)), plan.LinkTo(h.Path(), "", h.Link()))
	if c.current != 0 {
		c.Steps = append(c.Steps, link)
	}
	c.current = r.Number
	return stage, nil
}

// pointer is what the link to a release says.
func pointer(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// Place makes a release of a stage, which is not current yet. The stage has its files by the time when the step is carried
// out.
func (c *Change) Place(stage string, r Release) (Release, error) {
	r.Replaced, r.Since = c.current, time.Now().UTC()
	err := c.place(stage, &r)
	return r, err
}

func (c *Change) place(stage string, r *Release) error {
	r.Number = c.next
	c.next++
	text, err := r.info()
	if err != nil {
		return err
	}
	to := c.history.FolderOf(r.Number)
	c.Steps = append(c.Steps, plan.Step{
		Do: func(context.Context) error {
			if err := writeInfo(stage, text); err != nil {
				return err
			}
			if err := tree.Flush(stage); err != nil {
				return fmt.Errorf("writing the files to the disk: %w", err)
			}
			return os.Rename(stage, to)
		},
		Undo: []plan.Action{{Kind: plan.Rename, From: to, Path: stage}},
	})
	c.releases = append([]Release{*r}, c.releases...)
	return nil
}

func writeInfo(dir string, text []byte) error {
	return plan.Do(plan.Action{Kind: plan.Write, Path: filepath.Join(dir, infoFile), Text: text, Mode: 0o644})(context.Background())
}

// Move is how what is mounted comes over from the current release to the next; paths are slash-separated and relative to
// the files.
type Move struct {
	// Carried are the paths that containers write to.
	Carried []string
	// Same are the paths that are equal in both and mounted: the next release gets those of the current one, so that
	// containers that go on see what is current. What is in another path of them is left to that.
	Same []string
}

// Activate makes a release current. To the files of one that is placed in this change they are still in stage, which is
// empty for others.
func (c *Change) Activate(to Release, stage string, m Move) {
	h := c.history
	files := h.FilesOf(to.Number)
	has := files
	if stage != "" {
		has = filepath.Join(stage, h.Content)
	}
	for _, path := range m.Carried {
		if there(filepath.Join(h.Path(), path)) && there(filepath.Join(has, path)) {
			// What it has there itself was never written to: that is where the current files are.
			c.Steps = append(c.Steps, move(filepath.Join(files, path), c.trashed()))
		}
	}
	for _, path := range outermost(m.Same) {
		c.Steps = append(c.Steps, exchange(filepath.Join(h.FilesOf(c.current), path), filepath.Join(files, path)))
	}
	for _, path := range outermost(m.Carried) {
		if there(filepath.Join(h.Path(), path)) {
			c.Steps = append(c.Steps, move(filepath.Join(h.FilesOf(c.current), path), filepath.Join(files, path)))
		}
	}
	c.Steps = append(c.Steps, plan.LinkTo(h.current(), pointer(c.current), pointer(to.Number)))
	c.current = to.Number
}

// Return is Activate for a release that was current before, which is noted in it.
func (c *Change) Return(to Release, m Move) error {
	h := c.history
	before, err := h.read(to.Number).info()
	if err != nil {
		return err
	}
	to.Replaced, to.Since = c.current, time.Now().UTC()
	text, err := to.info()
	if err != nil {
		return err
	}
	c.Steps = append(c.Steps, plan.WriteFile(filepath.Join(h.FolderOf(to.Number), infoFile), before, text))
	c.Activate(to, "", m)
	for i, r := range c.releases {
		if r.Number == to.Number {
			c.releases[i] = to
		}
	}
	return nil
}

// Prune removes all but the releases that were current last, keep of them, and returns the numbers of those that go. The
// current one stays, and the one before it when two are kept.
func (c *Change) Prune(keep int) []int {
	all := slices.Clone(c.releases)
	first := []int{c.current, c.Current().Replaced}
	rank := func(r Release) int {
		if at := slices.Index(first, r.Number); at >= 0 {
			return at
		}
		return len(first)
	}
	slices.SortStableFunc(all, func(a, b Release) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), b.Since.Compare(a.Since))
	})
	var gone []int
	for _, r := range all[min(keep, len(all)):] {
		old := filepath.Join(c.history.root(), oldPrefix+strconv.Itoa(r.Number))
		c.Cleanup = append(c.Cleanup,
			plan.Action{Kind: plan.Rename, From: c.history.FolderOf(r.Number), Path: old},
			plan.Action{Kind: plan.Remove, Path: old})
		gone = append(gone, r.Number)
	}
	return gone
}

// trashed is a new path for what a change replaces; it is removed when the change is final.
func (c *Change) trashed() string {
	if c.trash == "" {
		c.trash = filepath.Join(c.history.root(), oldPrefix+"0")
		c.Cleanup = append(c.Cleanup, plan.Action{Kind: plan.Remove, Path: c.trash})
	}
	return filepath.Join(c.trash, strconv.Itoa(len(c.Steps)))
}

// move is the step that moves what is at a path to another, which is not there or an empty folder.
func move(from, to string) plan.Step {
	return plan.Step{
		Do: func(ctx context.Context) error {
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			return plan.Do(plan.Action{Kind: plan.Move, From: from, Path: to})(ctx)
		},
		Undo: []plan.Action{{Kind: plan.Move, From: to, Path: from}},
	}
}

// exchange is the step in which two paths of equal content change places.
func exchange(a, b string) plan.Step {
	swap := plan.Action{Kind: plan.Exchange, From: a, Path: b}
	return plan.Step{Do: plan.Do(swap), Undo: []plan.Action{swap}}
}

// outermost are the paths that are not in another of them, sorted.
func outermost(paths []string) []string {
	all := slices.Clone(paths)
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(slices.Clone(all), func(one string) bool {
		return slices.ContainsFunc(all, func(other string) bool { return other != one && Within(other, one) })
	})
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
