package certificate

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// maxDepth is how many folders below the first are looked into, maxEntries how many names in all.
	maxDepth   = 3
	maxEntries = 20_000
)

// endings are those of the names of PEM files.
var endings = []string{".pem", ".crt", ".cer", ".cert", ".key"}

// walk finds PEM files in folders, and follows symbolic links.
type walk struct {
	stamps  map[string]stamp
	entries int
}

var errManyEntries = errors.New("it has too many files; choose the folder that has the certificates alone")

// folder adds the files of a folder. Hidden names are left out: Kubernetes keeps old contents under such. Files and
// folders in it that cannot be looked at are as if they were not there.
func (w *walk) folder(path string, depth int) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if w.entries++; w.entries > maxEntries {
			return errManyEntries
		}
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		name := filepath.Join(path, e.Name())
		info, err := os.Stat(name)
		switch {
		case err != nil:
		case info.IsDir() && depth < maxDepth:
			if err := w.folder(name, depth+1); errors.Is(err, errManyEntries) {
				return err
			}
		case info.Mode().IsRegular() && slices.Contains(endings, strings.ToLower(filepath.Ext(name))):
			w.stamps[name] = stamp{info.ModTime(), info.Size()}
		}
	}
	return nil
}

// contents are the PEM files of a folder.
type contents struct {
	// chains are the files with certificates, keys those in PEM by their public keys.
	chains []chain
	keys   map[string][]byte
	// unread are the errors of files by their folders.
	unread map[string]error
}

// chain is a file that begins with the certificate of a name.
type chain struct {
	path   string
	leaf   *x509.Certificate
	length int
	pem    []byte
}

// match finds the pairs in the files of the folder, by their public keys.
func (r *Reader) match(stamps map[string]stamp, found *collection) {
	all := contents{keys: map[string][]byte{}, unread: map[string]error{}}
	for _, path := range slices.Sorted(maps.Keys(stamps)) {
		if within(r.folder, path) {
			all.read(path)
		}
	}
	for _, c := range all.longest() {
		key, paired := all.keys[string(c.leaf.RawSubjectPublicKeyInfo)]
		if !paired {
			if err := all.unpaired(c); err != nil {
				found.faults[c.path] = err
			}
			continue
		}
		h, err := use(PEMPair{Path: c.path, Certificate: c.pem, Key: key})
		if err != nil {
			found.faults[c.path] = fmt.Errorf("loading the certificate %s: %w", c.path, err)
			continue
		}
		found.pairs = append(found.pairs, h)
	}
}

func within(folder, path string) bool {
	rest, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rest)
}

// read adds a file.
func (a *contents) read(path string) {
	data, err := readFile(path)
	if err != nil {
		a.unread[filepath.Dir(path)] = err
		return
	}
	var c chain
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE":
			c.add(path, block)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			if public := publicOf(block); public != nil {
				a.keys[string(public)] = pem.EncodeToMemory(block)
			} else {
				a.unread[filepath.Dir(path)] = unusable(path, block)
			}
		}
	}
	if c.leaf != nil {
		a.chains = append(a.chains, c)
	}
}

// unusable says why a key cannot be read.
func unusable(path string, block *pem.Block) error {
	if encrypted(pem.EncodeToMemory(block)) {
		return fmt.Errorf("%s: %w", path, errEncrypted)
	}
	return fmt.Errorf("%s has a key of an unknown kind", path)
}

// add adds a certificate of the file. One that cannot be read ends the chain.
func (c *chain) add(path string, block *pem.Block) {
	if c.leaf == nil && c.length == 0 {
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return
		}
		c.path, c.leaf = path, leaf
	}
	c.length++
	c.pem = append(c.pem, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
}

// publicOf is the public key of a private one, as certificates have it; nil when the key cannot be read.
func publicOf(block *pem.Block) []byte {
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	signer, is := key.(crypto.Signer)
	if err != nil || !is {
		return nil
	}
	public, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil
	}
	return public
}

// longest are the files, of those with the same first certificate the one with most of what it was signed by.
func (a *contents) longest() []chain {
	best := map[string]chain{}
	for _, c := range a.chains {
		old, found := best[string(c.leaf.Raw)]
		if !found || c.length > old.length {
			best[string(c.leaf.Raw)] = c
		}
	}
	return slices.SortedFunc(maps.Values(best), func(a, b chain) int {
		return cmp.Or(cmp.Compare(a.path, b.path), bytes.Compare(a.leaf.Raw, b.leaf.Raw))
	})
}

// unpaired says that a certificate has no key; nil for that of an authority, which needs none here.
func (a *contents) unpaired(c chain) error {
	if c.leaf.IsCA {
		return nil
	}
	err := fmt.Errorf("the certificate %s has no key in its folder; put the PEM file of its key there", c.path)
	if why := a.unread[filepath.Dir(c.path)]; why != nil {
		err = fmt.Errorf("the certificate %s has no key in its folder that can be read: %w", c.path, why)
	}
	return err
}
