package authority

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestProfile_HoldsTheRoot(t *testing.T) {
	a, b := open(t, t.TempDir(), "nas.lan"), open(t, t.TempDir(), "x&y.lan")
	for _, x := range []*Authority{a, b} {
		text := Profile(x.Root())
		if !bytes.Contains(text, []byte("<data>"+base64.StdEncoding.EncodeToString(x.Root().Raw)+"</data>")) {
			t.Errorf("the root is missing:\n%s", text)
		}
		for d := xml.NewDecoder(bytes.NewReader(text)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(text, Profile(x.Root())) {
			t.Error("the same root gives another profile")
		}
	}
	if bytes.Equal(Profile(a.Root()), Profile(b.Root())) {
		t.Error("another root gives the same profile")
	}
}

func TestParseRoot_ReadsBothForms(t *testing.T) {
	a := open(t, t.TempDir(), "nas.lan")
	for _, data := range [][]byte{a.RootPEM(), a.Root().Raw} {
		if root, err := ParseRoot(data); err != nil || !root.Equal(a.Root()) {
			t.Errorf("%v, %v", root, err)
		}
	}
	chain, err := a.Sign(request(t, newKey(t), "nas.lan"))
	if err != nil {
		t.Fatal(err)
	}
	for want, data := range map[string][]byte{
		"of a server": chain, "PRIVATE KEY": encode("PRIVATE KEY", []byte("x")), "PEM or DER": []byte("hello"), "PEM or": nil,
	} {
		if _, err := ParseRoot(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

func TestPublish_NamesThoseOfMulticastDNS(t *testing.T) {
	got := Publish([]string{"nas.lan", "Photos.local.", "*.local", "example.org"}, "192.168.1.5")
	if want := []string{"avahi-publish -a -R photos.local 192.168.1.5"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
