package projects

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/projects/plan"
	"gateway/templates"
)

// crashCase is a change that can be killed, or fail, at any point.
type crashCase struct {
	name string
	// bench is made with what is there before the change.
	bench func(t *testing.T) *bench
	verb  func(t *testing.T) Verb
	// again says that a change that was killed is finished by making it again: what it took does not come back.
	again bool
	// edited says that people edited the folder, and that no copy of the files before is kept.
	edited bool
}

// crashCases are all verbs.
func crashCases() []crashCase {
	imports := func(t *testing.T) Verb {
		r := request(t, "shop", "/shop")
		r.Template, r.Source = imported(t), shop(t, "one")
		r.Source.Choice.Port, r.Parameters = 0, map[string]string{"from": "x", "port": "0"}
		return r
	}
	return []crashCase{
		{name: "add portfolio", bench: newBench, verb: func(t *testing.T) Verb { return request(t, "robots", "/robots") }},
		{
			name: "add compose, whose port the image says",
			bench: func(t *testing.T) *bench {
				b := newBench(t)
				b.compose.ports = []int{8080}
				return b
			},
			verb: imports,
		},
		{name: "stop", bench: added, verb: func(*testing.T) Verb { return Stop{"robots"} }, again: true},
		{name: "start", bench: resting, verb: func(*testing.T) Verb { return Start{"robots"} }, again: true},
		{name: "restart", bench: added, verb: func(*testing.T) Verb { return Restart{"robots"} }, again: true},
		{
			name: "set", bench: func(t *testing.T) *bench {
				return made(t, "wordpress", map[string]string{"db-password": "correct horse"})
			},
			verb: func(*testing.T) Verb {
				return Set{Name: "blog", Template: templates.Find, Values: map[string]string{"memory": "1G", "upload-limit": "128M"}}
			},
		},
		{name: "update", bench: imaged, verb: func(*testing.T) Verb { return Update{"robots"} }},
		{name: "deploy beside", bench: rolling(added), verb: func(*testing.T) Verb { return Deploy{Name: "robots"} }},
		{
			name: "deploy beside of files that were never deployed before", bench: func(t *testing.T) *bench {
				b := rolling(added)(t)
				if err := os.RemoveAll(filepath.Join(b.Store.Dir("robots"), deployedFolder)); err != nil {
					t.Fatal(err)
				}
				return b
			},
			verb: func(*testing.T) Verb { return Deploy{Name: "robots"} }, edited: true,
		},
		{name: "deploy of an edited file that cannot run twice", bench: editedAlone, verb: func(*testing.T) Verb { return Deploy{Name: "robots"} }},
		{name: "update beside", bench: rolling(imaged), verb: func(*testing.T) Verb { return Update{"robots"} }},
		{name: "move beside", bench: rolling(added), verb: func(t *testing.T) Verb { return Move{Name: "robots", To: prefix(t, "/chess"), Template: known} }},
		{
			name: "update of what cannot run twice", bench: func(t *testing.T) *bench {
				b := rolling(imaged)(t)
				b.compose.alone = "service site writes to volume data"
				return b
			},
			verb: func(*testing.T) Verb { return Update{"robots"} },
		},
		{name: "rm", bench: added, verb: func(*testing.T) Verb { return Remove{"robots"} }, again: true},
		{
			name: "rm of a linked folder",
			bench: func(t *testing.T) *bench {
				b, _ := linked(t)
				return b
			},
			verb: func(*testing.T) Verb { return Remove{"robots"} }, again: true,
		},
		{name: "rm with a redirect", bench: added, verb: func(t *testing.T) Verb { return redirectTo(t, "/chess") }},
		{name: "rm with a redirect of what is stopped", bench: resting, verb: func(t *testing.T) Verb { return redirectTo(t, "/chess") }},
		{
			name: "rm with a redirect of a linked folder",
			bench: func(t *testing.T) *bench {
				b, _ := linked(t)
				return b
			},
			verb: func(t *testing.T) Verb { return redirectTo(t, "https://example.org/robots") },
		},
		{
			name: "rm with a redirect of what has no folder",
			bench: func(t *testing.T) *bench {
				b := added(t)
				if err := os.RemoveAll(b.Store.Dir("robots")); err != nil {
					t.Fatal(err)
				}
				return b
			},
			verb: func(t *testing.T) Verb { return redirectTo(t, "/chess") },
		},
		{name: "move", bench: added, verb: func(t *testing.T) Verb { return Move{Name: "robots", To: prefix(t, "/chess"), Template: known} }},
		{name: "notice", bench: added, verb: func(t *testing.T) Verb { return Notice{Name: "robots", On: day(t, "2027-07-01")} }},
		{name: "suspend", bench: notified, verb: func(t *testing.T) Verb { return Suspend{Name: "robots", On: day(t, "2027-07-15")} }},
		{name: "suspend before the last day", bench: added, verb: func(t *testing.T) Verb { return Suspend{Name: "robots", On: day(t, "2027-01-15")} }},
		{name: "suspend of a source", bench: withShop, verb: func(t *testing.T) Verb { return Suspend{Name: "shop", On: day(t, "2028-01-15")} }},
		{name: "suspend of what is stopped", bench: resting, verb: func(t *testing.T) Verb { return Suspend{Name: "robots", On: day(t, "2028-01-15")} }},
		{
			name: "renew of what is suspended", bench: suspended,
			verb: func(t *testing.T) Verb {
				return Renew{Name: "robots", Until: day(t, "2030-01-02"), On: day(t, "2027-08-01")}
			},
		},
		{name: "archive", bench: suspendedWithData, verb: func(t *testing.T) Verb {
			return Archive{Backup: Backup{Name: "robots", Dir: t.TempDir()}, On: day(t, "2027-08-14")}
		}},
		{name: "delete of what is archived for somebody", bench: encryptedAway, verb: func(*testing.T) Verb { return Discard{Name: "robots"} }, again: true},
		{name: "delete", bench: archivedAway, verb: func(*testing.T) Verb { return Discard{Name: "robots"} }, again: true},
		{name: "renew", bench: added, verb: func(t *testing.T) Verb { return Renew{Name: "robots", Until: day(t, "2030-01-02")} }},
		{name: "renew of a source", bench: withShop, verb: func(t *testing.T) Verb { return Renew{Name: "shop", Until: day(t, "2030-01-02")} }},
		{name: "deploy that begins the term again", bench: rolling(withTerm), verb: func(t *testing.T) Verb {
			return Deploy{Name: "robots", Dir: page(t, "new").Dir, Today: day(t, "2027-06-01")}
		}},
		{name: "deploy of a source that begins the term again", bench: shopWithTerm, verb: func(t *testing.T) Verb {
			return Deploy{Name: "shop", Dir: shop(t, "two").Folder.Dir, Today: day(t, "2027-06-01")}
		}},
		{name: "deploy with an idle time", bench: added, verb: func(*testing.T) Verb { return Deploy{Name: "robots", Idle: new(time.Hour)} }},
		{
			name: "move of what is stopped", bench: resting,
			verb: func(t *testing.T) Verb { return Move{Name: "robots", To: prefix(t, "/chess"), Template: known} },
		},
		{
			name: "move of an imported project",
			bench: func(t *testing.T) *bench {
				b := newBench(t)
				b.imported(t)
				return b
			},
			verb: func(t *testing.T) Verb { return Move{Name: "shop", To: prefix(t, "/store"), Template: known} },
		},
		{name: "deploy of the first files", bench: added, verb: func(t *testing.T) Verb { return Deploy{Name: "robots", Dir: page(t, "new").Dir} }},
		{
			name:  "deploy of files that end a version",
			bench: func(t *testing.T) *bench { return deployed(t, "two", "three") },
			verb:  func(t *testing.T) Verb { return Deploy{Name: "robots", Dir: page(t, "new").Dir, Keep: 2} },
		},
		{
			name: "deploy of files for containers that see no versions",
			bench: func(t *testing.T) *bench {
				b := added(t)
				withoutVersions(t, b)
				return b
			},
			verb: func(t *testing.T) Verb { return Deploy{Name: "robots", Dir: page(t, "new").Dir} },
		},
		{
			name:  "rollback",
			bench: func(t *testing.T) *bench { return deployed(t, "two", "three") },
			verb:  func(*testing.T) Verb { return Rollback{Name: "robots", Number: 1} },
		},
		{name: "deploy of a source", bench: withShop, verb: func(t *testing.T) Verb { return Deploy{Name: "shop", Dir: shop(t, "two").Folder.Dir} }},
		{
			name: "rollback of a source",
			bench: func(t *testing.T) *bench {
				b := withShop(t)
				if _, err := b.renew(t.Context(), shop(t, "two")); err != nil {
					t.Fatal(err)
				}
				return b
			},
			verb: func(*testing.T) Verb { return Rollback{Name: "shop"} },
		},
		{name: "backup", bench: keeping, verb: func(t *testing.T) Verb { return Backup{Name: "robots", Dir: t.TempDir()} }},
		{
			name: "backup of what is stopped meanwhile", bench: keeping,
			verb: func(t *testing.T) Verb { return Backup{Name: "robots", Dir: t.TempDir(), Stop: true} },
		},
		{name: "backup of what is asleep", bench: dozing, verb: func(t *testing.T) Verb { return Backup{Name: "robots", Dir: t.TempDir()} }},
		{name: "restore", bench: newBench, verb: func(t *testing.T) Verb { return restoreOf(archiveFile(t), "robots") }},
	}
}

// archiveFile is an archive of project robots.
func archiveFile(t *testing.T) string {
	t.Helper()
	_, file := archived(t)
	return file
}

// rolling is a bench whose project robots gets a new container beside the one that it has.
func rolling(before func(t *testing.T) *bench) func(t *testing.T) *bench {
	return func(t *testing.T) *bench {
		b := before(t)
		b.compose.beside = []string{"site"}
		return b
	}
}

// resting is a bench whose project robots is stopped.
func resting(t *testing.T) *bench {
	b := added(t)
	b.engine.Stop("robots-site-1")
	return b
}

func imported(t *testing.T) templates.Template {
	t.Helper()
	scaffold, err := templates.Find(ImportTemplate)
	if err != nil {
		t.Fatal(err)
	}
	return scaffold
}

// world is all that a change may change: the files of the projects, links as links, and what runs.
func (b *bench) world(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, root := range append([]string{b.Store.Root()}, b.beside...) {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // No project yet.
			}
			if err != nil || entry.IsDir() {
				return err
			}
			if to, err := os.Readlink(path); err == nil {
				all[path] = "-> " + to
				return nil
			}
			text, err := os.ReadFile(path)
			all[path] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	containers, err := b.client.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers {
		all["container "+c.Name] = c.State
	}
	networks, err := b.client.Networks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks {
		all["network "+n.Name] = "exists"
	}
	for _, key := range b.gateway.queued {
		all["queue "+key] = "waits"
	}
	return all
}

// points runs a change to its end and returns all the points at which it could die.
func (c crashCase) points(t *testing.T) (points []string, before, after map[string]string) {
	t.Helper()
	b := c.bench(t)
	before = b.world(t)
	ctx := plan.WithHook(t.Context(), func(point string) error { points = append(points, point); return nil })
	if _, err := b.Do(ctx, c.verb(t)); err != nil {
		t.Fatal(err)
	}
	if len(points) < 3 {
		t.Fatalf("only the points %q", points)
	}
	return points, b.plain(before), b.plain(b.world(t))
}

// plain is a world without the names of this test's folders.
func (b *bench) plain(world map[string]string) map[string]string {
	all := map[string]string{}
	for path, text := range world {
		for i, root := range append([]string{b.Store.Root()}, b.beside...) {
			mark := fmt.Sprintf("ROOT%d", i)
			text = momentary.ReplaceAllString(text, "")
			path, text = strings.ReplaceAll(path, root, mark), strings.ReplaceAll(text, root, mark)
		}
		all[path] = text
	}
	return inPlace(all)
}

// inPlace shows what is current at its place in the project's folder, be that a link to the files or not.
func inPlace(world map[string]string) map[string]string {
	all := maps.Clone(world)
	for path, to := range world {
		project, current := strings.CutSuffix(path, "/versions/current")
		if !current {
			continue
		}
		folder := project + "/versions/" + strings.TrimPrefix(to, "-> ")
		for _, content := range []string{"site", "source"} {
			if all[project+"/"+content] != "-> versions/current/"+content {
				continue
			}
			for name, text := range world {
				if inside, is := strings.CutPrefix(name, folder+"/"+content+"/"); is {
					delete(all, name)
					all[project+"/"+content+"/"+inside] = text
				}
			}
			delete(all, project+"/"+content)
			delete(all, path)
			delete(all, folder+"/version.json")
		}
	}
	return all
}

// momentary is what is another in each run of what is known of a version.
var momentary = regexp.MustCompile(`"(made|since|from)": "[^"]*"|(?:archive: "?/|sha256: )[^\n]*`)

// endingAt makes a change end with an error at one of its points, counted from 0.
func endingAt(t *testing.T, at int, with error) context.Context {
	now := -1
	return plan.WithHook(t.Context(), func(string) error {
		if now++; now == at {
			return with
		}
		return nil
	})
}

func TestDo_SurvivesAKillAtEveryPoint(t *testing.T) {
	for _, c := range crashCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			points, before, after := c.points(t)
			for at, point := range points {
				b := c.bench(t)
				if _, err := b.Do(endingAt(t, at, plan.ErrCrash), c.verb(t)); !errors.Is(err, plan.ErrCrash) {
					t.Fatalf("%s: %v", point, err)
				}
				if c.again {
					if _, err := b.Do(t.Context(), c.verb(t)); err != nil {
						t.Errorf("%s: again: %v", point, err)
					}
				} else if _, err := b.repair(t.Context(), c.verb(t).Project()); err != nil {
					t.Errorf("%s: %v", point, err)
				}
				want := [](map[string]string){before, after}
				if c.again {
					want = want[1:]
				}
				got := b.plain(b.world(t))
				if !slices.ContainsFunc(want, func(w map[string]string) bool { return maps.Equal(w, got) }) {
					t.Errorf("%s: left as %s", point, differs(got, before, after))
				}
			}
		})
	}
}

func TestDo_ChangesNothingWhenAnyPointFails(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range crashCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			points, before, after := c.points(t)
			for at, point := range points {
				if strings.Contains(point, "final") || strings.Contains(point, "cleanup") || strings.Contains(point, "retired") {
					continue // It was made.
				}
				b := c.bench(t)
				_, err := b.Do(endingAt(t, at, broken), c.verb(t))
				failure, ok := errors.AsType[*Failure](err)
				if !ok || !errors.Is(err, broken) || failure.Undone == "" && !c.again && !c.edited {
					t.Errorf("%s: %#v", point, err)
				}
				got := b.plain(b.world(t))
				if c.again {
					maps.DeleteFunc(got, isContainer)
					maps.DeleteFunc(before, isContainer)
				}
				if !maps.Equal(got, before) {
					t.Errorf("%s: left as %s", point, differs(got, before, after))
				}
			}
		})
	}
}

func TestDo_DryRunChangesNothing(t *testing.T) {
	for _, c := range crashCases() {
		b := c.bench(t)
		before := b.world(t)
		change, err := b.DryRun(context.WithoutCancel(t.Context()), c.verb(t))
		if err != nil || len(change.Texts()) == 0 {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := b.world(t); !maps.Equal(got, before) {
			t.Errorf("%s: left as %s", c.name, differs(got, before, nil))
		}
	}
}

func isContainer(name, _ string) bool {
	return strings.HasPrefix(name, "container ") || strings.HasPrefix(name, "network ")
}

// differs says what is neither as before nor as after.
func differs(got, before, after map[string]string) string {
	var all []string
	for name, text := range got {
		if text != before[name] && text != after[name] {
			all = append(all, fmt.Sprintf("%s is %q, was %q, becomes %q", name, text, before[name], after[name]))
		}
	}
	for name := range before {
		if _, is := got[name]; !is {
			all = append(all, name+" is gone")
		}
	}
	for name := range after {
		if _, is := got[name]; !is {
			all = append(all, name+" is not there")
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}
