// Package authority is the gateway's own certificate authority, for names that no public one can validate: those of home
// networks. It knows keys, files and which names are internal; it knows nothing of orders and handshakes. The policy
// worth stating: people install the root by hand on each device, so an existing root is never replaced, and its name
// constraints keep it from signing for names of the internet, even with a stolen key.
package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	rootLife         = 10 * 365 * 24 * time.Hour
	intermediateLife = 365 * 24 * time.Hour
	leafLife         = 7 * 24 * time.Hour
	// backdate is for clients whose clocks are slow.
	backdate = time.Hour
	// renewBefore is how long before its end the intermediate certificate is replaced.
	renewBefore = intermediateLife / 3
	// minRSA is the least size of an RSA key, in bits.
	minRSA = 2048
)

// The files in the folder of an authority. Each has a certificate and its key, so that no crash can part them.
const (
	rootFile         = "root.pem"
	intermediateFile = "intermediate.pem"
	// aside is added to the name of a file that cannot be read.
	aside = ".bad"
)

// ErrNoRoot is wrapped by the error of Open if the root that was there cannot be read: a new one would have to be trusted
// again on each device, so it is for people to decide.
var ErrNoRoot = errors.New("the root of the gateway's own certificate authority is lost")

// Authority signs certificates of internal names. It is safe for concurrent use.
type Authority struct {
	folder string
	log    *slog.Logger
	root   signer

	// mu guards what is below, and the file of it.
	mu           sync.Mutex
	intermediate signer
}

// signer is a certificate with its key.
type signer struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// Open reads the authority in a folder, or makes one there: then its root may sign for internal names below the usual
// suffixes and below those of domains. The folder is made when it is missing.
func Open(folder string, domains []string, log *slog.Logger) (*Authority, error) {
	a := &Authority{folder: folder, log: log}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the certificate authority: %w", err)
	}
	var err error
	if a.root, err = a.openRoot(domains); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.intermediate, err = read(a.path(intermediateFile)); err == nil {
		err = a.intermediate.certificate.CheckSignatureFrom(a.root.certificate)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		log.Warn("the intermediate certificate cannot be used and was set aside; the root signs a new one", "file", a.setAside(intermediateFile), "error", err)
	}
	if err != nil {
		a.intermediate = signer{}
	}
	return a, a.renew(time.Now())
}

// openRoot reads the root, or makes it in a folder that never had one.
func (a *Authority) openRoot(domains []string) (signer, error) {
	path := a.path(rootFile)
	root, err := read(path)
	if err == nil && !root.certificate.IsCA {
		err = errors.New("it is not the certificate of an authority")
	}
	switch {
	case err == nil:
		return root, nil
	case errors.Is(err, errTorn):
		return signer{}, lost(path+aside, fmt.Errorf("%s cannot be read, and its content is in %s: %w", path, a.setAside(rootFile), err))
	case !errors.Is(err, os.ErrNotExist):
		return signer{}, fmt.Errorf("reading the root of the certificate authority: %w", err)
	}
	for _, left := range []string{path + aside, a.path(intermediateFile)} {
		if _, err := os.Stat(left); err == nil {
			return signer{}, lost(left, fmt.Errorf("%s is missing, and there is %s", path, left))
		}
	}
	root, err = newRoot(domains, time.Now())
	if err != nil {
		return signer{}, fmt.Errorf("making the root of the certificate authority: %w", err)
	}
	if err := root.write(path); err != nil {
		return signer{}, err
	}
	a.log.Info("made a certificate authority; devices have to trust its root: gateway trust install", "file", path)
	return root, nil
}

// lost says what to do about a root that was there.
func lost(left string, err error) error {
	return fmt.Errorf("%w: %w; restore %s from a backup, or remove %s for a new root, which has to be trusted again on each device",
		ErrNoRoot, err, rootFile, left)
}

// Root is the certificate that devices trust. It is never nil.
func (a *Authority) Root() *x509.Certificate { return a.root.certificate }

// RootPEM is Root in PEM.
func (a *Authority) RootPEM() []byte { return PEM(a.root.certificate) }

// PEM is a certificate in PEM.
func PEM(c *x509.Certificate) []byte { return encode("CERTIFICATE", c.Raw) }

// Fingerprint is the SHA-256 digest of a certificate, as people compare it: pairs of digits with colons.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	var b strings.Builder
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(digits[i : i+2])
	}
	return b.String()
}

// Sign signs a certificate for the names and addresses of a request. It is valid for 7 days. The PEM has the intermediate
// certificate too. An error names the first name that the authority does not sign, and what to do instead.
func (a *Authority) Sign(csr *x509.CertificateRequest) (chainPEM []byte, err error) {
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("signing a certificate: the request: %w", err)
	}
	if key, is := csr.PublicKey.(*rsa.PublicKey); is && key.N.BitLen() < minRSA {
		return nil, fmt.Errorf("signing a certificate: its RSA key has %d bits, and %d is the least", key.N.BitLen(), minRSA)
	}
	names := csr.DNSNames
	for _, ip := range csr.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return nil, errors.New("signing a certificate: the request has no names")
	}
	for _, name := range names {
		if err := a.Permits(name); err != nil {
			return nil, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if err := a.renew(now); err != nil {
		return nil, err
	}
	// An empty subject: some clients hold a common name to the constraints, as if an address were a name.
	leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		DNSNames: csr.DNSNames, IPAddresses: csr.IPAddresses,
		NotBefore: now.Add(-backdate), NotAfter: earlier(now.Add(leafLife), a.intermediate.certificate.NotAfter),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}, a.intermediate.certificate, csr.PublicKey, a.intermediate.key)
	if err != nil {
		return nil, fmt.Errorf("signing a certificate: %w", err)
	}
	return append(encode("CERTIFICATE", leaf), encode("CERTIFICATE", a.intermediate.certificate.Raw)...), nil
}

// Permits returns nil if the authority signs for a name or an address, and else an error with the fix. The name may be a
// wildcard.
func (a *Authority) Permits(name string) error {
	root, bare := a.root.certificate, strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "*."), "."))
	if ip, err := netip.ParseAddr(bare); err == nil {
		for _, network := range root.PermittedIPRanges {
			if network.Contains(net.IP(ip.Unmap().AsSlice())) {
				return nil
			}
		}
		return fmt.Errorf("%s is a public address: the gateway's own authority signs private ones alone; order a certificate without --internal-ca", name)
	}
	for _, suffix := range root.PermittedDNSDomains {
		if bare == suffix || strings.HasSuffix(bare, "."+suffix) {
			return nil
		}
	}
	if !Internal(name) {
		return fmt.Errorf("%s is a name of the internet: the gateway's own authority signs internal ones alone; order a certificate without --internal-ca", name)
	}
	return fmt.Errorf("%s is not below %s, and devices that trust the root accept no other names from it; choose a name such as nas.lan, "+
		"or make a new root: remove the folder %s, then trust the root again on each device",
		name, strings.Join(root.PermittedDNSDomains, ", "), a.folder)
}

// renew makes sure that the intermediate certificate outlives the leaves that it signs. The caller holds mu.
func (a *Authority) renew(now time.Time) error {
	root, old := a.root.certificate, a.intermediate.certificate
	if !now.Before(root.NotAfter) {
		return fmt.Errorf("the root of the gateway's own authority ended on %s; remove the folder %s for a new one, then trust it on each device",
			root.NotAfter.UTC().Format("2 January 2006"), a.folder)
	}
	if old != nil && (now.Add(renewBefore).Before(old.NotAfter) || old.NotAfter.Equal(root.NotAfter)) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{
			Organization: root.Subject.Organization, CommonName: strings.TrimSuffix(root.Subject.CommonName, rootName) + intermediateName,
		},
		NotBefore: now.Add(-backdate), NotAfter: earlier(now.Add(intermediateLife), root.NotAfter), MaxPathLenZero: true,
	}
	constrain(template, root.PermittedDNSDomains)
	next, err := sign(template, a.root, key)
	if err != nil {
		return fmt.Errorf("signing the intermediate certificate: %w", err)
	}
	if err := next.write(a.path(intermediateFile)); err != nil {
		return err
	}
	a.intermediate = next
	return nil
}

// The ends of the names of the certificates.
const (
	rootName         = " root"
	intermediateName = " intermediate"
)

// newRoot makes a root for the usual suffixes and those of domains.
func newRoot(domains []string, now time.Time) (signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return signer{}, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return signer{}, err
	}
	// Part of the key's digest: lists of trusted roots show two installations as two.
	sum := sha256.Sum256(public)
	of := "home"
	if len(domains) > 0 {
		of = strings.TrimPrefix(domains[0], "*.")
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"gateway"}, CommonName: fmt.Sprintf("gateway %.40s %x%s", of, sum[:3], rootName)},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(rootLife), MaxPathLen: 1,
	}
	constrain(template, suffixesOf(domains))
	return sign(template, signer{template, key}, key)
}

// constrain makes a template that of an authority for internal names (RFC 5280 section 4.2.1.10).
func constrain(template *x509.Certificate, suffixes []string) {
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	template.PermittedDNSDomainsCritical = true
	template.PermittedDNSDomains = suffixes
	for _, network := range networks {
		_, n, err := net.ParseCIDR(network.String())
		if err == nil {
			template.PermittedIPRanges = append(template.PermittedIPRanges, n)
		}
	}
}

// sign signs the certificate of an authority.
func sign(template *x509.Certificate, by signer, key *ecdsa.PrivateKey) (signer, error) {
	raw, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	if err != nil {
		return signer{}, err
	}
	certificate, err := x509.ParseCertificate(raw)
	return signer{certificate, key}, err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (a *Authority) path(name string) string { return filepath.Join(a.folder, name) }

// setAside renames a file that cannot be used, and returns where it is now.
func (a *Authority) setAside(name string) string {
	path := a.path(name)
	if os.Rename(path, path+aside) != nil {
		return path
	}
	return path + aside
}

func encode(kind string, raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
}
