package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
)

// fillIn types into a form, with a pause after each key for the form to take it in.
func fillIn(t *testing.T, questions []Question, keys ...string) (answers []string, screen string, err error) {
	t.Helper()
	// What the runtime starts for the first who asks for signals belongs outside of the bubble.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	signal.Stop(signals)
	synctest.Test(t, func(t *testing.T) {
		input, keyboard := io.Pipe()
		typed := make(chan struct{})
		go func() {
			defer close(typed)
			for _, key := range keys {
				time.Sleep(time.Second)
				if _, err := keyboard.Write([]byte(key)); err != nil {
					return
				}
			}
		}()
		var out bytes.Buffer
		answers, err = ask(t.Context(), "gateway add wiki", questions, tea.WithInput(input), tea.WithOutput(&out), tea.WithWindowSize(80, 24))
		input.Close()
		<-typed
		time.Sleep(time.Minute) // the cursor has blinked for the last time
		screen = out.String()
	})
	return answers, screen, err
}

func noDigits(s string) error {
	if strings.ContainsAny(s, "0123456789") || s == "" {
		return errors.New("no digits, please")
	}
	return nil
}

func TestAsk_ReturnsTheAnswersInOrder(t *testing.T) {
	answers, screen, err := fillIn(t, []Question{
		{Title: "path", Help: "Where it is served"},
		{Title: "colour", Choices: []string{"red", "green"}},
		{Title: "password", Hidden: true},
	}, "/x", "\r", "\x1b[B", "\r", "hush", "\r")
	if err != nil || !slices.Equal(answers, []string{"/x", "green", "hush"}) {
		t.Errorf("answers %q %v", answers, err)
	}
	if strings.Contains(screen, "hush") || !strings.Contains(screen, "Where it is served") {
		t.Errorf("what is hidden was shown, or the help was not:\n%q", screen)
	}
}

func TestAsk_TakesNoWrongAnswer(t *testing.T) {
	answers, screen, err := fillIn(t, []Question{{Title: "name", Check: noDigits}}, "a1", "\r", "\x7f", "b", "\r")
	if err != nil || !slices.Equal(answers, []string{"ab"}) {
		t.Errorf("answers %q %v", answers, err)
	}
	if !strings.Contains(screen, "no digits, please") {
		t.Errorf("the rule was not shown:\n%q", screen)
	}
}

func TestAsk_EndsWhenTheUserLeaves(t *testing.T) {
	if answers, _, err := fillIn(t, []Question{{Title: "name"}}, "a", "\x03"); !errors.Is(err, ErrLeft) || answers != nil {
		t.Errorf("got %q %v", answers, err)
	}
}

func TestAsk_EndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		input, keyboard := io.Pipe()
		defer keyboard.Close()
		if _, err := Ask(ctx, "t", []Question{{Title: "name"}}, Options{Input: input, Output: io.Discard}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Minute)
	})
}
