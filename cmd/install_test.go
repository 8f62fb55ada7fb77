package cmd

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"
)

// release is what a publisher has on its server: files by their paths, and a key.
type release struct {
	files map[string][]byte
	key   ed25519.PrivateKey
	id    [8]byte
}

const released = "#!/bin/sh\necho installed\n"

func binaryName() string { return "gateway-" + runtime.GOOS + "-" + runtime.GOARCH }

func newRelease(t *testing.T) *release {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &release{files: map[string][]byte{}, key: key, id: [8]byte([]byte("number 1"))}
	r.put(binaryName(), []byte(released))
	r.put("SHA256SUMS", fmt.Appendf(nil, "%x  %s\n", sha256.Sum256([]byte(released)), binaryName()))
	r.put("SHA256SUMS.minisig", r.sign("ED", r.files["/v1/SHA256SUMS"]))
	return r
}

func (r *release) put(name string, content []byte) { r.files["/v1/"+name] = content }

// public is the key as minisign prints it.
func (r *release) public() string {
	return base64.StdEncoding.EncodeToString(append(append([]byte("Ed"), r.id[:]...), r.key.Public().(ed25519.PublicKey)...))
}

// sign is a signature as minisign writes it: of a hash (ED), or of the content itself (Ed).
func (r *release) sign(algorithm string, content []byte) []byte {
	signed := content
	if algorithm == "ED" {
		hash := blake2b.Sum512(content)
		signed = hash[:]
	}
	const comment = "gateway v1"
	signature := ed25519.Sign(r.key, signed)
	global := ed25519.Sign(r.key, append(bytes.Clone(signature), comment...))
	line := append(append([]byte(algorithm), r.id[:]...), signature...)
	return fmt.Appendf(nil, "untrusted comment: of a test\n%s\ntrusted comment: %s\n%s\n",
		base64.StdEncoding.EncodeToString(line), comment, base64.StdEncoding.EncodeToString(global))
}

func (r *release) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	content, found := r.files[q.URL.Path]
	if !found {
		http.NotFound(w, q)
		return
	}
	_, _ = w.Write(content)
}

// installer runs install.sh outside of a checkout.
type installer struct {
	dir, prefix string
	env         []string
}

// newInstaller makes one that finds these programs alone, trusts the server's certificate and asks it for the release v1.
func newInstaller(t *testing.T, server *httptest.Server, signer string, programs ...string) *installer {
	t.Helper()
	dir := t.TempDir()
	i := &installer{dir: dir, prefix: filepath.Join(dir, "prefix")}
	script, err := os.ReadFile("../install.sh")
	if err != nil {
		t.Fatal(err)
	}
	ca, wgetrc := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "wgetrc")
	for name, content := range map[string][]byte{
		filepath.Join(dir, "install.sh"): script,
		ca:                               pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
		wgetrc:                           []byte("ca_certificate = " + ca + "\n"),
	} {
		if err := os.WriteFile(name, content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	basic := []string{"sh", "cat", "date", "mkdir", "mktemp", "rm", "mv", "cp", "chmod", "uname", "tr", "id", "dirname", "awk", "cut", "sed", "grep", "head", "tail", "wc", "sleep", "sha256sum"}
	for _, name := range append(basic, programs...) {
		at, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("install.sh with %s was not tested: it is not installed here", name)
		}
		if err := os.Symlink(at, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	i.env = []string{
		"PATH=" + bin, "HOME=" + dir, "CURL_CA_BUNDLE=" + ca, "WGETRC=" + wgetrc, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
		"GATEWAY_RELEASES=" + server.URL, "GATEWAY_VERSION=v1", "GATEWAY_SIGNER=" + signer,
	}
	return i
}

func (i *installer) run() (string, error) {
	c := exec.Command(filepath.Join(i.dir, "bin", "sh"), filepath.Join(i.dir, "install.sh"), "--prefix", i.prefix)
	c.Env = i.env
	out, err := c.CombinedOutput()
	return string(out), err
}

// installs checks that the release is installed.
func (i *installer) installs(t *testing.T, says string) {
	t.Helper()
	out, err := i.run()
	if err != nil || !strings.Contains(out, says) {
		t.Fatalf("%v, or it does not say %q:\n%s", err, says, out)
	}
	if got, err := os.ReadFile(filepath.Join(i.prefix, "bin", "gateway")); err != nil || string(got) != released {
		t.Errorf("installed: %q, %v", got, err)
	}
}

// refuses checks that nothing is installed, and why.
func (i *installer) refuses(t *testing.T, why string) {
	t.Helper()
	out, err := i.run()
	if err == nil || !strings.Contains(out, why) || !strings.Contains(out, "othing was installed") {
		t.Errorf("%v, or it does not say that nothing was installed, because %q:\n%s", err, why, out)
	}
	if left, _ := filepath.Glob(filepath.Join(i.prefix, "bin", "*")); len(left) > 0 {
		t.Errorf("there is %q", left)
	}
}

func serveRelease(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	// Clients that refuse the certificate are part of the tests.
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestInstall_VerifiesWithWhatIsThere(t *testing.T) {
	r := newRelease(t)
	server := serveRelease(t, r)
	for _, fetcher := range []string{"curl", "wget"} {
		for _, verifier := range []string{"minisign", "openssl"} {
			t.Run(fetcher+","+verifier, func(t *testing.T) {
				newInstaller(t, server, r.public(), fetcher, verifier).installs(t, "downloading gateway v1")
			})
		}
	}
	t.Run("signature without a hash", func(t *testing.T) {
		older := newRelease(t)
		older.put("SHA256SUMS.minisig", older.sign("Ed", older.files["/v1/SHA256SUMS"]))
		newInstaller(t, serveRelease(t, older), older.public(), "curl", "openssl").installs(t, "")
	})
	t.Run("no signer", func(t *testing.T) {
		newInstaller(t, server, "", "curl").installs(t, "no key of a signer is set")
	})
	t.Run("no verifier", func(t *testing.T) {
		newInstaller(t, server, r.public(), "curl").refuses(t, "install minisign, or OpenSSL 3")
	})
}

func TestInstall_RefusesWhatIsNotTheSigners(t *testing.T) {
	other := newRelease(t)
	for name, change := range map[string]func(r *release){
		"no signature":              func(r *release) { delete(r.files, "/v1/SHA256SUMS.minisig") },
		"signature of another file": func(r *release) { r.put("SHA256SUMS.minisig", r.sign("ED", []byte("other"))) },
		"signature by another": func(r *release) {
			r.put("SHA256SUMS.minisig", other.sign("ED", r.files["/v1/SHA256SUMS"]))
		},
		"another's checksums": func(r *release) { r.put("SHA256SUMS", append(r.files["/v1/SHA256SUMS"], '\n')) },
		"changed comment": func(r *release) {
			r.put("SHA256SUMS.minisig", bytes.Replace(r.files["/v1/SHA256SUMS.minisig"], []byte("gateway v1"), []byte("gateway v2"), 1))
		},
		"empty signature":     func(r *release) { r.put("SHA256SUMS.minisig", nil) },
		"no signature at all": func(r *release) { r.put("SHA256SUMS.minisig", []byte("<html>\n<body>\n</body>\n</html>\n")) },
	} {
		for _, verifier := range []string{"minisign", "openssl"} {
			t.Run(name+","+verifier, func(t *testing.T) {
				r := newRelease(t)
				change(r)
				why := "is not by " + r.public()
				if name == "no signature" {
					why = "could not download"
				}
				newInstaller(t, serveRelease(t, r), r.public(), "curl", verifier).refuses(t, why)
			})
		}
	}
}

func TestInstall_RefusesWhatIsDamaged(t *testing.T) {
	for _, fetcher := range []string{"curl", "wget"} {
		t.Run("another binary,"+fetcher, func(t *testing.T) {
			r := newRelease(t)
			r.put(binaryName(), []byte("#!/bin/sh\necho forged\n"))
			newInstaller(t, serveRelease(t, r), "", fetcher).refuses(t, "the checksum of "+binaryName())
		})
		t.Run("not listed,"+fetcher, func(t *testing.T) {
			r := newRelease(t)
			r.put("SHA256SUMS", []byte("0000  gateway-plan9-386\n"))
			newInstaller(t, serveRelease(t, r), "", fetcher).refuses(t, "does not list "+binaryName())
		})
		t.Run("cut off,"+fetcher, func(t *testing.T) {
			r := newRelease(t)
			cut := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if path.Base(q.URL.Path) == binaryName() {
					w.Header().Set("Content-Length", "1000000")
				}
				r.ServeHTTP(w, q)
			})
			newInstaller(t, serveRelease(t, cut), "", fetcher).refuses(t, "could not download")
		})
	}
}

// TestInstall_DownloadsByHTTPSAlone has a server whose HTTP side has all that a release needs.
func TestInstall_DownloadsByHTTPSAlone(t *testing.T) {
	r := newRelease(t)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		t.Errorf("%s was asked for by HTTP", q.URL)
		r.ServeHTTP(w, q)
	}))
	defer plain.Close()
	secure := serveRelease(t, r)
	for fetcher, says := range map[string]string{"curl": "could not download", "wget": plain.URL} {
		t.Run(fetcher, func(t *testing.T) {
			moved := func(to string) *httptest.Server {
				return serveRelease(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					http.Redirect(w, q, to+q.URL.Path, http.StatusFound)
				}))
			}
			newInstaller(t, moved(secure.URL), r.public(), fetcher, "openssl").installs(t, "")
			newInstaller(t, moved(plain.URL), r.public(), fetcher, "openssl").refuses(t, says)
			direct := newInstaller(t, secure, r.public(), fetcher, "openssl")
			direct.env = append(direct.env, "GATEWAY_RELEASES="+plain.URL)
			direct.refuses(t, "is not an https address")
			empty := filepath.Join(t.TempDir(), "wgetrc")
			if err := os.WriteFile(empty, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			stranger := newInstaller(t, secure, r.public(), fetcher, "openssl")
			stranger.env = append(stranger.env, "CURL_CA_BUNDLE="+filepath.Join(stranger.dir, "install.sh"), "WGETRC="+empty)
			stranger.refuses(t, "could not download")
		})
	}
	t.Run("neither", func(t *testing.T) {
		newInstaller(t, secure, r.public(), "openssl").refuses(t, "curl or GNU wget")
	})
}
