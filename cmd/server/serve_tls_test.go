package server

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gateway/proxy/certificate"
)

func TestFilesOf_PairsCertificatesWithKeys(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "later") + "/"
	for name, c := range map[string]struct {
		certs, keys []string
		want        certificate.FilesConfig
		err         string
	}{
		"a pair": {[]string{"/a.crt"}, []string{"/a.key"}, certificate.FilesConfig{Pairs: []certificate.Pair{{Certificate: "/a.crt", Key: "/a.key"}}}, ""},
		"a folder between pairs": {[]string{"/a.crt", dir, "/b.crt"}, []string{"/a.key", "/b.key"}, certificate.FilesConfig{
			Pairs: []certificate.Pair{{Certificate: "/a.crt", Key: "/a.key"}, {Certificate: "/b.crt", Key: "/b.key"}}, Folder: dir,
		}, ""},
		"a folder that is missing": {[]string{missing}, nil, certificate.FilesConfig{Folder: missing}, ""},
		"no key":                   {[]string{"/a.crt"}, nil, certificate.FilesConfig{}, "/a.crt: its key is missing"},
		"no certificate":           {[]string{dir}, []string{"/a.key"}, certificate.FilesConfig{}, "/a.key: its certificate is missing"},
		"two folders":              {[]string{dir, missing}, nil, certificate.FilesConfig{}, "one folder"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := filesOf(c.certs, c.keys)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %q in it", err, c.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

// Orders ask for the listeners where they are, which is not the loopback address for one of a single address.
func TestServe_OrdersComeByItsListeners(t *testing.T) {
	for address, want := range map[string]listener{
		":80": {"", 80}, "0.0.0.0:8080": {"", 8080}, "[::]:443": {"", 443}, "192.0.2.1:80": {"192.0.2.1", 80}, "[2001:db8::1]:443": {"2001:db8::1", 443},
	} {
		if got := firstOf(nil, []string{address, ":1"}); got != want {
			t.Errorf("%s: %+v, want %+v", address, got, want)
		}
	}
	c, err := new(serveTLSOptions).order("", listeners{listener{"192.0.2.1", 80}, listener{"", 443}}, nil)
	if err != nil || c.HTTPHost != "192.0.2.1" || c.HTTPPort != 80 || c.TLSHost != "" || c.TLSPort != 443 {
		t.Errorf("%+v, %v", c, err)
	}
}
