package printable

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLine_SpellsOutWhatIsNoText(t *testing.T) {
	for in, want := range map[string]string{
		"":                   "",
		"robots-1":           "robots-1",
		"사진 폴더":              "사진 폴더",
		"\u1112\u1161\u11ab": "\u1112\u1161\u11ab", // Hangul as macOS writes it
		"全角　ç é \u0301":      "全角　ç é \u0301",
		"🤖 👩\u200d🔬 ❤\ufe0f\u200d🔥 🇰🇷": "🤖 👩\u200d🔬 ❤\ufe0f\u200d🔥 🇰🇷",
		"می\u200cخواهم":                "می\u200cخواهم",
		"a\x1b[31mred":                 `a\x1b[31mred`,
		"\x1b]0;TITLE\x07":             `\x1b]0;TITLE\x07`,
		"\x1b]52;c;cHduZWQ=\x07":       `\x1b]52;c;cHduZWQ=\x07`,
		"nl\nremove index.html":        `nl\nremove index.html`,
		"over\rwritten\ttab\vvt\ffeed": `over\rwritten\ttab\x0bvt\x0cfeed`,
		"back\b\bspace\x7f":            `back\x08\x08space\x7f`,
		"c1 \u009b31m \u0085 \u2028":   `c1 \u009b31m \u0085 \u2028`,
		"raw c1 \x9b31m":               `raw c1 \x9b31m`,
		"euc-kr \xb0\xa1":              `euc-kr \xb0\xa1`,
		"half \xed\x95":                `half \xed\x95`,
		"txt.\u202egnp.exe":            `txt.\u202egnp.exe`,
		"\u2066isolated\u2069 \u200fx": `\u2066isolated\u2069 \u200fx`,
		"zero\u200bwidth \ufeffbom":    `zero\u200bwidth \ufeffbom`,
		"j\u200doin \u200d":            `j\u200doin \u200d`,
		"soft\u00adhyphen \U000e0041":  `soft\u00adhyphen \U000e0041`,
		"private \ue000":               "private \\ue000",
		"the sign itself \ufffd":       "the sign itself \ufffd",
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestText_KeepsLinesAndLeavesOutColours(t *testing.T) {
	for in, want := range map[string]string{
		"one\n\ttwo":                         "one\n\ttwo",
		"\x1b[1;31mRED\x1b[0m \x1b[38:5:9mx": "RED x",
		"\x1b]0;TITLE\a\x1b[2J\x1b[31mRED\n": "\\x1b]0;TITLE\\x07\\x1b[2JRED\n",
		"dos\r\nlines\r\n":                   "dos\nlines\n",
		"10%\r20%\r":                         `10%\r20%`,
		"\x1b[3\x1b[1m1m":                    `\x1b[31m`,
		"a\u2028b\u202ec":                    `a\u2028b\u202ec`,
	} {
		if got := Text(in); got != want {
			t.Errorf("Text(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestNested_NoLineStandsForItself(t *testing.T) {
	if got, want := Nested("first\nsecond\n  third\n\ngateway: done\n"), "first\n  second\n  third\n\n  gateway: done\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJSON_MeansTheSame(t *testing.T) {
	in := map[string]string{"Hangul 사진": "a\x1b\u009b\u202e\u2028\x7f 🤖\U000e0041\n"}
	raw, err := json.MarshalIndent(in, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	text := JSON(raw)
	if !fits(string(text), "\n\t") {
		t.Errorf("%q is not fit to be shown", text)
	}
	if !strings.Contains(string(text), "사진") || !strings.Contains(string(text), "🤖") {
		t.Errorf("%s: letters were spelled out", text)
	}
	var out map[string]string
	if err := json.Unmarshal(text, &out); err != nil || out["Hangul 사진"] != in["Hangul 사진"] {
		t.Errorf("%s says %q (%v)", text, out, err)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[31m\r\n\u202e\xff👩\u200d🔬")
	f.Fuzz(func(t *testing.T, s string) {
		for name, c := range map[string]struct{ text, keep string }{"Line": {Line(s), ""}, "Text": {Text(s), "\n\t"}, "Nested": {Nested(s), "\n\t"}} {
			if !utf8.ValidString(c.text) {
				t.Errorf("%s(%q) is %q, no UTF-8", name, s, c.text)
			}
			joiners := strings.NewReplacer("\u200d", "", "\u200c", "")
			if !fits(joiners.Replace(c.text), c.keep) {
				t.Errorf("%s(%q) is %q, with characters that are not seen", name, s, c.text)
			}
		}
	})
}
