package tui

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// TestPicture_IsAsRecorded keeps the README's picture of the routes equal to what the terminal shows.
func TestPicture_IsAsRecorded(t *testing.T) {
	picture := svg(beside(t, 124, 30).m.View().Content, 124, 30)
	file := filepath.Join("..", "testdata", "pictures", "routes.svg")
	if *update {
		if err := os.WriteFile(file, []byte(picture), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if picture != string(want) {
		t.Errorf("%s does not show what the terminal does; write it with: go test ./tui -run Picture -update", file)
	}
}

// The size of a cell in the picture, and the colours of a terminal.
const (
	cellWidth, cellHeight = 8, 18
	border                = 12
	background            = "#1c1c1c"
	foreground            = "#d0d0d0"
)

// svg draws a screen of a terminal.
func svg(screen string, columns, rows int) string {
	var b strings.Builder
	width, height := columns*cellWidth+2*border, rows*cellHeight+2*border
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="8" fill="%s"/>`+"\n", width, height, background)
	for row, line := range strings.Split(screen, "\n") {
		p := pen{}
		column := 0
		for line != "" {
			escape, rest, found := strings.Cut(line, "\x1b[")
			p.draw(&b, escape, row, &column)
			if !found {
				break
			}
			codes, after, _ := strings.Cut(rest, "m")
			p.set(codes)
			line = after
		}
	}
	return b.String() + "</svg>\n"
}

// pen is how text is drawn at a place of a screen.
type pen struct {
	bold         bool
	colour, fill string
}

// set follows a Select Graphic Rendition (ECMA-48 section 8.3.117), as far as the views use it.
func (p *pen) set(codes string) {
	fields := strings.Split(codes, ";")
	for i := 0; i < len(fields); i++ {
		switch fields[i] {
		case "", "0":
			*p = pen{}
		case "1":
			p.bold = true
		case "38", "48":
			var r, g, blue int
			if _, err := fmt.Sscan(strings.Join(fields[i+2:i+5], " "), &r, &g, &blue); err != nil {
				panic(err)
			}
			colour := fmt.Sprintf("#%02x%02x%02x", r, g, blue)
			if fields[i] == "38" {
				p.colour = colour
			} else {
				p.fill = colour
			}
			i += 4
		}
	}
}

// draw draws a text and moves on by its width.
func (p *pen) draw(b *strings.Builder, text string, row int, column *int) {
	width := ansi.StringWidth(text)
	x, y := border+*column*cellWidth, border+row*cellHeight
	*column += width
	if p.fill != "" && width > 0 {
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n", x, y, width*cellWidth, cellHeight, p.fill)
	}
	colour, weight := foreground, ""
	if p.colour != "" {
		colour = p.colour
	}
	if p.bold {
		weight = ` font-weight="bold"`
	}
	for _, at := range phrases.FindAllStringIndex(text, -1) {
		phrase := text[at[0]:at[1]]
		fmt.Fprintf(b, `<text x="%d" y="%d" textLength="%d" fill="%s"%s>%s</text>`+"\n",
			x+ansi.StringWidth(text[:at[0]])*cellWidth, y+cellHeight-5, ansi.StringWidth(phrase)*cellWidth, colour, weight, html.EscapeString(phrase))
	}
}

// phrases are words with single spaces between them: more are not kept in a picture.
var phrases = regexp.MustCompile(`\S+( \S+)*`)
