package typo

import "testing"

func TestNearest_FindsTheWordThatWasMeant(t *testing.T) {
	words := []string{"path", "host", "mount", "expires"}
	for s, want := range map[string]string{
		"path": "path", "paht": "path", "pth": "path", "paths": "path", "part": "", "": "",
		"mounts": "mount", "mnount": "mount", "momunts": "mount", "expiry": "expires", "expire": "expires", "xpirse": "expires",
		"health": "",
	} {
		if got := Nearest(s, words...); got != want {
			t.Errorf("%q is taken for %q, want %q", s, got, want)
		}
	}
}
