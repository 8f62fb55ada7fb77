package templates

import (
	"strings"
	"testing"
)

func TestParameter_Check(t *testing.T) {
	port := Parameter{Type: Integer, Min: "1", Max: "65535"}
	limit := Parameter{Type: Bytes, Min: "1M", Max: "2G"}
	kind := Parameter{Type: Choice, Choices: []string{"slack", "discord"}}
	for _, c := range []struct {
		parameter   Parameter
		given, want string
	}{
		{Parameter{Type: Text}, "Ada's page \"1\" $HOME", ""},
		{Parameter{Type: Text}, "", ""},
		{Parameter{Type: Text}, "two\nlines", "cannot be shown"},
		{Parameter{Type: Text}, "red \x1b[31m", "cannot be shown"},
		{Parameter{Type: Text}, "\xff", "cannot be shown"},
		{Parameter{Type: Text}, strings.Repeat("x", maxText+1), "1000 is the most"},
		{Parameter{Type: Text, Required: true}, "", "it is required"},
		{Parameter{Type: Bool}, "TRUE", ""},
		{Parameter{Type: Bool}, "yes", "neither true nor false"},
		{port, "65535", ""},
		{port, "1", ""},
		{port, "0", "the least is 1"},
		{port, "65536", "the most is 65535"},
		{port, "99999999999", "no whole number"},
		{port, "8080.5", "no whole number; write one such as 1"},
		{port, "", "no whole number"},
		{limit, "64M", ""},
		{limit, "2048MiB", ""},
		{limit, "1K", "the least is 1M"},
		{limit, "3G", "the most is 2G"},
		{limit, "64 M", "no size"},
		{limit, "-1", "no size"},
		{kind, "discord", ""},
		{kind, "Discord", "write one of slack and discord"},
		{kind, "", "none of its values"},
		{Parameter{Type: Email}, "owner@example.org", ""},
		{Parameter{Type: Email}, "", ""},
		{Parameter{Type: Email}, "Ada <owner@example.org>", "no mail address"},
		{Parameter{Type: Email}, "owner", "no mail address"},
		{Parameter{Type: URL}, "https://example.org/a?b=c", ""},
		{Parameter{Type: URL}, "javascript:alert(1)", "no web address"},
		{Parameter{Type: URL}, "example.org", "no web address"},
		{Parameter{Type: URL}, "https://ada:pw@example.org", "user name or password"},
		{Parameter{Type: Secret}, "", ""},
		{Parameter{Type: Secret}, "correct horse", ""},
		{Parameter{Type: Secret}, "short", "8 to 200"},
		{Parameter{Type: Secret}, "two\nlines of it", "cannot be shown"},
		{Parameter{Type: Folder}, "./any where", ""},
	} {
		err := c.parameter.Check(c.given)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s %.40q: %v, want %q", c.parameter.Type, c.given, err, c.want)
		}
	}
}

func TestHeader_RefusesWhatIsOff(t *testing.T) {
	const head = "name: x\nsummary: s\n"
	for name, c := range map[string]struct{ header, want string }{
		"unknown key":       {head + "colour: red\n", "line 3: key colour is not known"},
		"unknown need":      {head + "needs: {imagse: [a]}\n", "line 3"},
		"not even YAML":     {"name: [", "line 1"},
		"no summary":        {"name: x\n", "summary is missing"},
		"two lines":         {"name: x\nsummary: \"a\\nb\"\n", "summary: "},
		"odd after":         {head + "after: \"\\e[2J\"\n", "after: "},
		"bad name":          {"name: X\nsummary: s\n", "lower-case"},
		"move without run":  {head + "move: {service: a}\n", "move: it takes"},
		"no help":           {head + "parameters:\n- {name: a, type: text}\n", `line 4: parameter "a": help is missing`},
		"unknown type":      {head + "parameters:\n- {name: a, type: text, help: h}\n- {name: b, type: number, help: h}\n", `line 5: parameter "b": type "number": there are text, bool, folder,`},
		"bad default":       {head + "parameters: [{name: a, type: bool, default: 3, help: h}]\n", "default: "},
		"no default":        {head + "parameters: [{name: a, type: integer, help: h}]\n", "default: "},
		"default too small": {head + "parameters: [{name: a, type: integer, min: 2, default: 1, help: h}]\n", "default: 1 is too small"},
		"bad bound":         {head + "parameters: [{name: a, type: size, max: lots, default: 1M, help: h}]\n", "max: "},
		"bounded text":      {head + "parameters: [{name: a, type: text, max: 3, help: h}]\n", "integers and sizes alone"},
		"one choice":        {head + "parameters: [{name: a, type: choice, choices: [b], default: b, help: h}]\n", "two or more"},
		"odd choice":        {head + "parameters: [{name: a, type: choice, choices: [b, \"c\\e]0;T\\a\"], default: b, help: h}]\n", "choices: "},
		"odd folder":        {head + "parameters: [{name: a, type: folder, default: \"c\\e[2J\", help: h}]\n", "default: "},
		"choices of text":   {head + "parameters: [{name: a, type: text, choices: [b, c], help: h}]\n", "choice alone"},
		"known secret":      {head + "parameters: [{name: a, type: secret, default: wordpress, help: h}]\n", "everybody would know it"},
		"shown text":        {head + "parameters: [{name: a, type: text, show: true, help: h}]\n", "secrets alone"},
		"required default":  {head + "parameters: [{name: a, type: text, required: true, default: b, help: h}]\n", "too much"},
		"twice":             {head + "parameters: [{name: a, type: text, help: h}, {name: a, type: text, help: h}]\n", "it comes twice"},
		"flag of add":       {head + "parameters: [{name: path, type: text, help: h}]\n", "flag of 'gateway add'"},
		"bad flag":          {head + "parameters: [{name: a_b, type: text, help: h}]\n", "lower-case"},
	} {
		_, err := open("x", map[string][]byte{headerFile: []byte(c.header)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := open("y", map[string][]byte{headerFile: []byte(head)}); err == nil || !strings.Contains(err.Error(), "the folder is") {
		t.Errorf("another name than the folder's: %v", err)
	}
	if _, err := open("x", nil); err == nil || !strings.Contains(err.Error(), "template.yaml is missing") {
		t.Errorf("no header: %v", err)
	}
}

func TestSize_IsWrittenForAllReaders(t *testing.T) {
	for _, c := range []struct{ given, plain, iec, plus string }{
		{"64M", "64M", "64MiB", "65M"},
		{"65536k", "64M", "64MiB", "65M"},
		{"2GiB", "2G", "2GiB", "2049M"},
		{"1536K", "1536K", "1536KiB", "2560K"},
		{"1000", "1000", "1000", "1049576"},
	} {
		size, err := ParseSize(c.given)
		if err != nil {
			t.Fatal(err)
		}
		plus, err := size.Plus("1M")
		if err != nil || size.String() != c.plain || size.IEC() != c.iec || plus.String() != c.plus {
			t.Errorf("%s is %s, %s, and %s with 1M: %v", c.given, size, size.IEC(), plus, err)
		}
	}
	if n, err := Size(512 << 20).Per("40M"); n != 12 || err != nil {
		t.Errorf("512M has room for %d of 40M: %v", n, err)
	}
	if n, err := Size(1).Per("40M"); n != 1 || err != nil {
		t.Errorf("too small a size has room for %d: %v", n, err)
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"64M", "0", "9223372036854775807", "8589934592G", "1kib", "M", "1 M", "٣M"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		size, err := ParseSize(s)
		if err != nil {
			return
		}
		if size < 1 {
			t.Errorf("%q is %d bytes", s, size)
		}
		for _, form := range []string{size.String(), size.IEC()} {
			if again, err := ParseSize(form); err != nil || again != size {
				t.Errorf("%q is %d bytes, and %s is %d: %v", s, size, form, again, err)
			}
		}
	})
}
