package site

import (
	"bytes"
	"path"
	"strings"
	"unicode/utf8"
)

// mediaTypes is the whole table, so that the answer does not depend on which files a machine has below /etc.
var mediaTypes = map[string]string{
	".7z": "application/x-7z-compressed", ".aac": "audio/aac", ".apng": "image/apng", ".avif": "image/avif",
	".bin": "application/octet-stream", ".bmp": "image/bmp", ".br": "application/octet-stream", ".bz2": "application/x-bzip2",
	".cjs": "text/javascript", ".css": "text/css", ".csv": "text/csv", ".doc": "application/msword",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".eot":  "application/vnd.ms-fontobject", ".epub": "application/epub+zip", ".flac": "audio/flac", ".gif": "image/gif",
	".glb": "model/gltf-binary", ".gltf": "model/gltf+json", ".gz": "application/gzip", ".hwp": "application/x-hwp",
	".hwpx": "application/hwp+zip", ".htm": "text/html", ".html": "text/html", ".ico": "image/x-icon",
	".ics": "text/calendar", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".js": "text/javascript",
	".json": "application/json", ".jsonld": "application/ld+json", ".jxl": "image/jxl", ".m4a": "audio/mp4",
	".m4v": "video/mp4", ".map": "application/json", ".markdown": "text/markdown", ".md": "text/markdown",
	".mjs": "text/javascript", ".mov": "video/quicktime", ".mp3": "audio/mpeg", ".mp4": "video/mp4",
	".mpeg": "video/mpeg", ".oga": "audio/ogg", ".ogg": "audio/ogg", ".ogv": "video/ogg", ".opus": "audio/ogg",
	".otf": "font/otf", ".pdf": "application/pdf", ".png": "image/png", ".ppt": "application/vnd.ms-powerpoint",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".rar":  "application/vnd.rar", ".rss": "application/rss+xml", ".atom": "application/atom+xml", ".rtf": "application/rtf",
	".stl": "model/stl", ".svg": "image/svg+xml", ".tar": "application/x-tar", ".tgz": "application/gzip",
	".tif": "image/tiff", ".tiff": "image/tiff", ".ts": "video/mp2t", ".ttf": "font/ttf", ".txt": "text/plain",
	".vtt": "text/vtt", ".wasm": "application/wasm", ".wav": "audio/wav", ".weba": "audio/webm",
	".webm": "video/webm", ".webmanifest": "application/manifest+json", ".webp": "image/webp",
	".woff": "font/woff", ".woff2": "font/woff2", ".xhtml": "application/xhtml+xml",
	".xls":  "application/vnd.ms-excel",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".xml":  "text/xml", ".xz": "application/x-xz", ".yaml": "application/yaml", ".yml": "application/yaml",
	".zip": "application/zip", ".zst": "application/zstd",
}

// sampleSize is how much of a file is read to tell text from data.
const sampleSize = 4096

// mediaType says what a file is by its extension, and where that is unknown whether it is text. Text is declared as
// UTF-8 when it is; otherwise nothing is declared, so that what a page says of itself counts.
func mediaType(name string, sample []byte) string {
	kind, ok := mediaTypes[strings.ToLower(path.Ext(name))]
	switch {
	case !ok && plainText(sample):
		kind = "text/plain"
	case !ok:
		return "application/octet-stream"
	}
	text := strings.HasPrefix(kind, "text/") || kind == "image/svg+xml"
	if text && validUTF8(sample) {
		kind += "; charset=utf-8"
	}
	return kind
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
	switch kind {
	case "application/json", "application/yaml", "application/wasm", "application/rtf", "application/vnd.ms-fontobject",
		"font/ttf", "font/otf", "image/bmp", "image/x-icon", "model/stl", "model/gltf-binary":
		return true
	}
	return false
}

// The lifetimes in caches.
const (
	cacheAsk    = "no-cache"                            // ask each time, and get 304 while nothing changed
	cacheHashed = "public, max-age=31536000, immutable" // the name changes with the content
	cacheShort  = "max-age=60"                          // what leads from a folder's name to the folder
)

// cacheControl says how long a file may be kept without asking. Only a name with a hash allows that: browsers ask anew for
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
