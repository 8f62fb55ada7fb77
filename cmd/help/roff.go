package help

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Roff returns Markdown as the body of a manual page, from the first heading below the title on: what Layout knows of
// Markdown in the macros of man(7). A link to another topic becomes the name of its page.
func Roff(markdown string) string {
	var out strings.Builder
	blocks := strings.Split(comment.ReplaceAllString(markdown, ""), "\n")
	for len(blocks) > 0 {
		n := block(blocks)
		roff(&out, blocks[:n])
		blocks = blocks[n:]
	}
	return needless.ReplaceAllString(out.String(), "$1")
}

// needless is a paragraph that begins right below a heading.
var needless = regexp.MustCompile(`(?m)(^\.S[HS] .*\n)\.PP\n`)

func roff(out *strings.Builder, lines []string) {
	switch kind(lines[0]) {
	case empty:
	case heading:
		text := strings.TrimLeft(lines[0], "# ")
		switch len(lines[0]) - len(strings.TrimLeft(lines[0], "#")) {
		case 1: // The title is the page's name.
		case 2:
			out.WriteString(".SH " + argument(strings.ToUpper(plain(text))) + "\n")
		default:
			out.WriteString(".SS " + argument(plain(text)) + "\n")
		}
	case fence:
		out.WriteString(RoffExample(strings.Join(lines[1:len(lines)-1], "\n")))
	case row:
		roffTable(out, lines)
	case item:
		text := strings.TrimPrefix(strings.TrimSpace(strings.Join(lines, " ")), "- ")
		out.WriteString(".IP \\(bu 2\n" + inline(text) + "\n")
	case paragraph:
		out.WriteString(".PP\n" + inline(strings.Join(lines, " ")) + "\n")
	}
}

// roffTable writes each row as an entry, as layTable does.
func roffTable(out *strings.Builder, lines []string) {
	for _, row := range entries(lines) {
		for i, cell := range row {
			row[i] = inline(cell)
		}
		out.WriteString(".TP\n" + row[0] + "\n" + strings.Join(row[1:], "\n.br\n") + "\n")
	}
}

// RoffExample is text as it is, indented.
func RoffExample(text string) string {
	var out strings.Builder
	out.WriteString(".PP\n.RS 4\n.nf\n")
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			out.WriteString(".sp\n")
			continue
		}
		out.WriteString(RoffText(line) + "\n")
	}
	return out.String() + ".fi\n.RE\n"
}

// RoffEntry is an entry of a list: a term in bold, and what it means below.
func RoffEntry(term, meaning string) string {
	return fmt.Sprintf(".TP\n\\fB%s\\fR\n%s\n", strings.ReplaceAll(RoffText(term), "-", `\-`), RoffText(meaning))
}

// RoffText is a line of text that a formatter changes nothing of.
func RoffText(line string) string {
	var out strings.Builder
	for _, r := range strings.TrimRight(line, " ") {
		switch {
		case r == '\\':
			out.WriteString(`\e`)
		case r > unicode.MaxASCII:
			fmt.Fprintf(&out, `\[u%04X]`, r)
		default:
			out.WriteRune(r)
		}
	}
	line = out.String()
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	return line
}

var (
	coded    = regexp.MustCompile("`([^`]*)`")
	stressed = regexp.MustCompile(`\*\*([^*]*)\*\*`)
)

// inline is a text with what is code or stressed in bold.
func inline(text string) string {
	text = link.ReplaceAllStringFunc(text, func(l string) string {
		parts := link.FindStringSubmatch(l)
		if topic, isTopic := strings.CutSuffix(parts[2], ".md"); isTopic {
			return fmt.Sprintf("%s (**gateway-%s**(7))", parts[1], topic)
		}
		return parts[1]
	})
	text = coded.ReplaceAllStringFunc(RoffText(strings.Join(strings.Fields(text), " ")), func(code string) string {
		return `\fB` + strings.ReplaceAll(strings.Trim(code, "`"), "-", `\-`) + `\fR`
	})
	return stressed.ReplaceAllString(text, `\fB$1\fR`)
}

// argument is a text as the argument of a macro.
func argument(text string) string { return `"` + strings.ReplaceAll(RoffText(text), `"`, `\(dq`) + `"` }
