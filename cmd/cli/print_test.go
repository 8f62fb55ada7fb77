package cli

import (
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"gateway/cmd/cli/clitest"
	"gateway/projects"
)

type named struct{}

func (named) String() string { return clitest.Hostile }

func TestPrint_ForeignTextForgesNothing(t *testing.T) {
	var out, said strings.Builder
	env := &Env{Out: &out, Err: &said}
	for what, arg := range map[string]any{
		"a string": clitest.Hostile, "a name": projects.Name(clitest.Hostile), "an error": &fs.PathError{Op: "open", Path: clitest.Hostile, Err: fs.ErrExist}, "a value": named{},
	} {
		for name, write := range map[string]func(string, ...any){"printf": env.Printf, "notef": env.Notef} {
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
	w := env.Table()
	w.Row("NAME\tSTATE")
	w.Row("%s\t%s", clitest.Hostile, "ready")
	if err := w.Flush("the list"); err != nil || strings.Count(out.String(), "\n") != 2 || !strings.Contains(out.String(), clitest.Harmless+"  ready\n") {
		t.Errorf("the table is %q (%v)", out.String(), err)
	}
	out.Reset()
	if err := env.JSON(map[string]string{"name": "\u009b\u202e"}); err != nil || !strings.Contains(out.String(), `"\u009b\u202e"`) {
		t.Errorf("the JSON is %q (%v)", out.String(), err)
	}
}

func TestTable_AlignsByWhatIsSeen(t *testing.T) {
	var out strings.Builder
	w := (&Env{Out: &out}).Table()
	w.Row("NAME\tOWNER\tSTATE")
	w.Row("%s\t%s\t%s", "a", "홍길동", "ready")
	w.Row("%s\t%s\t%s", "b", "owner", "-")
	w.Row("note\t%s", "a last cell that is wider than its column")
	w.Row("%s\t%s\t%s", "e", "e\u0301", "")
	want := "NAME  OWNER   STATE\na     홍길동  ready\nb     owner   -\nnote  a last cell that is wider than its column\ne     e\u0301\n"
	if err := w.Flush("the list"); err != nil || out.String() != want {
		t.Errorf("the table is %v\n%s, want\n%s", err, out.String(), want)
	}
}
