package invite

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Logo is a picture that was found to be one.
type Logo struct {
	// Type is its media type, Ext the extension that goes with it.
	Type, Ext string
	Content   []byte
}

// maxLogo bounds a logo, which every client loads.
const maxLogo = 512 << 10

// logoName is the name of the logo's file, before its extension.
const logoName = "logo"

// logoForms are the pictures that every browser knows, in the order in which a folder is searched.
var logoForms = []struct {
	ext, media string
	is         func(content []byte) bool
}{
	{".svg", "image/svg+xml", isSVG},
	{".png", "image/png", begins("\x89PNG\r\n\x1a\n")},
	{".jpg", "image/jpeg", begins("\xff\xd8\xff")},
	{".webp", "image/webp", func(c []byte) bool { return begins("RIFF")(c) && len(c) > 12 && string(c[8:12]) == "WEBP" }},
	{".gif", "image/gif", begins("GIF8")},
}

func begins(magic string) func([]byte) bool {
	return func(content []byte) bool { return bytes.HasPrefix(content, []byte(magic)) }
}

// isSVG reports whether the first element is that of an SVG image. What else is in it does no harm: it is shown as an
// image, and sent with a policy that lets nothing run.
func isSVG(content []byte) bool {
	rest := bytes.TrimPrefix(content, []byte("\ufeff"))
	for {
		rest = bytes.TrimLeft(rest, " \t\r\n")
		end := ">"
		switch {
		case bytes.HasPrefix(rest, []byte("<svg")):
			return len(rest) > 4 && strings.ContainsRune(" \t\r\n>/", rune(rest[4]))
		case bytes.HasPrefix(rest, []byte("<!--")):
			end = "-->"
		case !bytes.HasPrefix(rest, []byte("<?")) && !bytes.HasPrefix(rest, []byte("<!DOCTYPE svg")):
			return false
		}
		_, after, found := bytes.Cut(rest, []byte(end))
		if !found {
			return false
		}
		rest = after
	}
}

// ReadLogo reads a picture by what it holds, whatever it is called.
func ReadLogo(path string) (Logo, error) {
	f, err := os.Open(path)
	if err != nil {
		return Logo{}, fmt.Errorf("reading the logo: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxLogo+1))
	if err != nil {
		return Logo{}, fmt.Errorf("reading the logo: %w", err)
	}
	if len(content) > maxLogo {
		return Logo{}, fmt.Errorf("logo %s: it has more than %d KiB, and every visitor would load it; make it smaller", path, maxLogo>>10)
	}
	for _, form := range logoForms {
		if form.is(content) {
			return Logo{form.media, form.ext, content}, nil
		}
	}
	return Logo{}, fmt.Errorf("logo %s: it is no picture that browsers know; use SVG, PNG, JPEG, WebP or GIF", path)
}

// FindLogo returns the path of the logo in the folder of a page, or empty.
func FindLogo(dir string) string {
	for _, form := range logoForms {
		path := filepath.Join(dir, logoName+form.ext)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// OtherLogo returns the path of a logo in the folder of a page that is not the one at keep, or empty.
func OtherLogo(dir, keep string) string {
	for _, form := range logoForms {
		path := filepath.Join(dir, logoName+form.ext)
		if _, err := os.Lstat(path); err == nil && path != keep {
			return path
		}
	}
	return ""
}

// LogoFile is the name that a logo has in the folder of a page.
func (l Logo) LogoFile() string { return logoName + l.Ext }

// readFound is the logo at a path that FindLogo returned, nil when there is none.
func readFound(path string) (*Logo, error) {
	if path == "" {
		return nil, nil
	}
	logo, err := ReadLogo(path)
	if err != nil {
		return nil, err
	}
	return &logo, nil
}
