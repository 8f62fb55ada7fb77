package project

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"gateway/cmd/cli"
	"gateway/projects"
	"gateway/projects/importer"
)

// importFolder finds in the imported folder what a new project is made of.
func (o addOptions) importFolder(ctx context.Context, s *cli.Session, r *projects.Add) error {
	port, err := strconv.Atoi(o.parameters["port"])
	if err != nil && o.parameters["port"] != "" {
		return cli.Usage(err)
	}
	limits, err := siteLimits(s.Env, "", 0)
	if err != nil {
		return err
	}
	life, err := life(s)
	if err != nil {
		return err
	}
	find := projects.Find{
		Dir: o.parameters["from"], Name: r.Name, Limits: limits,
		Given: importer.Choice{Service: o.parameters["service"], Port: port},
	}
	r.Source, err = life.FindSource(ctx, find)
	if errors.Is(err, projects.ErrCall) {
		return cli.Usage(err)
	}
	if err != nil {
		return err
	}
	if skipped := r.Source.Folder.Skipped; len(skipped) > 0 {
		s.Env.Notef("leaving out %s\n", strings.Join(skipped, ", "))
	}
	r.Parameters["port"] = strconv.Itoa(r.Source.Choice.Port)
	return nil
}

// tell says what people should know, one line each.
func tell(env *cli.Env, notes []string) {
	for _, note := range notes {
		env.Notef("%s\n", note)
	}
}
