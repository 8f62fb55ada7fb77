package stack

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gateway/proxy/docker"
)

// tree makes files, and symbolic links where a value is not empty, and returns the folder without links in its name.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, to := range files {
		path := filepath.Join(top, name)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		switch {
		case err != nil:
		case to == "":
			err = os.WriteFile(path, nil, 0o600)
		default:
			err = os.Symlink(strings.ReplaceAll(to, "TOP", top), path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return top
}

func TestFindCertificates_MountsAllThatLinksLeadTo(t *testing.T) {
	certbot := map[string]string{
		"le/archive/a.org/fullchain1.pem": "", "le/archive/a.org/privkey1.pem": "",
		"le/live/a.org/fullchain.pem": "../../archive/a.org/fullchain1.pem", "le/live/a.org/privkey.pem": "../../archive/a.org/privkey1.pem",
	}
	for name, c := range map[string]struct {
		files                    map[string]string
		certificate, key         string
		wantCertificate, wantKey string
		folders                  []string
	}{
		"plain":                         {map[string]string{"c/a.crt": "", "c/a.key": ""}, "c/a.crt", "c/a.key", "c/a.crt", "c/a.key", []string{"c"}},
		"two folders":                   {map[string]string{"c/a.crt": "", "k/a.key": ""}, "c/a.crt", "k/a.key", "c/a.crt", "k/a.key", []string{"c", "k"}},
		"nested":                        {map[string]string{"c/a.crt": "", "c/private/a.key": ""}, "c/a.crt", "c/private/a.key", "c/a.crt", "c/private/a.key", []string{"c"}},
		"certbot":                       {certbot, "le/live/a.org/fullchain.pem", "le/live/a.org/privkey.pem", "le/live/a.org/fullchain.pem", "le/live/a.org/privkey.pem", []string{"le"}},
		"certbot's live":                {certbot, "le/live", "", "le/live/", "", []string{"le"}},
		"absolute links":                {map[string]string{"c/a.crt": "TOP/d/1.crt", "d/1.crt": "2.crt", "d/2.crt": "", "c/a.key": ""}, "c/a.crt", "c/a.key", "c/a.crt", "c/a.key", []string{""}},
		"a linked folder":               {map[string]string{"real/a.crt": "", "real/a.key": "", "by": "real"}, "by/a.crt", "by/a.key", "real/a.crt", "real/a.key", []string{"real"}},
		"a link to nowhere in a folder": {map[string]string{"c/a.crt": "", "c/b.crt": "TOP/none/x"}, "c", "", "c/", "", []string{"c"}},
	} {
		t.Run(name, func(t *testing.T) {
			top := tree(t, c.files)
			given := CertificateFiles{Certificate: filepath.Join(top, c.certificate)}
			want := CertificateFiles{Certificate: top + "/" + c.wantCertificate}
			if c.key != "" {
				given.Key, want.Key = filepath.Join(top, c.key), top+"/"+c.wantKey
			}
			files, folders, err := FindCertificates([]CertificateFiles{given})
			if err != nil {
				t.Fatal(err)
			}
			var wanted []string
			for _, f := range c.folders {
				wanted = append(wanted, filepath.Join(top, f))
			}
			if !slices.Equal(files, []CertificateFiles{want}) || !slices.Equal(folders, wanted) {
				t.Errorf("%+v in %q, want %+v in %q", files, folders, want, wanted)
			}
		})
	}
}

func TestFindCertificates_RefusesWhatCannotWork(t *testing.T) {
	top := tree(t, map[string]string{
		"c/a.crt": "", "c/a.key": "", "c/hosts.crt": "/etc/hosts", "c/one.crt": "two.crt", "c/two.crt": "one.crt", "c/all": "/etc/hosts",
	})
	for name, c := range map[string]struct {
		files CertificateFiles
		want  []string
	}{
		"missing":         {CertificateFiles{top + "/c/none.crt", top + "/c/a.key"}, []string{"none.crt"}},
		"a missing key":   {CertificateFiles{top + "/c/a.crt", top + "/c/none.key"}, []string{"none.key"}},
		"no key":          {CertificateFiles{Certificate: top + "/c/a.crt"}, []string{"a.crt", "needs the file of its key"}},
		"a folder's key":  {CertificateFiles{top + "/c", top + "/c/a.key"}, []string{"/c", "folder"}},
		"the root folder": {CertificateFiles{top + "/c/hosts.crt", top + "/c/a.key"}, []string{"hosts.crt", "whole folder /", "of their own"}},
		"all of etc":      {CertificateFiles{"/etc/hosts", top + "/c/a.key"}, []string{"/etc/hosts", "whole folder /etc", "of their own"}},
		"a circle":        {CertificateFiles{top + "/c/one.crt", top + "/c/a.key"}, []string{"one.crt"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := FindCertificates([]CertificateFiles{c.files})
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q in it", err, want)
				}
			}
		})
	}
}

func TestAgentSpec_HasTheFilesOfCertificates(t *testing.T) {
	s := Default()
	plain := agentSpec(s, "image")
	s.Certificates = []CertificateFiles{{"/etc/le/live/a/fullchain.pem", "/etc/le/live/a/privkey.pem"}, {Certificate: "/srv/certs/"}}
	s.CertificateFolders = []string{"/etc/le", "/srv/certs"}
	got := agentSpec(s, "image")
	wantCommand := slices.Concat(plain.Command, []string{"--cert", "/etc/le/live/a/fullchain.pem", "--key", "/etc/le/live/a/privkey.pem", "--cert", "/srv/certs/"})
	wantMounts := slices.Concat(plain.Mounts, []docker.Mount{{Source: "/etc/le", Target: "/etc/le", ReadOnly: true}, {Source: "/srv/certs", Target: "/srv/certs", ReadOnly: true}})
	if !slices.Equal(got.Command, wantCommand) || !slices.Equal(got.Mounts, wantMounts) {
		t.Errorf("%q with %+v", got.Command, got.Mounts)
	}
	if !reflect.DeepEqual(proxySpec(s, "image"), proxySpec(Default(), "image")) {
		t.Error("the proxy sees files of the host")
	}
}
