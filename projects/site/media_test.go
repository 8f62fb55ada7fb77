package site

import (
	"strings"
	"testing"
)

func TestMediaType_DependsOnTheFileAlone(t *testing.T) {
	korean := []byte("<title>\xc7\xd1\xb1\xdb</title>") // EUC-KR
	cut := []byte(strings.Repeat("x", sampleSize-1) + "\xed")
	for _, c := range []struct {
		name   string
		sample []byte
		want   string
	}{
		{"index.html", []byte("<p>"), "text/html; charset=utf-8"},
		{"INDEX.HTM", nil, "text/html; charset=utf-8"},
		{"old.html", korean, "text/html"},
		{"cut.html", cut, "text/html; charset=utf-8"},
		{"app.js", nil, "text/javascript; charset=utf-8"},
		{"app.mjs", nil, "text/javascript; charset=utf-8"},
		{"logo.svg", []byte("<svg/>"), "image/svg+xml; charset=utf-8"},
		{"data.json", nil, "application/json"},
		{"app.webmanifest", nil, "application/manifest+json"},
		{"a.wasm", []byte{0, 'a', 's', 'm'}, "application/wasm"},
		{"f.woff2", []byte{0xff}, "font/woff2"},
		{"LICENSE", []byte("MIT"), "text/plain; charset=utf-8"},
		{"x.unknown", []byte{0, 1, 2}, "application/octet-stream"},
		{"x.unknown", korean, "application/octet-stream"},
		{"page", []byte("<script>"), "text/plain; charset=utf-8"},
		{"main.rs", []byte("fn main() {}"), "text/plain; charset=utf-8"},
		{"counter.vhd", []byte("entity counter"), "text/plain; charset=utf-8"},
		{"disk.vhd", []byte{0, 1, 2}, "application/x-virtualbox-vhd"},
		{"notes.org", []byte("* Notes"), "text/plain; charset=utf-8"},
	} {
		if got := mediaType(c.name, c.sample); got != c.want {
			t.Errorf("mediaType(%q, %.20q) = %q, want %q", c.name, c.sample, got, c.want)
		}
	}
}

func TestCacheControl_KeepsOnlyHashedNamesForGood(t *testing.T) {
	for name, want := range map[string]string{
		"index.html": cacheAsk, "app.3f2a9c1b.html": cacheAsk,
		"app.3f2a9c1b.js": cacheHashed, "a/main-0a1b2c3d4e5f.css": cacheHashed, "app.3f2a9c1b.js.map": cacheHashed,
		"app.js": cacheAsk, "report-20260101.pdf": cacheAsk, "cafe-deadbeef.png": cacheAsk,
		"3f2a9c1b.js": cacheAsk, "my-Photo001.png": cacheAsk, "app-settings.js": cacheAsk,
	} {
		if got := cacheControl(name, mediaType(name, nil)); got != want {
			t.Errorf("cacheControl(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestMediaType_KnowsCommonFiles pins what browsers, players and programs check of the types that sites have.
func TestMediaType_KnowsCommonFiles(t *testing.T) {
	for want, extensions := range map[string]string{
		"application/atom+xml": "atom", "application/dash+xml": "mpd", "application/epub+zip": "epub",
		"application/geo+json": "geojson", "application/gpx+xml": "gpx", "application/gzip": "gz tgz",
		"application/java-archive": "jar", "application/json": "json map", "application/ld+json": "jsonld",
		"application/manifest+json": "webmanifest", "application/msword": "doc", "application/octet-stream": "bin exe iso dmg",
		"application/pdf": "pdf", "application/postscript": "eps ps", "application/rss+xml": "rss", "application/rtf": "rtf",
		"application/toml": "toml", "application/vnd.android.package-archive": "apk", "application/vnd.apple.mpegurl": "m3u8",
		"application/vnd.google-earth.kml+xml": "kml", "application/vnd.google-earth.kmz": "kmz",
		"application/vnd.ms-excel": "xls", "application/vnd.ms-fontobject": "eot", "application/vnd.ms-powerpoint": "ppt",
		"application/vnd.oasis.opendocument.presentation": "odp", "application/vnd.oasis.opendocument.spreadsheet": "ods",
		"application/vnd.oasis.opendocument.text": "odt", "application/vnd.rar": "rar",
		"application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         "xlsx",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   "docx",
		"application/wasm": "wasm", "application/x-7z-compressed": "7z", "application/x-bittorrent": "torrent",
		"application/x-hwp": "hwp", "application/x-subrip": "srt", "application/x-tar": "tar", "application/x.scratch.sb3": "sb3",
		"application/yaml": "yaml yml", "application/zip": "zip", "application/zstd": "zst",
		"audio/aac": "aac", "audio/flac": "flac", "audio/midi": "mid midi", "audio/mp4": "m4a", "audio/mpeg": "mp3",
		"audio/ogg": "ogg oga opus", "audio/wav": "wav", "audio/webm": "weba", "audio/x-mpegurl": "m3u",
		"font/collection": "ttc", "font/otf": "otf", "font/ttf": "ttf", "font/woff": "woff", "font/woff2": "woff2",
		"image/apng": "apng", "image/avif": "avif", "image/bmp": "bmp", "image/gif": "gif", "image/heic": "heic",
		"image/heif": "heif", "image/jpeg": "jpg jpeg", "image/jxl": "jxl", "image/png": "png", "image/tiff": "tif tiff",
		"image/webp": "webp", "image/x-icon": "ico", "image/vnd.adobe.photoshop": "psd",
		"image/svg+xml; charset=utf-8": "svg",
		"model/3mf":                    "3mf", "model/gltf+json": "gltf", "model/gltf-binary": "glb", "model/obj": "obj", "model/stl": "stl",
		"model/vnd.usdz+zip": "usdz", "model/step": "step stp",
		"text/calendar; charset=utf-8": "ics ifb", "text/css; charset=utf-8": "css", "text/csv; charset=utf-8": "csv",
		"text/html; charset=utf-8": "html htm", "text/javascript; charset=utf-8": "js mjs cjs",
		"text/markdown; charset=utf-8": "md markdown", "text/plain; charset=utf-8": "txt log text conf",
		"text/vtt; charset=utf-8": "vtt", "text/x-vcard; charset=utf-8": "vcf", "text/xml; charset=utf-8": "xml",
		"video/mp4": "mp4 m4v", "video/mpeg": "mpeg mpg", "video/ogg": "ogv", "video/quicktime": "mov", "video/webm": "webm",
		"video/x-matroska": "mkv", "video/x-msvideo": "avi", "video/iso.segment": "m4s",
	} {
		for extension := range strings.FieldsSeq(extensions) {
			if got := mediaType("a."+extension, []byte("sample")); got != want {
				t.Errorf(".%s is %q, want %q", extension, got, want)
			}
		}
	}
}

func TestMediaType_TellsTypeScriptFromTransportStreams(t *testing.T) {
	if got := mediaType("live/seg1.ts", []byte("G@\x00\x10G@")); got != "video/mp2t" {
		t.Errorf("a transport stream is %q", got)
	}
	if got := mediaType("main.ts", []byte("export const a = 1\n")); got != "text/plain; charset=utf-8" {
		t.Errorf("TypeScript is %q", got)
	}
}

func TestSite_SaysHowBuildsOfGamesAreEncoded(t *testing.T) {
	packed := "\x1f\x8b" + strings.Repeat("\x00\xff", 2000)
	s := serve(t, Config{}, map[string]string{
		"Build/game.wasm.br": packed, "Build/game.framework.js.gz": packed, "Build/game.data.gz": packed, "logo.svgz": packed,
		"data.csv.gz": packed, "src.tar.gz": packed,
	})
	for target, want := range map[string][2]string{
		"/Build/game.wasm.br":         {"application/wasm", "br"},
		"/Build/game.framework.js.gz": {"text/javascript", "gzip"},
		"/Build/game.data.gz":         {"application/octet-stream", "gzip"},
		"/logo.svgz":                  {"image/svg+xml", "gzip"},
		"/data.csv.gz":                {"application/gzip", ""},
		"/src.tar.gz":                 {"application/gzip", ""},
	} {
		r := ask(t, s, "GET", target, "Accept-Encoding", "gzip, br, zstd")
		if got := [2]string{r.Header.Get("Content-Type"), r.Header.Get("Content-Encoding")}; got != want || body(t, r) != packed {
			t.Errorf("%s: %q, want %q and the file as it is", target, got, want)
		}
	}
}
