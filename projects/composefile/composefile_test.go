package composefile

import (
	"slices"
	"strings"
	"testing"
)

const ours = `# Ours
name: club

x-gateway: # known
  template: wordpress
  owner: &o 'me' # ask

services:
    web: # 로봇
        image:   nginx   # pinned
        labels:
            - "gateway.path=/blog"
            - gateway.port=80
        environment: {"로봇": "x", P: &p '/blog', Q: *p}
        command: |
            gateway.path: /blog
        note: over
            lines
    other:
        <<: &base {restart: always}
        labels: {}
        volumes:
            - ./a:/a # one
            # two
            - ./b:/b
# end
`

func TestSet_ReplacesOneValue(t *testing.T) {
	for name, c := range map[string]struct{ path, value, old, now string }{
		"plain":            {"name", "robots", "name: club", "name: robots"},
		"plain to quoted":  {"name", "a: b", "name: club", `name: "a: b"`},
		"a number in text": {"name", "12", "name: club", `name: "12"`},
		"spaces kept":      {"services web image", "httpd", "image:   nginx   #", "image:   httpd   #"},
		"anchored":         {"x-gateway owner", "it's", "&o 'me' #", "&o 'it''s' #"},
		"not in quotes":    {"x-gateway owner", "a\nb", "&o 'me' #", `&o "a\u000ab" #`},
		"in braces":        {"services web environment P", "/x, y", "&p '/blog', Q", "&p '/x, y', Q"},
		"an alias":         {"services web environment Q", "z", "Q: *p}", `Q: "z"}`},
		"wide characters":  {"services web environment 로봇", `"`, `"로봇": "x",`, `"로봇": "\"",`},
		"KEY=VALUE":        {"services web labels gateway.path", "/a b", `"gateway.path=/blog"`, `"gateway.path=/a b"`},
		"an item":          {"services web labels [1]", "gateway.port=81", "- gateway.port=80", "- gateway.port=81"},
		"nothing":          {"services web image", "", "nginx   #", `""   #`},
	} {
		f, err := Parse([]byte(ours))
		if err != nil {
			t.Fatal(err)
		}
		err = f.Set(strings.Fields(c.path), c.value)
		if want := strings.Replace(ours, c.old, c.now, 1); err != nil || string(f.Bytes()) != want || want == ours {
			t.Errorf("%s: %v\n%s", name, err, f.Bytes())
		}
		if got, ok := f.Get(strings.Fields(c.path)...); strings.TrimPrefix(c.value, "gateway.port=") != strings.TrimPrefix(got, "gateway.port=") || !ok {
			t.Errorf("%s: it says %q", name, got)
		}
	}
}

func TestSet_InsertsWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct{ path, before, after string }{
		"a key": {"x-gateway expires", "x-gateway: # known\n  owner: me # ask\n\n# next\nservices: {}\n", "x-gateway: # known\n  owner: me # ask\n  expires: \"v\"\n\n# next\nservices: {}\n"},
		"all above": {
			"x-gateway expires", "# mine\nname: a\nservices: # all\n  web: {image: x} # one\n",
			"# mine\nname: a\nservices: # all\n  web: {image: x} # one\n\nx-gateway:\n  expires: \"v\"\n",
		},
		"no last line end":     {"x-gateway expires", "services: {}", "services: {}\n\nx-gateway:\n  expires: \"v\""},
		"no end, below":        {"x-gateway expires", "x-gateway:\n  owner: me", "x-gateway:\n  owner: me\n  expires: \"v\""},
		"CRLF":                 {"x-gateway expires", "x-gateway:\r\n  owner: me\r\na: 1\r\n", "x-gateway:\r\n  owner: me\r\n  expires: \"v\"\r\na: 1\r\n"},
		"its own indent":       {"x-gateway expires", "a:\n    b: 1\n", "a:\n    b: 1\n\nx-gateway:\n    expires: \"v\"\n"},
		"behind a block":       {"x-gateway expires", "x-gateway:\n  owner: |\n    me\n\n    you\na: 1\n", "x-gateway:\n  owner: |\n    me\n\n    you\n  expires: \"v\"\na: 1\n"},
		"a kept block at end":  {"x-gateway expires", "a: |+\n  b\n", "a: |+\n  b\nx-gateway:\n  expires: \"v\"\n"},
		"null":                 {"x-gateway expires", "x-gateway: # none\nservices: {}\n", "x-gateway: # none\n  expires: \"v\"\nservices: {}\n"},
		"null, written":        {"x-gateway expires", "x-gateway: ~\n", "x-gateway: {expires: \"v\"}\n"},
		"in braces":            {"x-gateway expires", "x-gateway: {owner: me}\nservices: {}\n", "x-gateway: {owner: me, expires: \"v\"}\nservices: {}\n"},
		"all in braces":        {"x-gateway expires", "{services: {web: {image: x}}}\n", "{x-gateway: {expires: \"v\"}, services: {web: {image: x}}}\n"},
		"empty braces":         {"x-gateway expires", "x-gateway: {}\n", "x-gateway: {expires: \"v\"}\n"},
		"an empty file":        {"x-gateway expires", "", "x-gateway:\n  expires: \"v\"\n"},
		"comments alone":       {"x-gateway expires", "# to do\n", "# to do\nx-gateway:\n  expires: \"v\"\n"},
		"an end of document":   {"x-gateway expires", "---\na: 1\n...\n", "---\na: 1\nx-gateway:\n  expires: \"v\"\n...\n"},
		"a list KEY=VALUE":     {"s labels k", "s:\n  labels:\n  - a=b # c\n  other: 1\n", "s:\n  labels:\n  - a=b # c\n  - \"k=v\"\n  other: 1\n"},
		"KEY=VALUE in braces":  {"s labels k", "s: {labels: [a=b]}\n", "s: {labels: [a=b, \"k=v\"]}\n"},
		"an empty list":        {"s labels k", "s:\n  labels: []\n", "s:\n  labels: [\"k=v\"]\n"},
		"a merged one":         {"s k", "b: &b {k: x}\ns:\n  <<: *b\n", "b: &b {k: x}\ns:\n  <<: *b\n  k: \"v\"\n"},
		"an odd key":           {"s a:_b", "s:\n  c: d\n", "s:\n  c: d\n  a:_b: \"v\"\n"},
		"an alias":             {"x-gateway expires", "x-a: &a {owner: me}\nx-gateway: *a\n", "line 2: x-gateway is an alias"},
		"a value":              {"x-gateway expires", "x-gateway: yes\n", "line 1: x-gateway takes no keys below it"},
		"another list":         {"s expires", "s: [a, b]\n", "line 1: s is a list"},
		"a block":              {"x-gateway expires", "x-gateway:\n  expires: |\n    v\n", "line 2: x-gateway.expires is written as a block"},
		"several lines":        {"x-gateway expires", "x-gateway:\n  expires: a\n    b\n", "line 2: x-gateway.expires is written over several lines"},
		"keys":                 {"x-gateway expires", "x-gateway:\n  expires: {a: b}\n", "line 2: x-gateway.expires holds more than one value"},
		"twice":                {"x-gateway expires", "x-gateway:\n  expires: a\n  expires: b\n", "line 2: x-gateway.expires occurs twice"},
		"twice in a list":      {"s k", "s: [k=a, k=b]\n", "line 1: s.k occurs twice"},
		"an item not there":    {"s [3]", "s: [k=a]\n", "line 1: s has no item [3]"},
		"quotes over lines":    {"x-gateway expires", "x-gateway:\n  expires: \"a\n    b\" # c\n", "x-gateway:\n  expires: \"v\" # c\n"},
		"an empty value":       {"x-gateway expires", "x-gateway:\n  expires: # soon\n", "x-gateway:\n  expires: \"v\" # soon\n"},
		"a tag":                {"x-gateway expires", "x-gateway:\n  expires: !!str a\n", "x-gateway:\n  expires: !!str \"v\"\n"},
		"a byte order mark":    {"a", "\ufeffa: b\n", "\ufeffa: v\n"},
		"an anchor of a value": {"a", "a: &x b\nc: *x\n", "a: &x v\nc: *x\n"},
	} {
		f, err := Parse([]byte(c.before))
		if err != nil {
			t.Fatal(name, err)
		}
		err = f.Set(strings.Fields(c.path), "v")
		if want, refused := strings.CutPrefix(c.after, "line "); refused {
			if err == nil || !strings.HasPrefix(err.Error(), "line "+want) || string(f.Bytes()) != c.before {
				t.Errorf("%s: %v, want %q\n%s", name, err, c.after, f.Bytes())
			}
		} else if err != nil || string(f.Bytes()) != c.after {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, f.Bytes(), c.after)
		}
	}
}

func TestRemove_TakesOutOnePlace(t *testing.T) {
	for name, c := range map[string]struct{ path, before, after string }{
		"a key":             {"x-gateway expires", "x-gateway:\n  owner: me # ask\n  # until\n  expires: x # soon\n\nservices: {}\n", "x-gateway:\n  owner: me # ask\n  # until\n\nservices: {}\n"},
		"the only one":      {"x-gateway expires", "a: 1\nx-gateway:\n  expires: x\nb: 2\n", "a: 1\nb: 2\n"},
		"no last line end":  {"x-gateway expires", "x-gateway:\n  owner: me\n  expires: x", "x-gateway:\n  owner: me"},
		"CRLF, no end":      {"x-gateway expires", "x-gateway:\r\n  owner: me\r\n  expires: x", "x-gateway:\r\n  owner: me"},
		"a block":           {"a b", "a:\n  b: |\n    x\n\n    # y\n  c: 1\n", "a:\n  c: 1\n"},
		"a list":            {"a b", "a:\n  b:\n  - x\n  - y\n  c: 1\n", "a:\n  c: 1\n"},
		"in braces":         {"a b", "a: {b: x, c: 1}\n", "a: {c: 1}\n"},
		"the last in them":  {"a b", "a: {c: 1, b: x}\n", "a: {c: 1}\n"},
		"KEY=VALUE":         {"l b", "l:\n  - a=1\n  - b=2 # two\n", "l:\n  - a=1\n"},
		"an item":           {"l [0]", "l: [a, b]\n", "line 1: l[0] cannot be removed by itself"},
		"not there":         {"a b c", "a: {c: 1}\n", "a: {c: 1}\n"},
		"all there is":      {"a", "# x\na: 1\n", "# x\n"},
		"an anchor":         {"a b", "a:\n  b: &b x\n  c: *b\n", "line 2: a.b cannot be removed by itself"},
		"an anchor again":   {"b", "a: &x 1\nb: &x 2\nc: *x\n", "line 2: b cannot be removed by itself"},
		"the first of many": {"l [0] a", "l:\n  - a: 1\n    b: 2\n", "line 2: l[0].a cannot be removed by itself"},
		"below an alias":    {"b c", "a: &a {c: 1}\nb: *a\n", "line 2: b is an alias"},
	} {
		f, err := Parse([]byte(c.before))
		if err != nil {
			t.Fatal(name, err)
		}
		err = f.Remove(strings.Fields(c.path))
		if strings.HasPrefix(c.after, "line ") {
			if err == nil || !strings.HasPrefix(err.Error(), c.after) || string(f.Bytes()) != c.before {
				t.Errorf("%s: %v\n%s", name, err, f.Bytes())
			}
		} else if err != nil || string(f.Bytes()) != c.after {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, f.Bytes(), c.after)
		}
	}
}

func TestSetItems_KeepsWhatStays(t *testing.T) {
	for name, c := range map[string]struct{ items, before, after string }{
		"in brackets":     {"a b", "l: [a] # c\n", "l: [a, b] # c\n"},
		"over lines":      {"a b", "l: [\n  a\n  ]\n", "l: [a, b]\n"},
		"one on a line":   {"a b", "l:\n  # one\n  - a # x\nm: 1\n", "l:\n  # one\n  - a # x\n  - b\nm: 1\n"},
		"at the end":      {"a b", "l:\n- a", "l:\n- a\n- b"},
		"the first":       {"b z", "l:\n  - a # x\n  - z # y\n", "l:\n  - b\n  - z # y\n"},
		"more before":     {"a b z", "l:\n  - z # y\n", "l:\n  - a\n  - b\n  - z # y\n"},
		"fewer":           {"z", "l:\n  - a\n  - b\n  - z # y\n", "l:\n  - z # y\n"},
		"a word":          {"a b", "l: a\n", "l: [a, b]\n"},
		"nothing yet":     {"a b", "m: 1\n", "m: 1\n\nl: [a, b]\n"},
		"null":            {"a b", "l:\n", "l: [a, b]\n"},
		"the same":        {"a b", "l: [ a,b ]\n", "l: [ a,b ]\n"},
		"odd ones":        {"#x 1", "l: []\n", "l: [\"#x\", \"1\"]\n"},
		"a comment":       {"a b", "l: [ # why\n a]\n", "line 1: l is written in a way that cannot be edited"},
		"an alias":        {"a b", "m: &m [a]\nl: *m\n", "m: &m [a]\nl: [a, b]\n"},
		"keys and values": {"a b", "l: {a: b}\n", "line 1: l holds more than one value"},
	} {
		f, err := Parse([]byte(c.before))
		if err != nil {
			t.Fatal(name, err)
		}
		err = f.SetItems(Path{"l"}, strings.Fields(c.items))
		if strings.HasPrefix(c.after, "line ") {
			if err == nil || !strings.HasPrefix(err.Error(), c.after) || string(f.Bytes()) != c.before {
				t.Errorf("%s: %v\n%s", name, err, f.Bytes())
			}
		} else if err != nil || string(f.Bytes()) != c.after {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, f.Bytes(), c.after)
		}
	}
}

func TestParse_SaysInPlainWords(t *testing.T) {
	for text, want := range map[string]string{
		"a:\n\t- b":           "line 2: a value cannot begin with a tab",
		"a: b: c\n":           "line 1: a key cannot stand here",
		"a: [1\nb: 2\n":       "line 2: ",
		"a: \"x\n":            "line 1: the file ends inside of a value; close its quotes",
		"a: *x\n":             "line 1: *x has no anchor &x before it",
		"a: 1\n---\nb: 2\n":   "line 2: a second document begins here; keep one",
		"- a\n":               "line 1: the file takes keys and values",
		"ok: 1\na: \x01\n":    "line 2: it has a character that no text has",
		"ok: 1\na: \xe9b\n":   "line 2: it is not UTF-8; save it as UTF-8",
		"a: *\x1b[31mx\x1b\n": "line 1: ",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") || strings.Contains(err.Error(), "yaml") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestLine_IsThatOfTheNearestKey(t *testing.T) {
	f, err := Parse([]byte(ours))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"services web labels": 11, "services web image": 10, "services web nothing": 9, "nothing": 0, "services other restart": 19} {
		if got := f.Line(strings.Fields(path)...); got != want {
			t.Errorf("%s: line %d, want %d", path, got, want)
		}
	}
	if got, ok := f.Get("services", "web", "environment", "Q"); got != "/blog" || !ok {
		t.Errorf("an alias: %q", got)
	}
	if got := f.Keys("services"); !slices.Equal(got, []string{"web", "other"}) {
		t.Errorf("keys: %v", got)
	}
}

// FuzzEdit checks that an edit changes its place and nothing else, whatever the file.
func FuzzEdit(f *testing.F) {
	for _, text := range []string{
		ours, "x-gateway: {owner: me}", "a: |+\n b\n\n", "\ufeffa: b", "a: [b,\n c] # d\r\n", "l:\n- k=v\n- a: b", "a: &a [x]\nb: *a\n", "a:\n  b: !!str c\n", "{a: , b: }",
		"? a\n: b\n", "a: 'x''\n  y'\n", "a: x\u2028b: y\n", "a: - b\n", "---\na: b\n...\n",
	} {
		for n := range 3 {
			f.Add(text, uint8(n), "it's: #x")
		}
	}
	f.Fuzz(func(t *testing.T, text string, n uint8, value string) {
		before, err := Parse([]byte(text))
		if err != nil {
			return
		}
		was := slices.Collect(before.Scalars())
		for _, path := range []Path{{"x-gateway", "expires"}, pick(was, n)} {
			if path == nil {
				continue
			}
			set, gone := *before, *before
			if set.Set(path, value) == nil {
				onlyAt(t, path, text, string(set.Bytes()))
			}
			if gone.Remove(path) == nil {
				onlyAt(t, path[:1], text, string(gone.Bytes()))
			}
		}
	})
}

func pick(all []Scalar, n uint8) Path {
	if len(all) == 0 {
		return nil
	}
	return all[int(n)%len(all)].Path
}

// onlyAt reads two texts and compares all that they say but for a place.
func onlyAt(t *testing.T, place Path, before, after string) {
	t.Helper()
	said := func(text string) []string {
		f, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%q became %q: %v", before, after, err)
		}
		var all []string
		for s := range f.Scalars() {
			if len(s.Path) < len(place) || !slices.Equal(s.Path[:len(place)], place) {
				all = append(all, s.Path.String()+"\x00"+s.Value)
			}
		}
		return all
	}
	if was, is := said(before), said(after); !slices.Equal(was, is) {
		// What is empty in place of the edited one may be nothing now.
		if len(place) == 1 || !slices.Equal(nonEmpty(was), nonEmpty(is)) {
			t.Errorf("at %s %q became %q", place, before, after)
		}
	}
}

func nonEmpty(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool {
		return strings.HasSuffix(s, "\x00") || strings.HasSuffix(s, "\x00~") || strings.HasSuffix(s, "\x00null")
	})
}
