package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"gateway/proxy/admin"
)

func noonClock() time.Time { return noon }

// flaky is a gateway that is away every second time, and slow.
type flaky struct {
	asked, open, most int
}

func (f *flaky) Status(ctx context.Context) (admin.Status, error) {
	f.asked++
	f.open++
	defer func() { f.open-- }()
	f.most = max(f.most, f.open)
	select {
	case <-ctx.Done():
		return admin.Status{}, ctx.Err()
	case <-time.After(1500 * time.Millisecond):
	}
	if f.asked%2 == 0 {
		return admin.Status{}, errors.New("away")
	}
	return testStatus(), nil
}

func (f *flaky) Routes(context.Context) (admin.Routes, error) { return testRoutes(), nil }

func (f *flaky) Requests(context.Context, string) ([]admin.Request, error) {
	return testRequests(), nil
}

func TestRun_AsksAgainAndAgainUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 21*time.Second)
		defer cancel()
		input, keyboard := io.Pipe()
		defer keyboard.Close()
		source := &flaky{}
		var out bytes.Buffer
		err := Run(ctx, source, Options{Input: input, Output: &out})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run says %v, want the context's error", err)
		}
		if source.asked < 8 || source.most != 1 {
			t.Errorf("asked %d times in 21 seconds, %d at a time; want 8 or more, one by one", source.asked, source.most)
		}
	})
}

func TestRun_EndsWellWhenTheUserLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input, keyboard := io.Pipe()
		defer keyboard.Close()
		go func() { _, _ = keyboard.Write([]byte("q")) }()
		var out bytes.Buffer
		if err := Run(t.Context(), &flaky{}, Options{Input: input, Output: &out}); err != nil {
			t.Errorf("Run says %v", err)
		}
	})
}
