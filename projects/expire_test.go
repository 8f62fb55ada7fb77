package projects

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestDecide_SaysWhatHappensWhen(t *testing.T) {
	today := day(t, "2027-03-01")
	known := Candidate{Name: "robots", Expires: day(t, "2027-02-01"), Began: day(t, "2026-01-01"), Containers: 1, Running: 1}
	rules := Rules{SuspendAfter: Days(14), ArchiveAfter: Days(30), DeleteAfter: Days(90), Today: today}
	for name, c := range map[string]struct {
		edit func(*Candidate, *Rules)
		over bool
		then string
		due  bool
	}{
		"its last day is today":      {func(c *Candidate, _ *Rules) { c.Expires = today }, false, "", false},
		"its last day was yesterday": {func(c *Candidate, _ *Rules) { c.Expires = day(t, "2027-02-28") }, true, "notify now, suspend on 2027-03-15", true},
		"no last day":                {func(c *Candidate, _ *Rules) { c.Expires = day(t, "") }, false, "", false},
		"the owner was told":         {func(c *Candidate, _ *Rules) { c.Expiry.Notified = day(t, "2027-02-20") }, true, "suspend on 2027-03-06", false},
		"told long ago":              {func(c *Candidate, _ *Rules) { c.Expiry.Notified = day(t, "2027-02-15") }, true, "suspend now", true},
		"the agent told the owner":   {func(c *Candidate, _ *Rules) { c.Told.Notified = day(t, "2027-02-20") }, true, "suspend on 2027-03-06", false},
		"the agent suspended it": {func(c *Candidate, _ *Rules) {
			c.Told = Expiry{Notified: day(t, "2027-02-10"), Suspended: day(t, "2027-02-24")}
			c.Running = 0
		}, true, "suspend now", true},
		"the agent did in an earlier term": {func(c *Candidate, _ *Rules) {
			c.Told = Expiry{Notified: day(t, "2026-02-10"), Suspended: day(t, "2026-02-24")}
		}, true, "notify now", true},
		"told in an earlier term": {func(c *Candidate, _ *Rules) { c.Expiry.Notified = day(t, "2027-01-15") }, true, "notify now, suspend on 2027-03-15", true},
		"told in a year to come":  {func(c *Candidate, _ *Rules) { c.Expiry.Notified = day(t, "2028-02-15") }, true, "suspend on 2028-02-29", false},
		"at once":                 {func(_ *Candidate, r *Rules) { r.Now = true }, true, "suspend now", true},
		"suspended":               {func(c *Candidate, _ *Rules) { c.Expiry.Suspended, c.Running = day(t, "2027-02-20"), 0 }, true, "archive on 2027-03-22, delete on 2027-06-20", false},
		"suspended long ago": {func(c *Candidate, _ *Rules) {
			c.Expiry.Suspended, c.Expires, c.Running = day(t, "2026-12-20"), day(t, "2026-12-01"), 0
		}, true, "archive now, delete on 2027-05-30", true},
		"archived": {func(c *Candidate, _ *Rules) {
			c.Expiry, c.Running = Expiry{Suspended: day(t, "2027-02-20"), Archived: day(t, "2027-02-25"), Archive: "/a"}, 0
		}, true, "delete on 2027-05-26", false},
		"archived long ago": {func(c *Candidate, _ *Rules) {
			c.Expiry, c.Running = Expiry{Suspended: day(t, "2026-02-20"), Archived: day(t, "2026-03-25"), Archive: "/a"}, 0
		}, true, "delete now", true},
		"archived, and runs again": {func(c *Candidate, _ *Rules) {
			c.Expiry = Expiry{Suspended: day(t, "2026-02-20"), Archived: day(t, "2026-03-25"), Archive: "/a"}
		}, true, "suspend now", true},
		"archived before it was suspended": {func(c *Candidate, _ *Rules) {
			c.Expiry, c.Running = Expiry{Suspended: day(t, "2027-02-20"), Archived: day(t, "2026-02-25"), Archive: "/a"}, 0
		}, true, "archive on 2027-03-22", false},
		"started again by hand":     {func(c *Candidate, _ *Rules) { c.Expiry.Suspended = day(t, "2027-02-20") }, true, "suspend now", true},
		"at the root":               {func(c *Candidate, _ *Rules) { c.AtRoot = true }, true, "left alone: it lives at /, which is pinned", false},
		"at the root of a host":     {func(c *Candidate, _ *Rules) { c.AtHost = true }, true, "notify now, suspend on 2027-03-15", true},
		"pinned":                    {func(c *Candidate, _ *Rules) { c.Pinned = true }, true, "left alone: it is pinned", false},
		"nothing on the engine":     {func(c *Candidate, _ *Rules) { c.Containers, c.Running = 0, 0 }, true, "left alone: the engine has nothing of it", false},
		"somebody else's":           {func(c *Candidate, _ *Rules) { c.Apart = "it is Ada's" }, true, "left alone: it is Ada's", false},
		"without a folder":          {func(c *Candidate, _ *Rules) { c.Stray = true }, true, "suspend now", true},
		"without a folder, lately":  {func(c *Candidate, _ *Rules) { c.Stray, c.Expires = true, day(t, "2027-02-20") }, true, "suspend on 2027-03-07", false},
		"without a folder, stopped": {func(c *Candidate, _ *Rules) { c.Stray, c.Running = true, 0 }, true, "nothing more: it is suspended", false},
		"older":                     {func(c *Candidate, r *Rules) { c.Expires, r.OlderThan = day(t, ""), Days(180) }, true, "notify now, suspend on 2027-03-15", true},
		"deployed lately": {func(c *Candidate, r *Rules) {
			c.Expires, c.Began, r.OlderThan = day(t, ""), day(t, "2027-01-01"), Days(180)
		}, false, "", false},
		"older, with a term that goes on": {func(c *Candidate, r *Rules) { c.Expires, r.OlderThan = day(t, "2027-12-31"), Days(180) }, false, "", false},
		"not visited": {func(c *Candidate, r *Rules) {
			c.Expires, c.Visited, r.Idle = day(t, ""), day(t, "2026-12-01"), Days(60)
		}, true, "notify now, suspend on 2027-03-15", true},
		"told, and visited since": {func(c *Candidate, r *Rules) {
			c.Expires, c.Visited, c.Expiry.Notified, r.Idle = day(t, ""), day(t, "2026-12-01"), day(t, "2026-11-01"), Days(60)
		}, true, "notify now, suspend on 2027-03-15", true},
		"visited lately": {func(c *Candidate, r *Rules) {
			c.Expires, c.Visited, r.Idle = day(t, ""), day(t, "2027-02-01"), Days(60)
		}, false, "", false},
		"not visited since the gateway started": {func(c *Candidate, r *Rules) {
			c.Expires, c.Watched, r.Idle = day(t, ""), day(t, "2027-02-27"), Days(60)
		}, false, "", false},
		"not visited since the gateway started long ago": {func(c *Candidate, r *Rules) {
			c.Expires, c.Watched, r.Idle = day(t, ""), day(t, "2026-02-27"), Days(60)
		}, true, "notify now, suspend on 2027-03-15", true},
		"no gateway to ask":  {func(c *Candidate, r *Rules) { c.Expires, r.Idle = day(t, ""), Days(60) }, false, "", false},
		"named, with a term": {func(c *Candidate, r *Rules) { c.Expires, r.Named = day(t, "2028-01-01"), []string{"robots"} }, true, "notify now, suspend on 2027-03-15", true},
		"named again, days later": {func(c *Candidate, r *Rules) {
			c.Expires, r.Named, c.Expiry.Notified = day(t, "2028-01-01"), []string{"robots"}, day(t, "2027-02-10")
		}, true, "suspend now", true},
		"named, a stray with a day": {func(c *Candidate, r *Rules) {
			c.Stray, c.Expires, r.Named = true, day(t, "2028-01-01"), []string{"robots"}
		}, false, "", false},
	} {
		candidate, rules := known, rules
		c.edit(&candidate, &rules)
		d, over := rules.Decide(candidate)
		if over != c.over || over && (!strings.HasPrefix(rules.Then(d), c.then) || d.Ready != c.due) {
			t.Errorf("%s: over %v, %q, due %v; want %v, %q, %v", name, over, rules.Then(d), d.Ready, c.over, c.then, c.due)
		}
	}
}

// A model of projects and of a clock that people set: whatever comes, only what may be touched is, in its order, and
// without --now never before the time to notice it has passed.
func TestDecide_TouchesOnlyItsOwnInDueTime(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 20_000 {
		today := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rng.IntN(800)-400)
		some := func() time.Time {
			if rng.IntN(3) == 0 {
				return time.Time{}
			}
			return today.AddDate(0, 0, rng.IntN(800)-400)
		}
		odd := func() bool { return rng.IntN(8) == 0 }
		c := Candidate{
			Name: "robots", Stray: odd(), AtRoot: odd(), AtHost: odd(), Pinned: odd(), Expires: some(), Began: some(), Visited: some(), Watched: some(),
			Containers: rng.IntN(4), Expiry: Expiry{Notified: some(), Suspended: some(), Archived: some(), Archive: []string{"", "/archive"}[rng.IntN(2)]},
		}
		c.Running = rng.IntN(c.Containers + 1)
		if odd() {
			c.Apart = "it is somebody else's"
		}
		r := Rules{SuspendAfter: Days(1 + rng.IntN(30)), ArchiveAfter: Days(1 + rng.IntN(60)), DeleteAfter: Days(1 + rng.IntN(200)), Now: odd(), Today: today}
		switch rng.IntN(4) {
		case 0:
			r.Named = []string{"robots"}
		case 1:
			r.OlderThan = Days(1 + rng.IntN(300))
		case 2:
			r.Idle = Days(1 + rng.IntN(300))
		}
		d, over := r.Decide(c)
		if !d.Ready {
			continue
		}
		var wrong []string
		claim := func(holds bool, what string) {
			if !holds {
				wrong = append(wrong, what)
			}
		}
		claim(over, "its term is not over")
		claim(d.Held == "" && c.Apart == "" && !c.AtRoot && (!c.Pinned || c.Stray) && (c.Containers > 0 || c.Expiry.Archive != ""), "it may not be touched")
		claim(!d.Due.After(today), "it is not due")
		claim(!c.Stray || d.Step == SuspendProject && !c.Expires.IsZero() && c.Expires.Before(today), "what has no folder is suspended by its label alone")
		claim(d.Step != SuspendProject || c.Running > 0 || !c.Stray, "nothing runs")
		if !r.Now && d.Step == SuspendProject && !c.Stray && c.Expiry.Suspended.IsZero() {
			claim(!c.Expiry.Notified.IsZero() && !r.SuspendAfter.After(c.Expiry.Notified).After(today) && !c.Expiry.Notified.Before(d.Due), "the owner was not told in time")
		}
		if d.Step == ArchiveProject || d.Step == DeleteProject {
			claim(c.Running == 0 && !c.Expiry.Suspended.IsZero() && (r.Now || !r.ArchiveAfter.After(c.Expiry.Suspended).After(today) || d.Step == DeleteProject), "it is not suspended for long enough")
		}
		if d.Step == DeleteProject {
			claim(c.Expiry.Archive != "" && !c.Expiry.Archived.Before(c.Expiry.Suspended) && (r.Now || !r.DeleteAfter.After(c.Expiry.Archived).After(today)), "it is not archived for long enough")
		}
		if len(r.Named) == 0 && r.OlderThan.IsZero() && r.Idle.IsZero() {
			claim(c.Expires.Before(today) && !c.Expires.IsZero(), "its last day is not past")
		}
		if len(wrong) > 0 {
			t.Fatalf("seed %d: %s\n%+v\n%+v\n%+v", seed, strings.Join(wrong, ", "), c, r, d)
		}
	}
}

func TestParseSpan_CountsAsTheCalendarDoes(t *testing.T) {
	from := day(t, "2027-01-31")
	for text, want := range map[string]string{"1d": "2027-02-01", "2w": "2027-02-14", "1m": "2027-03-03", "1y": "2028-01-31", "014d": "2027-02-14"} {
		s, err := ParseSpan(text)
		if err != nil || !s.After(from).Equal(day(t, want)) {
			t.Errorf("%s: %v, %v, want %s", text, s.After(from), err, want)
		}
	}
	for _, text := range []string{"", "d", "0d", "-1d", "1h", "99999d", "1.5d", " 1d"} {
		if _, err := ParseSpan(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
