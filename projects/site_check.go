package projects

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// suspect is a file that is public by mistake more often than by intention.
type suspect struct{ name, reason string }

// private is the reason of a file that others may not read on this machine.
const private = "only its owner may read it on this machine"

// mostSuspects is how many files a refusal lists.
const mostSuspects = 10

// Unfit returns an error when a site has no files, or files that are rarely meant to be public, and nil otherwise. The
// error lists the files with the reason for each.
func (s *Site) Unfit() error {
	if s.Files == 0 {
		return fmt.Errorf("site folder %s: it holds no files to serve, and would replace the site by nothing; name the folder with the finished site, or use --force", s.Dir)
	}
	found := s.suspects
	if s.private == s.Files { // made under a umask such as 077: the modes tell nothing
		found = nil
		for _, f := range s.suspects {
			if f.reason != private {
				found = append(found, f)
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	var list strings.Builder
	for _, f := range found[:min(len(found), mostSuspects)] {
		fmt.Fprintf(&list, "\n  %s: %s", f.name, f.reason)
	}
	if more := len(found) - mostSuspects; more > 0 {
		fmt.Fprintf(&list, "\n  and %d more", more)
	}
	return fmt.Errorf("site folder %s: everybody could read files that are rarely meant for it; remove them, or use --force:%s", s.Dir, &list)
}

// Notes tell people what is left out of the files, and what is odd about them; spa says that index.html answers unknown
// paths.
func (s *Site) Notes(spa bool) []string {
	var notes []string
	if s.Skipped > 0 {
		notes = append(notes, fmt.Sprintf("skipping %d files and folders whose names start with a dot", s.Skipped))
	}
	for _, warning := range s.Warnings() {
		notes = append(notes, "warning: "+warning)
	}
	switch {
	case !s.Index && spa:
		notes = append(notes, fmt.Sprintf("warning: %s has no index.html, which --spa answers unknown paths with", s.Dir))
	case !s.Index:
		notes = append(notes, fmt.Sprintf("warning: %s has no index.html: the project's address itself will say 404", s.Dir))
	}
	return notes
}

// Warnings returns sentences about file names that links rarely reach.
func (s *Site) Warnings() []string {
	var all []string
	if s.notUTF8 > 0 {
		all = append(all, fmt.Sprintf("names that are not UTF-8, as from an old zip file: %d; browsers ask for UTF-8, so links to them find nothing; rename them (convmv does)", s.notUTF8))
	}
	if s.backslashes > 0 {
		all = append(all, fmt.Sprintf("names with a backslash, as from a zip file of Windows: %d; it separates no folders here, so links with / find nothing; unpack the zip file with 7z or unar", s.backslashes))
	}
	return all
}

// inspect records what Unfit and Warnings report of one file.
func (s *Site) inspect(root *os.Root, name string, info fs.FileInfo) {
	s.inspectName(path.Base(name))
	reason := suspicion(path.Base(name))
	switch {
	case reason != "":
	case mayHoldKey(name) && holdsKey(root, name): // before the mode, which tells nothing under a umask such as 077
		reason = "a private key"
	case info.Mode().Perm()&0o044 == 0:
		reason = private
	}
	if info.Mode().Perm()&0o044 == 0 {
		s.private++
	}
	if reason != "" {
		s.suspects = append(s.suspects, suspect{name, reason})
	}
}

func (s *Site) inspectName(base string) {
	if !utf8.ValidString(base) {
		s.notUTF8++
	}
	if strings.ContainsRune(base, '\\') {
		s.backslashes++
	}
}

const (
	source = "source code of a server: this site serves files and runs nothing"
	backup = "a backup copy"
	dump   = "a database"
	keys   = "passwords or keys"
)

// suspicious are reasons by extension.
var suspicious = map[string]string{
	".php": source, ".php3": source, ".php4": source, ".php5": source, ".php7": source, ".php8": source, ".phtml": source,
	".phar": source, ".phps": source, ".asp": source, ".aspx": source, ".ascx": source, ".ashx": source, ".asmx": source,
	".cshtml": source, ".vbhtml": source, ".jsp": source, ".jspx": source, ".cfm": source, ".cfc": source, ".cgi": source,
	".fcgi": source, ".erb": source,
	".bak": backup, ".old": backup, ".orig": backup, ".save": backup, ".swp": backup, ".swo": backup, ".backup": backup,
	".sql": dump, ".sqlite": dump, ".sqlite3": dump, ".db": dump, ".db3": dump, ".mdb": dump, ".accdb": dump, ".dump": dump,
	".env": keys, ".kdbx": keys, ".p12": keys, ".pfx": keys, ".jks": keys, ".keystore": keys, ".ppk": keys, ".ovpn": keys,
	".htpasswd": keys, ".htdigest": keys,
}

// suspicion returns why a file of that name is rarely meant to be public, empty for no reason.
func suspicion(base string) string {
	base = strings.ToLower(base)
	if stem, ok := strings.CutSuffix(base, "~"); ok && stem != "" {
		return backup
	}
	switch {
	case base == "thumbs.db":
		return ""
	case strings.Contains(base, "htpasswd"), strings.Contains(base, "htdigest"), base == "passwd", base == "shadow",
		base == "credentials.json", base == "secrets.yml", base == "secrets.yaml", base == "secrets.json":
		return keys
	case base == "web.config":
		return source
	}
	for _, packed := range []string{".gz", ".xz", ".zst", ".bz2", ".zip"} { // dump.sql.gz
		if reason := suspicious[path.Ext(strings.TrimSuffix(base, packed))]; strings.HasSuffix(base, packed) && reason == dump {
			return reason
		}
	}
	return suspicious[path.Ext(base)]
}

// mayHoldKey reports whether a file's name is one that private keys have; .key is Apple's Keynote too.
func mayHoldKey(name string) bool {
	base := strings.ToLower(path.Base(name))
	switch path.Ext(base) {
	case ".pem", ".key", ".priv":
		return true
	}
	return strings.HasPrefix(base, "id_") && path.Ext(base) == ""
}

// holdsKey reports whether a file begins with a private key. One that cannot be read fails when it is copied.
func holdsKey(root *os.Root, name string) bool {
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 16<<10)
	n, _ := io.ReadFull(f, head)
	return bytes.Contains(head[:n], []byte("PRIVATE KEY"))
}
