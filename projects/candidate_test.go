package projects

import (
	"strings"
	"testing"
	"time"
)

func TestJumped_FindsWhatIsFromADayToCome(t *testing.T) {
	b := added(t)
	all, err := b.Candidates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		now  time.Time
		want string
	}{
		"now":                 {time.Now(), ""},
		"the clock goes on":   {time.Now().AddDate(1, 0, 0), ""},
		"set back by a year":  {time.Now().AddDate(-1, 0, 0), "which is still to come"},
		"set back by an hour": {time.Now().Add(-time.Hour), ""},
	} {
		clean := make([]Candidate, len(all))
		copy(clean, all)
		for i := range clean {
			clean[i].Began = time.Time{} // The engine says it by itself.
		}
		got, err := b.Jumped(t.Context(), clean, c.now)
		if err != nil || (got != "") != (c.want != "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := b.Jumped(t.Context(), all, time.Now().AddDate(-1, 0, 0)); err != nil || got == "" {
		t.Errorf("by the last deploy: %q, %v", got, err)
	}
}
