package link

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func slack(name string) Link {
	url := "https://join.slack.com/t/robots/shared_invite/zt-" + name
	return Link{ID: IDOf(url), URL: url, Added: now}
}

func joined(counts map[string]int) func(string) int {
	return func(id string) int { return counts[id] }
}

func TestState_SaysWhyALinkIsNotUsed(t *testing.T) {
	ready, expired, full, disabled, other := slack("a"), slack("b"), slack("c"), slack("d"), slack("e")
	expired.Expires, full.Max, disabled.Disabled, other.URL = now, 400, true, "https://evil.example/"
	last := slack("f")
	last.Expires, last.Max = now.Add(time.Nanosecond), 401
	for _, c := range []struct {
		link Link
		want State
	}{{ready, Ready}, {expired, Expired}, {full, Full}, {disabled, Disabled}, {other, Refused}, {last, Ready}} {
		if got := c.link.State(Slack, 400, now); got != c.want {
			t.Errorf("%s is %s, want %s", c.link.URL, got, c.want)
		}
	}
	if got := ready.State(Discord, 0, now); got != Refused {
		t.Errorf("a link of Slack on a page of Discord is %s", got)
	}
}

func TestChoose_TakesTheLeastUsedOfThoseThatCanBe(t *testing.T) {
	a, b, c := slack("a"), slack("b"), slack("c")
	b.Expires = now.Add(time.Hour)
	counts := map[string]int{a.ID: 3, b.ID: 3, c.ID: 1}
	for _, step := range []struct {
		change func()
		want   string
	}{
		{func() {}, c.URL},
		{func() { c.Disabled = true }, b.URL},
		{func() { counts[b.ID] = 4 }, a.URL},
		{func() { a.Max = 3 }, b.URL},
		{func() { b.Expires = now }, ""},
	} {
		step.change()
		if got, found := Choose(Slack, []Link{a, b, c}, joined(counts), now); got.URL != step.want || found != (step.want != "") {
			t.Errorf("chose %q, want %q", got.URL, step.want)
		}
	}
}

func TestWarnings_ComeInTime(t *testing.T) {
	link := func(expires time.Duration, most int) Link {
		l := slack("a")
		l.Max = most
		if expires != 0 {
			l.Expires = now.Add(expires)
		}
		return l
	}
	const day = 24 * time.Hour
	off := link(-day, 1)
	off.Disabled = true
	spare := slack("spare")
	for name, c := range map[string]struct {
		link  Link
		joins int
		want  string
	}{
		"never":         {link(0, 0), 9999, ""},
		"far":           {link(5*day+time.Second, 400), 359, ""},
		"soon":          {link(5*day, 400), 0, "expires in 5 days, on 2026-11-25"},
		"in a day":      {link(25*time.Hour, 400), 0, "expires in 1 day"},
		"today":         {link(time.Hour, 400), 0, "expires in less than a day"},
		"over":          {link(-day, 400), 0, "expired on 2026-11-19"},
		"nearly full":   {link(0, 400), 360, "nearly full after 360 of 400 joins"},
		"full":          {link(0, 400), 400, "is full after 400 of 400 joins"},
		"off":           {off, 0, ""},
		"not its kind":  {Link{ID: "x", URL: "https://discord.gg/abc"}, 0, "is none of kind slack"},
		"one and alone": {link(0, 1), 0, ""},
	} {
		got := Warnings(Slack, []Link{c.link, spare}, func(id string) int {
			if id == spare.ID {
				return 0
			}
			return c.joins
		}, now)
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0].String(), c.want)) {
			t.Errorf("%s: %v, want %q", name, got, c.want)
		}
	}
	if got := Warnings(Slack, nil, joined(nil), now); len(got) != 1 || !strings.Contains(got[0].String(), "visitors see the contact instead; make a new link and set it: gateway slack set-link URL") {
		t.Errorf("without links: %v", got)
	}
}

func TestList_IsReadAsItWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "links.json")
	if got, err := Read(path); err != nil || len(got.Links) != 0 {
		t.Fatalf("no file is %v, %v", got, err)
	}
	a, b := slack("a"), slack("b")
	a.Expires, a.Max, b.Disabled = now.Add(time.Hour), 400, true
	if err := (List{[]Link{a, b}}).Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || fmt.Sprint(got.Links) != fmt.Sprint([]Link{a, b}) {
		t.Errorf("read %v, %v", got, err)
	}
}

func TestList_SetsAndFindsLinks(t *testing.T) {
	a, b := slack("a"), slack("b")
	list, err := List{}.Set(Link{URL: a.URL, Added: now}, true)
	if err != nil || list.Links[0].ID != a.ID {
		t.Fatalf("%v, %v", list, err)
	}
	if list, err = list.Set(b, false); err != nil || len(list.Links) != 2 {
		t.Fatalf("added: %v, %v", list, err)
	}
	again := Link{URL: a.URL, Added: now.Add(time.Hour), Max: 7}
	if list, err = list.Set(again, false); err != nil || len(list.Links) != 2 || list.Links[0].Max != 7 || !list.Links[0].Added.Equal(now) {
		t.Fatalf("set again: %v, %v", list, err)
	}
	for _, name := range []string{b.ID, b.URL} {
		if got, err := list.Find(name); err != nil || got.ID != b.ID {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := list.Find("nothing"); !errors.Is(err, ErrNoLink) {
		t.Errorf("nothing: %v", err)
	}
	if list = list.Without(b.ID); len(list.Links) != 1 || list.Links[0].ID != a.ID {
		t.Errorf("without: %v", list)
	}
	if list, err = list.Set(b, true); err != nil || len(list.Links) != 1 || list.Links[0].ID != b.ID {
		t.Errorf("alone: %v, %v", list, err)
	}
	for i := range maxLinks - 1 {
		if list, err = list.Set(slack(fmt.Sprint(i)), false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err = list.Set(slack("more"), false); err == nil || !strings.Contains(err.Error(), "rm-link") {
		t.Errorf("one too many: %v", err)
	}
}

func TestRead_RefusesWhatItDidNotWrite(t *testing.T) {
	for _, text := range []string{
		"", "[]", "{", `{"links":[]} x`, `{"links":[{"id":"00000000","url":"https://discord.gg/abc","added":"2026-11-20T00:00:00Z"}]}`,
		`{"links":[],"more":1}`, `{"links":[` + strings.Repeat(" ", maxFile) + `]}`,
	} {
		path := filepath.Join(t.TempDir(), "links.json")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path); err == nil {
			t.Errorf("%.40q is %v", text, got)
		}
	}
}
