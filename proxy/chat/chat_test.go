package chat

import "testing"

func TestMute_LeavesAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"@everyone":              "@\u200beveryone",
		"ask @kim or (@ada)":     "ask @\u200bkim or (@\u200bada)",
		"kim@example.org":        "kim@example.org",
		"@@":                     "@\u200b@\u200b",
		"mail kim9@example.org.": "mail kim9@example.org.",
	} {
		if got := Mute(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestEscapeSlack_LeavesNoMarkup(t *testing.T) {
	if got, want := EscapeSlack("<!channel> & <https://example.org|x>"), "&lt;!channel&gt; &amp; &lt;https://example.org|x&gt;"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
