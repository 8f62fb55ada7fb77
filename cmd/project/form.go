package project

import (
	"context"

	"gateway/cmd/cli"
	"gateway/templates"
	"gateway/tui"
)

// ask shows a form for what is missing, which checks each answer as it is typed.
func (o *addOptions) ask(ctx context.Context, env *cli.Env, t templates.Template, missing []templates.Parameter) error {
	var questions []tui.Question
	var answers []*string
	if o.path == "" {
		questions = append(questions, tui.Question{
			Title: "path", Help: "Where it is served, such as /" + t.Name,
			Check: func(path string) error {
				_, err := claim(path, o.host, o.owner)
				return err
			},
		})
		answers = append(answers, &o.path)
	}
	given := make([]string, len(missing))
	for i, p := range missing {
		questions = append(questions, tui.Question{
			Title: p.Name, Help: helpOf(p), Choices: p.Choices, Hidden: p.Type == templates.Secret, Check: p.Check,
		})
		answers = append(answers, &given[i])
	}
	said, err := tui.Ask(ctx, "gateway add "+t.Name, questions, tui.Options{Input: env.In, Output: env.Out})
	if err != nil {
		return err
	}
	for i, answer := range said {
		*answers[i] = answer
	}
	for i, p := range missing {
		o.parameters[p.Name] = given[i]
	}
	return nil
}
