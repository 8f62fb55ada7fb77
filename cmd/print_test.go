package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"gateway/projects"
	"gateway/projects/compose"
)

// hostile is what a name of somebody else's may have in it.
const hostile = "사진\x1b]0;TITLE\a\x1b[31m\nremove index.html\t\u202e\xff"

// harmless is hostile as one line.
const harmless = `사진\x1b]0;TITLE\x07\x1b[31m\nremove index.html\t\u202e\xff`

type named struct{}

func (named) String() string { return hostile }

func TestPrint_ForeignTextForgesNothing(t *testing.T) {
	var out, said strings.Builder
	env := &Env{Out: &out, Err: &said}
	for what, arg := range map[string]any{
		"a string": hostile, "a name": projects.Name(hostile), "an error": &fs.PathError{Op: "open", Path: hostile, Err: fs.ErrExist}, "a value": named{},
	} {
		for name, write := range map[string]func(string, ...any){"printf": env.printf, "notef": env.notef} {
			out.Reset()
			said.Reset()
			write("add %v, that is all", arg)
			text := strings.ReplaceAll(out.String()+said.String(), "\n  remove", `\nremove`)
			if strings.ContainsAny(text, "\x1b\a\n") || !utf8.ValidString(text) || strings.ContainsRune(text, '\u202e') || !strings.Contains(text, "사진") {
				t.Errorf("%s of %s prints %q", name, what, text)
			}
		}
	}
	out.Reset()
	w := env.table()
	w.row("NAME\tSTATE")
	w.row("%s\t%s", hostile, "ready")
	if err := w.flush("the list"); err != nil || strings.Count(out.String(), "\n") != 2 || !strings.Contains(out.String(), harmless+"  ready\n") {
		t.Errorf("the table is %q (%v)", out.String(), err)
	}
	out.Reset()
	if err := env.json(map[string]string{"name": "\u009b\u202e"}); err != nil || !strings.Contains(out.String(), `"\u009b\u202e"`) {
		t.Errorf("the JSON is %q (%v)", out.String(), err)
	}
}

func TestTable_AlignsByWhatIsSeen(t *testing.T) {
	var out strings.Builder
	w := (&Env{Out: &out}).table()
	w.row("NAME\tOWNER\tSTATE")
	w.row("%s\t%s\t%s", "a", "홍길동", "ready")
	w.row("%s\t%s\t%s", "b", "owner", "-")
	w.row("note\t%s", "a last cell that is wider than its column")
	w.row("%s\t%s\t%s", "e", "e\u0301", "")
	want := "NAME  OWNER   STATE\na     홍길동  ready\nb     owner   -\nnote  a last cell that is wider than its column\ne     e\u0301\n"
	if err := w.flush("the list"); err != nil || out.String() != want {
		t.Errorf("the table is %v\n%s, want\n%s", err, out.String(), want)
	}
}

// A line that wraps could not be drawn over.
func TestProgress_IsNeverWiderThanTheTerminal(t *testing.T) {
	p := &progress{width: 30}
	text := p.text(progressLine{event: compose.Event{ID: "사진사진사진사진사진사진", Text: "Created", Status: compose.Done}})
	if want := "✔ 사진사진사진사진사진사진 c…"; text != want {
		t.Errorf("it is %q, want %q, which has 29 cells", text, want)
	}
}

func TestReport_ForeignTextForgesNothing(t *testing.T) {
	var said strings.Builder
	report(&Env{Err: &said}, errors.Join(fmt.Errorf("reading %s", "a\ngateway: all is well\x1b[2J"), errors.New("second")))
	if got, want := said.String(), "gateway: reading a\n  gateway: all is well\\x1b[2J\n  second\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

func TestProgress_ForeignTextForgesNothing(t *testing.T) {
	for _, width := range []int{0, 200} {
		var out strings.Builder
		p := newProgress(&Env{Err: &out})
		p.width = width
		p.emit(compose.Event{ID: "Build", Text: "Wrote", Details: hostile, Status: compose.Wrote})
		p.emit(compose.Event{ID: hostile, Text: "Failed", Details: hostile, Status: compose.Failed})
		text := strings.NewReplacer("\r\x1b[K", "", "\x1b[1A", "").Replace(out.String())
		if strings.ContainsAny(text, "\x1b\a") || strings.Contains(text, "\nremove") {
			t.Errorf("at width %d it prints %q", width, text)
		}
	}
}

func TestLogs_AreFilteredOnATerminalAlone(t *testing.T) {
	var out strings.Builder
	line := compose.Line{Container: "web-1", Text: "\x1b[31mRED\x1b[0m \x1b]0;TITLE\a"}
	printLog(&Env{Out: &out}, line, false)
	printLog(&Env{Out: &out, Terminal: true}, line, true)
	if got, want := out.String(), "\x1b[31mRED\x1b[0m \x1b]0;TITLE\a\nweb-1 | RED \\x1b]0;TITLE\\x07\n"; got != want {
		t.Errorf("it prints %q, want %q", got, want)
	}
}

// A list of files is one line each, whatever they are called.
func TestChanges_AreOneLineEach(t *testing.T) {
	var out strings.Builder
	if err := printChanges(&Env{Out: &out, Err: &out}, projects.Changes{Added: []string{filepath.Join("a", hostile)}}, false); err != nil {
		t.Fatal(err)
	}
	if want := "add a/" + harmless + "\n"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("it prints %q, want %q", out.String(), want)
	}
}
