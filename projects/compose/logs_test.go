package compose

import (
	"testing"
	"time"
)

func TestParseLine_SplitsTheTimeFromTheText(t *testing.T) {
	at := time.Date(2026, 6, 30, 8, 0, 0, 123456789, time.UTC)
	for text, want := range map[string]Line{
		"2026-06-30T08:00:00.123456789Z hello  world": {at, "a-1", "hello  world"},
		"2026-06-30T08:00:00.123456789Z ":             {at, "a-1", ""},
		"2026-06-30T08:00:00.123456789Z":              {at, "a-1", ""},
		"no time here":                                {time.Time{}, "a-1", "no time here"},
		"":                                            {time.Time{}, "a-1", ""},
	} {
		if got := parseLine("a-1", text); !got.Time.Equal(want.Time) || got.Container != want.Container || got.Text != want.Text {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
