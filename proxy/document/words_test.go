package document

import "testing"

func TestDecode_SaysInPlainWords(t *testing.T) {
	var into struct {
		Port   int               `yaml:"port"`
		Labels map[string]string `yaml:"labels"`
		List   []string          `yaml:"list"`
		On     bool              `yaml:"on"`
	}
	for text, want := range map[string]string{
		"port: x\n":               "line 1: it takes a whole number",
		"labels: 5\n":             "line 1: it takes keys and values",
		"list: {a: b}\n":          "line 1: it takes a list",
		"on: 5\n":                 "line 1: it takes true or false",
		"port: 1\nport: 2\n":      "line 2: key port is also at line 1; keep one of them",
		"port: x\nprot: 2\n":      "line 1: it takes a whole number; line 2: key prot is not known",
		"labels:\n  a: {b: c}\n":  "line 2: it takes one value",
		"labels: {a: 2027-06-30}": "line 1: it takes text, and this is a date; put it in quotes",
	} {
		if err := Decode([]byte(text), &into); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
