package certificate

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// PEMPair is a certificate with what it was signed by, and its key, both in PEM.
type PEMPair struct {
	// Path is that of the file of the certificate. It tells pairs apart.
	Path             string
	Certificate, Key []byte
}

// equal reports whether two pairs are the same, byte for byte.
func (p PEMPair) equal(q PEMPair) bool {
	return p.Path == q.Path && bytes.Equal(p.Certificate, q.Certificate) && bytes.Equal(p.Key, q.Key)
}

// Reader reads pairs from files, again and again, and keeps each that could be used until another one can be used in its
// place, or its file in a folder is gone. In a folder, and in the folders in it, it finds the pairs by comparing public
// keys, whatever the files are called and whatever symbolic links lead to them: those of certbot (live/NAME/fullchain.pem
// and privkey.pem), of acme.sh (NAME_ecc/fullchain.cer and NAME.key), of tailscale cert (NAME.crt and NAME.key), and
// files with both. It is for one goroutine.
type Reader struct {
	pairs  []Pair
	folder string
	log    *slog.Logger

	// now are the pairs in use, read what their files were, and seen what the files were at the last look.
	now        []loadedPair
	read, seen map[string]stamp
	// told are the faults that were logged, by the file of the certificate.
	told map[string]string
}

// stamp tells one content of a file from the next.
type stamp struct {
	changed time.Time
	size    int64
}

// NewReader reads the files. An error names a pair of c.Pairs that is none, or a folder without any.
func NewReader(c FilesConfig) (*Reader, error) {
	r := &Reader{pairs: c.Pairs, folder: c.Folder, log: c.Logger, told: map[string]string{}}
	stamps, err := r.stamps()
	if err != nil {
		return nil, err
	}
	found := r.collect(stamps)
	for _, p := range c.Pairs {
		if err := found.faults[p.Certificate]; err != nil {
			return nil, err
		}
	}
	if c.Folder != "" && len(found.pairs) == len(c.Pairs) {
		return nil, noPairs(c.Folder, found.faults)
	}
	r.read, r.seen, r.now = stamps, stamps, found.pairs
	r.report(found.faults)
	return r, nil
}

// FollowFiles is NewReader for a process that goes on whatever the files are: what is wrong with them is logged. It reads
// nothing: the first Look does.
func FollowFiles(c FilesConfig) *Reader {
	r := &Reader{pairs: c.Pairs, folder: c.Folder, log: c.Logger, told: map[string]string{}}
	if stamps, err := r.stamps(); err == nil {
		r.seen = stamps
	}
	return r
}

// Read reports whether the files were read once.
func (r *Reader) Read() bool { return r.read != nil }

// noPairs says that a folder has no pair.
func noPairs(folder string, faults map[string]error) error {
	err := fmt.Errorf("the folder %s has no certificate with its key; put both into it as PEM files that end with .pem, .crt, .cer or .key", folder)
	for _, path := range slices.Sorted(maps.Keys(faults)) {
		return fmt.Errorf("%w: %w", err, faults[path])
	}
	return err
}

// Pairs are those in use, and for each file that never could be used one with its path alone, which Files.Set takes for the
// pair that it has. The slice is the caller's, what it refers to is not.
func (r *Reader) Pairs() []PEMPair {
	pairs := make([]PEMPair, len(r.now))
	for i, h := range r.now {
		pairs[i] = h.PEMPair
	}
	for _, path := range slices.Sorted(maps.Keys(r.told)) {
		if path != r.folder && !slices.ContainsFunc(pairs, func(p PEMPair) bool { return p.Path == path }) {
			pairs = append(pairs, PEMPair{Path: path})
		}
	}
	return pairs
}

// Look reads the files if they changed since they were last read, and have not changed since the last look. It reports
// whether that changed the pairs, and how long to wait before the next look.
func (r *Reader) Look() (changed bool, next time.Duration) {
	stamps, err := r.stamps()
	if err != nil {
		r.report(map[string]error{r.folder: err})
		return false, interval
	}
	last := r.seen
	r.seen = stamps
	switch {
	case r.read != nil && maps.Equal(stamps, r.read):
		return false, interval
	case !maps.Equal(stamps, last):
		return false, settle
	}
	r.read = stamps
	found := r.collect(stamps)
	r.report(found.faults)
	old := r.now
	r.now = r.carry(found, stamps)
	return !slices.EqualFunc(old, r.now, func(a, b loadedPair) bool { return a.equal(b.PEMPair) }), interval
}

// carry adds the pairs in use that cannot be read any more, as long as there is something at their path.
func (r *Reader) carry(found collection, stamps map[string]stamp) []loadedPair {
	next := found.pairs
	for _, old := range r.now {
		i := slices.IndexFunc(next, func(h loadedPair) bool { return h.Path == old.Path })
		named := slices.ContainsFunc(r.pairs, func(p Pair) bool { return p.Certificate == old.Path })
		_, there := stamps[old.Path]
		switch {
		case i >= 0 && next[i].equal(old.PEMPair):
			next[i] = old
		case i >= 0:
			r.log.Info("a new certificate is in use", "certificate", old.Path)
		case !named && !there:
			r.log.Info("a certificate was removed", "certificate", old.Path)
		case !slices.ContainsFunc(next, func(h loadedPair) bool {
			return bytes.Equal(h.certificate.Certificate[0], old.certificate.Certificate[0])
		}):
			next = append(next, old)
		}
	}
	return next
}

// report logs each fault once, until it is gone or another one.
func (r *Reader) report(faults map[string]error) {
	for path, err := range faults {
		if r.told[path] != err.Error() {
			r.log.Warn("a certificate cannot be used; one that could before stays", "certificate", path, "error", err)
			r.told[path] = err.Error()
		}
	}
	maps.DeleteFunc(r.told, func(path, _ string) bool { return faults[path] == nil })
}

// stamps are those of all files that may matter. A file of a pair that is not there has none.
func (r *Reader) stamps() (map[string]stamp, error) {
	stamps := map[string]stamp{}
	for _, p := range r.pairs {
		for _, path := range []string{p.Certificate, p.Key} {
			if info, err := os.Stat(path); err == nil {
				stamps[path] = stamp{info.ModTime(), info.Size()}
			}
		}
	}
	if r.folder == "" {
		return stamps, nil
	}
	w := walk{stamps: stamps}
	if err := w.folder(r.folder, 0); err != nil {
		return nil, fmt.Errorf("reading the folder of certificates %s: %w", r.folder, err)
	}
	return stamps, nil
}

// collection is what files have.
type collection struct {
	pairs []loadedPair
	// faults are by the path of a certificate.
	faults map[string]error
}

// collect reads the pairs, then the files of the folder.
func (r *Reader) collect(stamps map[string]stamp) collection {
	found := collection{faults: map[string]error{}}
	for _, p := range r.pairs {
		h, err := readPair(p)
		if err != nil {
			found.faults[p.Certificate] = err
			continue
		}
		found.pairs = append(found.pairs, h)
	}
	if r.folder != "" {
		r.match(stamps, &found)
	}
	return found
}

// readPair reads a pair of files.
func readPair(p Pair) (loadedPair, error) {
	certificate, err := readFile(p.Certificate)
	if err != nil {
		return loadedPair{}, fmt.Errorf("loading the certificate %s: %w", p.Certificate, err)
	}
	key, err := readFile(p.Key)
	if err != nil {
		return loadedPair{}, fmt.Errorf("loading the key %s of the certificate %s: %w", p.Key, p.Certificate, err)
	}
	h, err := use(PEMPair{Path: p.Certificate, Certificate: certificate, Key: key})
	if err != nil {
		return loadedPair{}, fmt.Errorf("loading the certificate %s with the key %s: %w", p.Certificate, p.Key, err)
	}
	return h, nil
}

// maxFile is the most bytes of a file that are read: more than the longest chains have.
const maxFile = 1 << 20

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("it has more than %d bytes, and is no PEM file of a certificate", maxFile)
	}
	return data, err
}

var (
	errEncrypted = errors.New("the key has a pass phrase; store it without one: openssl pkey -in KEY -out NEWKEY")
	errNameless  = errors.New("it has no subject alternative names, and browsers trust no other names; order one that has them")
)

// use checks a pair, and that it has names.
func use(p PEMPair) (loadedPair, error) {
	pair, err := tls.X509KeyPair(p.Certificate, p.Key)
	switch {
	case err != nil && encrypted(p.Key):
		return loadedPair{}, errEncrypted
	case err != nil:
		return loadedPair{}, err
	case len(namesOf(pair.Leaf)) == 0:
		return loadedPair{}, errNameless
	}
	return loadedPair{PEMPair: p, certificate: &pair}, nil
}

// encrypted reports whether a key needs a pass phrase.
func encrypted(key []byte) bool {
	for block, rest := pem.Decode(key); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
	return false
}
