package site

import (
	"bytes"
	_ "embed"
	"maps"
	"path"
	"strings"
	"sync"
	"unicode/utf8"
)

// mime is the maintained table of extensions, so that the answer does not depend on which files a machine has below
// /etc. testdata/mime writes it.
//
//go:embed mime.tsv
var mime string

// webTypes are types where the table differs from what browsers and newer RFCs use, and types that it lacks.
var webTypes = map[string]string{
	".br": octetStream, ".cjs": "text/javascript",
	".flac": "audio/flac", // RFC 9639
	".hwp":  "application/x-hwp", ".hwpx": "application/hwp+zip", ".ico": "image/x-icon",
	".m4v": "video/mp4", ".ndjson": "application/x-ndjson", ".pmtiles": "application/vnd.pmtiles",
	".sb3": "application/x.scratch.sb3", ".tgz": "application/gzip",
	".xml": "text/xml", ".yaml": "application/yaml", ".yml": "application/yaml", // RFC 9512
	".zst": "application/zstd",
}

// sources are extensions that the table knows for something else than the source files that people have: TypeScript is no
// MPEG transport stream, Rust no service description, VHDL no disk, and Emacs' Org no organizer.
var sources = map[string]bool{".ts": true, ".rs": true, ".vhd": true, ".org": true}

const octetStream = "application/octet-stream"

// known returns the type of each extension, and the types that compressing shrinks.
var known = sync.OnceValues(func() (types map[string]string, shrink map[string]bool) {
	types, shrink = make(map[string]string, 1300), map[string]bool{}
	for line := range strings.Lines(mime) {
		extension, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		kind, mark, _ := strings.Cut(rest, "\t")
		types["."+extension] = kind
		if mark == "c" {
			shrink[kind] = true
		}
	}
	maps.Copy(types, webTypes)
	return types, shrink
})

// sampleSize is how much of a file is read to tell text from data.
const sampleSize = 4096

// mediaType returns the type of a file by its extension, and where that is unknown by whether it is text. Text is
// declared as UTF-8 when it is; otherwise nothing is declared, so that what a page says of itself counts.
func mediaType(name string, sample []byte) string {
	types, _ := known()
	kind, ok := types[strings.ToLower(path.Ext(plainName(name)))]
	switch {
	case sources[strings.ToLower(path.Ext(name))] && len(sample) > 0 && plainText(sample):
		kind = "text/plain"
	case !ok && plainText(sample):
		kind = "text/plain"
	case !ok:
		return octetStream
	}
	text := strings.HasPrefix(kind, "text/") || kind == "image/svg+xml" && contentEncoding(name) == ""
	if text && validUTF8(sample) {
		kind += "; charset=utf-8"
	}
	return kind
}

// contentEncoding returns the encoding of a file that is stored compressed and that pages load by that very name: .svgz,
// and the builds of game engines, such as Build/game.wasm.br. Other compressed files are downloads and have none.
func contentEncoding(name string) string {
	name = strings.ToLower(name)
	if strings.HasSuffix(name, ".svgz") {
		return "gzip"
	}
	for _, e := range encodings {
		if stem, ok := strings.CutSuffix(name, e.extension); ok {
			switch path.Ext(stem) {
			case ".js", ".mjs", ".css", ".wasm", ".data":
				return e.name
			}
			if strings.HasSuffix(stem, ".symbols.json") {
				return e.name
			}
		}
	}
	return ""
}

// plainName returns a name without the extension that says how the file is encoded.
func plainName(name string) string {
	if contentEncoding(name) == "" || strings.EqualFold(path.Ext(name), ".svgz") {
		return name
	}
	return strings.TrimSuffix(name, path.Ext(name))
}

// plainText reports whether a sample holds readable text alone.
func plainText(sample []byte) bool {
	binary := func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f' }
	return validUTF8(sample) && !bytes.ContainsFunc(sample, binary)
}

// validUTF8 reports whether a sample is UTF-8, not counting a character that its end cuts in two.
func validUTF8(sample []byte) bool {
	for range utf8.UTFMax - 1 {
		if utf8.Valid(sample) {
			return true
		}
		if len(sample) < sampleSize-utf8.UTFMax+1 {
			return false
		}
		sample = sample[:len(sample)-1]
	}
	return utf8.Valid(sample)
}

// compressible reports whether files of this type shrink.
func compressible(mediaType string) bool {
	kind, _, _ := strings.Cut(mediaType, ";")
	if strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml") {
		return true
	}
	_, shrink := known()
	switch kind {
	case "application/yaml", "application/x-ndjson", "image/x-icon", "model/stl", "model/gltf-binary":
		return true
	}
	return shrink[kind]
}

// The lifetimes in caches.
const (
	cacheAsk    = "no-cache"                            // ask each time, and get 304 while nothing changed
	cacheHashed = "public, max-age=31536000, immutable" // the name changes with the content
	cacheShort  = "max-age=60"                          // what leads from a folder's name to the folder
)

// cacheControl says how long a file may be kept without asking. Only a name with a hash allows that: browsers ask again for
// the page alone when it is reloaded, and a new page with the style of the version before is neither.
func cacheControl(name, mediaType string) string {
	page := strings.HasPrefix(mediaType, "text/html") || strings.HasPrefix(mediaType, "application/xhtml")
	if !page && hashed(path.Base(name)) {
		return cacheHashed
	}
	return cacheAsk
}

// hashed reports whether a name carries a hash of the content, as in app.3f2a9c1b.js: at least eight hexadecimal
// digits between the last two separators, letters and figures among them. The base-64 hashes of some bundlers are
// left out because no rule tells them from words and dates, and a wrong guess keeps an old file for a year.
func hashed(base string) bool {
	stem := strings.TrimSuffix(base, path.Ext(base))
	if path.Ext(stem) != "" && path.Ext(base) == ".map" { // app.3f2a9c1b.js.map
		stem = strings.TrimSuffix(stem, path.Ext(stem))
	}
	mark := stem[strings.LastIndexAny(stem, ".-")+1:]
	if len(mark) < 8 || len(mark) == len(stem) {
		return false
	}
	var letters, figures int
	for _, r := range mark {
		switch {
		case r >= 'a' && r <= 'f':
			letters++
		case r >= '0' && r <= '9':
			figures++
		default:
			return false
		}
	}
	return letters > 0 && figures > 0
}
