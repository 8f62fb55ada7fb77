package project

import (
	"time"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/release"
)

// versionView is a version of a project's files as `show --json` prints it.
type versionView struct {
	release.Release
	Current bool `json:"current"`
}

// versionsOf lists those of a project, the newest first. That they cannot be read is a fault to show, not an error.
func versionsOf(p projects.Project) ([]versionView, error) {
	if _, err := projects.ParseName(string(p.Name)); err != nil {
		return nil, nil
	}
	all, err := p.Releases()
	var views []versionView
	for _, v := range all {
		views = append(views, versionView{v, v.Current})
	}
	return views, err
}

// printVersions writes the rows of versions, and what they take together.
func printVersions(w *cli.Table, versions []versionView) {
	var bytes int64
	for _, v := range versions {
		state, from := "kept", v.From
		if v.Current {
			state = "current"
		}
		if from == "" {
			from = "made in the project's folder"
		}
		if v.By != "" {
			from += ", by " + v.By
		}
		bytes += v.Bytes
		w.Row("version\t%d\t%s\t%s, %s, %s, %s", v.Number, state, v.Made.Local().Format(time.DateTime), projects.Files(v.Files), projects.Size(v.Bytes), from)
	}
	if len(versions) > 0 {
		w.Row("versions\t%d\t%s", len(versions), projects.Size(bytes))
	}
}
