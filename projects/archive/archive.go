// Package archive is the file format of backups: a tar of a project's parts, compressed with zstd, whose last member is a
// manifest with the size and the SHA-256 of all others. It writes archives whole or not at all and reads them as input of
// strangers. It knows neither what a project is nor Docker. The policy: an archive gets its name only after it was synced,
// read back and found equal to its manifest, and a reader refuses what a writer would not have written.
package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Format is the version of the format that is written. A reader refuses later ones.
const Format = 1

// ManifestName is the name of the last member.
const ManifestName = "manifest.json"

// The folders of an archive. Each member but the manifest is in one of them.
const (
	// Project has the project's folder.
	Project = "project"
	// Volumes has a folder for each volume, named by its key in the compose file.
	Volumes = "volumes"
	// Dumps has the databases as their own tools wrote them.
	Dumps = "dumps"
)

// The bounds of an archive, which its writer keeps too.
const (
	maxMembers  = 1_000_000
	maxManifest = 512 << 20
	maxName     = 4096
	// An archive may have plainBytes, and beyond that maxRatio times its own size: zstd makes far more out of nothing.
	plainBytes = 4 << 30
	maxRatio   = 2000
)

// Manifest says what an archive has.
type Manifest struct {
	Format int `json:"format"`
	Info
	// Files are all members but the manifest, in their order.
	Files []File `json:"files"`
}

// Info is what an archive says of the project in it.
type Info struct {
	Project string    `json:"project"`
	Created time.Time `json:"created"`
	// Gateway and Engine are the versions that made it.
	Gateway string  `json:"gateway,omitempty"`
	Engine  string  `json:"engine,omitempty"`
	Images  []Image `json:"images,omitempty"`
	Dumps   []Dump  `json:"dumps,omitempty"`
	// Volumes are the keys of those that are in it; that of a database that is in Dumps is not.
	Volumes []string `json:"volumes,omitempty"`
	// Notes are for people: what is not in it, and why.
	Notes []string `json:"notes,omitempty"`
}

// Image is what a service ran of.
type Image struct {
	Service string `json:"service"`
	Name    string `json:"name"`
	ID      string `json:"id"`
}

// Dump is a database as its own tool wrote it.
type Dump struct {
	Service string `json:"service"`
	// Kind is the database: "mariadb" or "postgresql".
	Kind string `json:"kind"`
	// Member is the name of the file in the archive.
	Member string `json:"member"`
}

// File is a member of an archive. A folder and a link have no size.
type File struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	Size int64  `json:"size,omitempty"`
	// SHA256 is that of a file's content, in hex.
	SHA256 string `json:"sha256,omitempty"`
	// Link is where a symbolic link leads, or the name of the member that a hard link is equal to.
	Link string `json:"link,omitempty"`
}

// Kind is what a member is.
type Kind string

// The kinds of members.
const (
	Regular  Kind = "file"
	Folder   Kind = "folder"
	Symlink  Kind = "link"
	Hardlink Kind = "hard link"
)

// Bytes is the size of all files.
func (m Manifest) Bytes() int64 { return m.BytesIn("") }

// BytesIn is the size of a file or of the files of a folder of the archive; "" is all of it.
func (m Manifest) BytesIn(folder string) int64 {
	var sum int64
	for _, f := range m.Files {
		if folder == "" || f.Name == folder || strings.HasPrefix(f.Name, folder+"/") {
			sum += f.Size
		}
	}
	return sum
}

// BadError says why a file is no archive, or a damaged one.
type BadError struct {
	// Member is the name of the member that is wrong, empty when it is the file itself.
	Member string
	Reason string
}

// Error names the member and the reason.
func (e *BadError) Error() string {
	if e.Member == "" {
		return e.Reason
	}
	return fmt.Sprintf("member %q: %s", shortened(e.Member), e.Reason)
}

func bad(member, format string, args ...any) error {
	return &BadError{member, fmt.Sprintf(format, args...)}
}

func shortened(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

// kinds are those of tar's types that an archive may have.
var kinds = map[byte]Kind{tar.TypeReg: Regular, tar.TypeDir: Folder, tar.TypeSymlink: Symlink, tar.TypeLink: Hardlink}

// xattrs is the prefix of extended attributes in the records of a header.
const xattrs = "SCHILY.xattr."

// members are those that an archive has so far.
type members struct {
	files []File
	kinds map[string]Kind
	bytes int64
}

// add checks a header beside those before it. Its name is one of the archive, without a slash at its end.
func (m *members) add(h *tar.Header) (File, error) {
	kind, known := kinds[h.Typeflag]
	f := File{Name: strings.TrimSuffix(h.Name, "/"), Kind: kind}
	switch {
	case !known:
		return f, bad(h.Name, "it is a device or of another kind that an archive does not have")
	case kind != Folder && f.Name != h.Name:
		return f, bad(h.Name, "its name ends with a slash, and it is no folder")
	case len(m.files) >= maxMembers:
		return f, bad(h.Name, "there are more than %d members", maxMembers)
	}
	if err := checkName(f.Name); err != nil {
		return f, bad(h.Name, "%v", err)
	}
	if _, twice := m.kinds[f.Name]; twice {
		return f, bad(h.Name, "it comes twice")
	}
	for dir := path.Dir(f.Name); dir != "."; dir = path.Dir(dir) {
		if above, is := m.kinds[dir]; is && above != Folder {
			return f, bad(h.Name, "%s is a %s and no folder", shortened(dir), above)
		}
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return f, bad(h.Name, "it is a sparse file, which an archive does not have")
		}
	}
	if err := m.linked(h, &f); err != nil {
		return f, err
	}
	if kind == Regular {
		f.Size = h.Size
	} else if h.Size != 0 {
		return f, bad(h.Name, "it is a %s and says a size", kind)
	}
	if m.kinds == nil {
		m.kinds = map[string]Kind{}
	}
	m.kinds[f.Name] = kind
	m.bytes += f.Size
	return f, nil
}

// append adds a member as the manifest has it.
func (m *members) append(f File) {
	f.Name, f.Link = shown(f.Name), shown(f.Link)
	m.files = append(m.files, f)
}

// shown is a name as the manifest has it: JSON has no bytes that are not UTF-8, which names of files may have. The names
// themselves are those of the tar.
func shown(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	quoted := strconv.Quote(name)
	return quoted[1 : len(quoted)-1]
}

// linked checks where a link leads. Links of volumes are followed inside containers alone and may lead anywhere; those of
// the project's folder stay in it.
func (m *members) linked(h *tar.Header, f *File) error {
	switch f.Kind {
	case Hardlink:
		if m.kinds[h.Linkname] != Regular || root(h.Linkname) != root(f.Name) {
			return bad(h.Name, "it is a hard link to %q, which is no file before it in the same folder", shortened(h.Linkname))
		}
	case Symlink:
		if h.Linkname == "" || len(h.Linkname) > maxName || strings.ContainsRune(h.Linkname, 0) {
			return bad(h.Name, "it is a link to nothing")
		}
		if root(f.Name) != Volumes && !Inside(f.Name, h.Linkname) {
			return bad(h.Name, "it is a link to %q, which is outside of the project's folder", shortened(h.Linkname))
		}
	default:
		if h.Linkname != "" {
			return bad(h.Name, "it is a %s and leads to %q", f.Kind, shortened(h.Linkname))
		}
		return nil
	}
	f.Link = h.Linkname
	return nil
}

// Inside reports whether a symbolic link of that name in an archive leads to something in the same top folder.
func Inside(name, target string) bool {
	if path.IsAbs(target) {
		return false
	}
	to := path.Join(path.Dir(name), target)
	return to == root(name) || strings.HasPrefix(to, root(name)+"/")
}

// root is the top folder of a name.
func root(name string) string {
	top, _, _ := strings.Cut(name, "/")
	return top
}

// checkName refuses names that are not relative, plain and in one of the folders of an archive.
func checkName(name string) error {
	switch {
	case len(name) > maxName:
		return fmt.Errorf("its name is longer than %d bytes", maxName)
	case strings.ContainsRune(name, 0):
		return errors.New("its name has a zero byte")
	case path.IsAbs(name):
		return errors.New("its name is absolute")
	case name == "" || path.Clean(name) != name || name == ".." || strings.HasPrefix(name, "../"):
		return errors.New("its name has a part that is empty or goes up")
	}
	switch root(name) {
	case Project, Volumes:
		return nil
	case Dumps:
		if strings.Count(name, "/") <= 1 {
			return nil
		}
	}
	return fmt.Errorf("it is in none of the folders %s, %s and %s", Project, Volumes, Dumps)
}
