package tui

import (
	"context"
	"errors"
	"fmt"

	tea "charm.land/bubbletea/v2"
	"charm.land/huh/v2"
)

// ErrLeft says that the user left a form before its end.
var ErrLeft = errors.New("nothing was done: the form was left")

// Question is one field of a form.
type Question struct {
	// Title is the name of what is asked for, Help a line below it.
	Title, Help string
	// Choices are all answers when there are only a few; else any text is one.
	Choices []string
	// Hidden has what is typed not shown.
	Hidden bool
	// Check says what is wrong with an answer, while it is typed; nil takes any.
	Check func(string) error
}

// Ask shows a form on the terminal and returns the answers, in the order of the questions: each one is right by its
// check. The error is ErrLeft when the user left, and that of ctx when it ended.
func Ask(ctx context.Context, title string, questions []Question, opts Options) ([]string, error) {
	program := []tea.ProgramOption{tea.WithoutSignalHandler()}
	if opts.Input != nil {
		program = append(program, tea.WithInput(opts.Input))
	}
	if opts.Output != nil {
		program = append(program, tea.WithOutput(opts.Output))
	}
	return ask(ctx, title, questions, program...)
}

func ask(ctx context.Context, title string, questions []Question, program ...tea.ProgramOption) ([]string, error) {
	answers := make([]string, len(questions))
	err := newForm(title, questions, answers).WithProgramOptions(program...).RunWithContext(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, huh.ErrUserAborted):
		return nil, ErrLeft
	case err != nil:
		return nil, fmt.Errorf("showing the form: %w", err)
	}
	return answers, nil
}

// newForm is one page with all questions; the answers go to where they are to be.
func newForm(title string, questions []Question, answers []string) *huh.Form {
	fields := make([]huh.Field, 0, len(questions))
	for i, q := range questions {
		check := q.Check
		if check == nil {
			check = func(string) error { return nil }
		}
		if len(q.Choices) > 0 {
			fields = append(fields, huh.NewSelect[string]().Title(q.Title).Description(q.Help).
				Options(huh.NewOptions(q.Choices...)...).Value(&answers[i]).Validate(check))
			continue
		}
		mode := huh.EchoModeNormal
		if q.Hidden {
			mode = huh.EchoModePassword
		}
		fields = append(fields, huh.NewInput().Title(q.Title).Description(q.Help).EchoMode(mode).Value(&answers[i]).Validate(check))
	}
	return huh.NewForm(huh.NewGroup(fields...).Title(title))
}
