package archive

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

// keyFile writes a private key, as age-keygen does.
func keyFile(t *testing.T, text string) Identities {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(path, []byte("# a key\n"+text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := ReadIdentities([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestCreate_EncryptsForItsRecipientsAlone(t *testing.T) {
	mine, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "recipients.txt")
	if err := os.WriteFile(list, []byte(mine.Recipient().String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for word, key := range map[string]string{mine.Recipient().String(): mine.String(), hybrid.Recipient().String(): hybrid.String(), list: mine.String()} {
		to, err := ParseRecipients([]string{word})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), Name("blog", made, true))
		w, err := Create(path, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		h, text := file("project/compose.yaml", strings.Repeat("a secret ", 100_000))
		if err := w.Add(&h, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Finish(t.Context(), Info{Project: "blog"}); err != nil {
			t.Fatal(err)
		}
		if sum, err := Sum(t.Context(), path); err != nil || len(sum) != 64 || sum != w.SHA256() {
			t.Errorf("%s: the sum is %s, %v, and was %s", word, sum, err, w.SHA256())
		}
		if is, err := Encrypted(path); err != nil || !is {
			t.Errorf("%s: encrypted: %t %v", word, is, err)
		}
		keys := keyFile(t, key)
		if m, err := Read(t.Context(), path, keys, nil); err != nil || m.Project != "blog" {
			t.Errorf("its reader reads %+v %v", m.Info, err)
		}
		if _, err := Read(t.Context(), path, Identities{}, nil); err == nil || !strings.Contains(err.Error(), "--identity") {
			t.Errorf("without a key: %v", err)
		}
		if _, err := Read(t.Context(), path, keyFile(t, other.String()), nil); err == nil || !strings.Contains(err.Error(), "other keys") {
			t.Errorf("with another key: %v", err)
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(whole); at += 1 + len(whole)/200 {
			changed := bytes.Clone(whole)
			changed[at] ^= 1
			for name, text := range map[string][]byte{"changed": changed, "cut": whole[:at]} {
				if _, err := read(t.Context(), bytes.NewReader(text), int64(len(text)), keys, nil); !errors.As(err, new(*BadError)) {
					t.Errorf("%s at byte %d: %v", name, at, err)
				}
			}
		}
	}
}

func TestParseRecipients_RefusesWhatIsNone(t *testing.T) {
	for _, word := range []string{"age1nonsense", "nowhere.txt"} {
		if _, err := ParseRecipients([]string{word}); err == nil {
			t.Errorf("%s is taken", word)
		}
	}
}
