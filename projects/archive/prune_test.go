package archive

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// daily are archives of a project, one a day at noon, the newest first.
func daily(project string, days int) []Entry {
	var all []Entry
	for i := range days {
		all = append(all, Entry{Project: project, Created: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC).AddDate(0, 0, -i)})
	}
	return all
}

// kept are the days that are not pruned.
func kept(all []Entry, k Keep) []string {
	gone := Prune(all, k)
	var days []string
	for _, e := range all {
		if !slices.Contains(gone, e) {
			days = append(days, e.Created.Format("01-02"))
		}
	}
	return days
}

func TestPrune_KeepsTheNewestOfEachPeriod(t *testing.T) {
	for rule, want := range map[string]string{
		"3":        "11-30 11-29 11-28",
		"2d":       "11-30 11-29",
		"3w":       "11-30 11-29 11-22",
		"2m":       "11-30 10-31",
		"2d,3w,2m": "11-30 11-29 11-22 10-31",
		"1,3m":     "11-30 10-31 09-30",
	} {
		k, err := ParseKeep(rule)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(kept(daily("blog", 90), k), " "); got != want {
			t.Errorf("%s keeps %s, want %s", rule, got, want)
		}
	}
	// Several a day, and days without any.
	some := []Entry{}
	for _, at := range []string{"2026-11-30T18:00:00Z", "2026-11-30T06:00:00Z", "2026-03-02T06:00:00Z", "2026-03-02T05:00:00Z", "2024-01-01T00:00:00Z"} {
		made, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		some = append(some, Entry{Project: "blog", Created: made})
	}
	if got := Prune(some, Keep{Days: 3}); len(got) != 2 || got[0] != some[1] || got[1] != some[3] {
		t.Errorf("it removes %v", got)
	}
}

func TestPrune_HoldsEachProjectApart(t *testing.T) {
	all := append(daily("blog", 3), daily("chess", 1)...)
	if gone := Prune(all, Keep{Last: 1}); len(gone) != 2 || gone[0].Project != "blog" || gone[1].Project != "blog" {
		t.Errorf("it removes %v", gone)
	}
}

func TestPrune_AlwaysKeepsTheNewest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		all := daily("blog", 1+random.IntN(50))
		k := Keep{random.IntN(3), random.IntN(5), random.IntN(5), random.IntN(5)}
		gone := Prune(all, k)
		if slices.Contains(gone, all[0]) || len(all)-len(gone) > max(1, k.Last+k.Days+k.Weeks+k.Months) {
			t.Errorf("%+v of %d removes %d", k, len(all), len(gone))
		}
		if again := Prune(slices.DeleteFunc(slices.Clone(all), func(e Entry) bool { return slices.Contains(gone, e) }), k); len(again) > 0 {
			t.Errorf("%+v removes more when it is done again: %v", k, again)
		}
	}
}

func TestParseKeep_RefusesWhatKeepsNothing(t *testing.T) {
	for _, rule := range []string{"", "0", "0d,0w", "7x", "d", "-1d", "7d,8d", "99999", "7d;4w"} {
		if k, err := ParseKeep(rule); err == nil {
			t.Errorf("%q is %+v", rule, k)
		}
	}
}
