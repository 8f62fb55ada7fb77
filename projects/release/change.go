package release

import (
	"cmp"
	"context"
	"errors"
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
	stages   int
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

// Stage names a hidden folder for a release that is not one yet. It does not exist: Make makes it.
func (c *Change) Stage() string {
	c.stages++
	return c.stage(c.stages)
}

func (c *Change) stage(n int) string {
	return filepath.Join(c.history.root(), stagePrefix+strconv.Itoa(n))
}

// Adopt makes a release of a folder that is in the link's place: of what a project had before there were releases, or of
// what people put there. It stays the folder that it is, so that containers that have it mounted go on with it. It reports
// whether there is one. It is not undone: the content is the same, and who serves it may have followed the link.
func (c *Change) Adopt() (bool, error) {
	h := c.history
	if !isFolder(h.Path()) {
		return false, nil
	}
	r, err := describe(h.Path())
	if err != nil {
		return false, fmt.Errorf("making a version of the files there are: %w", err)
	}
	r.Replaced, r.Number = c.current, c.next
	c.next++
	text, err := r.info()
	if err != nil {
		return false, err
	}
	stage := c.Stage()
	c.Steps = append(c.Steps, plan.Step{Do: func(ctx context.Context) error {
		if err := h.adopt(ctx, stage, text, r); err != nil {
			return fmt.Errorf("making a version of the files there are: %w", errors.Join(err, h.Repair()))
		}
		return nil
	}})
	c.releases = append([]Release{r}, c.releases...)
	c.current = r.Number
	return true, nil
}

// adopt is what Repair completes, or takes back, from wherever a crash ends it.
func (h History) adopt(ctx context.Context, stage string, text []byte, r Release) error {
	if err := h.settle(stage, text, r.Number); err != nil {
		return err
	}
	point := plan.Do(plan.Action{Kind: plan.Link, Path: h.current(), From: pointer(r.Number)})
	if r.Replaced == 0 {
		// A link that leads nowhere is not followed by who serves the files; later the link to it would.
		if err := point(ctx); err != nil {
			return err
		}
	}
	for _, a := range []plan.Action{
		{Kind: plan.Move, From: h.Path(), Path: h.FilesOf(r.Number)},
		{Kind: plan.Link, Path: h.Path(), From: h.Link()},
	} {
		if err := plan.Do(a)(ctx); err != nil {
			return err
		}
	}
	return point(ctx)
}

// settle makes a stage the folder of a release, with what is known of it.
func (h History) settle(stage string, text []byte, n int) error {
	err := h.Make(stage)
	if err == nil {
		err = writeInfo(stage, text)
	}
	if err != nil {
		return err
	}
	if err := tree.Flush(stage); err != nil {
		return fmt.Errorf("writing the files to the disk: %w", err)
	}
	return os.Rename(stage, h.FolderOf(n))
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
	r.Replaced, r.Since, r.Number = c.current, time.Now().UTC(), c.next
	c.next++
	text, err := r.info()
	if err != nil {
		return r, err
	}
	c.Steps = append(c.Steps, plan.Step{
		Do:   func(context.Context) error { return c.history.settle(stage, text, r.Number) },
		Undo: []plan.Action{{Kind: plan.Rename, From: c.history.FolderOf(r.Number), Path: stage}},
	})
	c.releases = append([]Release{r}, c.releases...)
	return r, nil
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
	link := plan.LinkTo(h.current(), pointer(c.current), pointer(to.Number))
	link.Text = fmt.Sprintf("make version %d current", to.Number)
	c.Steps = append(c.Steps, link)
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
