package help

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	comment = regexp.MustCompile(`(?s)<!--.*?-->\n?`)
	link    = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)
)

// Layout returns Markdown as text for a terminal of width columns: headings in capitals, paragraphs and list items
// wrapped, each row of a table as an entry with its cells below, code as it is where it fits. It knows what the topics use of
// Markdown: headings, paragraphs, lists, tables and fenced code.
func Layout(markdown string, width int) string {
	var out strings.Builder
	blocks := strings.Split(comment.ReplaceAllString(markdown, ""), "\n")
	for len(blocks) > 0 {
		n := block(blocks)
		lay(&out, blocks[:n], width)
		blocks = blocks[n:]
	}
	return strings.TrimSpace(out.String()) + "\n"
}

// block returns the number of lines that the first block has, at least 1.
func block(lines []string) int {
	first := lines[0]
	belongs := func(line string) bool { return line != "" && kind(line) == paragraph }
	switch kind(first) {
	case fence:
		for n, line := range lines[1:] {
			if kind(line) == fence {
				return n + 2
			}
		}
		return len(lines)
	case row:
		belongs = func(line string) bool { return kind(line) == row }
	case heading, empty:
		return 1
	case item, paragraph:
	}
	for n, line := range lines[1:] {
		if !belongs(line) {
			return n + 1
		}
	}
	return len(lines)
}

type lineKind int

const (
	empty lineKind = iota
	heading
	paragraph
	item
	row
	fence
)

func kind(line string) lineKind {
	switch trimmed := strings.TrimSpace(line); {
	case trimmed == "":
		return empty
	case strings.HasPrefix(line, "#"):
		return heading
	case strings.HasPrefix(trimmed, "- "):
		return item
	case strings.HasPrefix(line, "|"):
		return row
	case strings.HasPrefix(trimmed, "```"):
		return fence
	default:
		return paragraph
	}
}

func lay(out *strings.Builder, lines []string, width int) {
	switch kind(lines[0]) {
	case empty:
		out.WriteByte('\n')
	case heading:
		out.WriteString(strings.ToUpper(plain(strings.TrimLeft(lines[0], "# "))) + "\n")
	case fence:
		for _, line := range lines[1 : len(lines)-1] {
			layCode(out, line, width)
		}
	case row:
		layTable(out, lines, width)
	case item:
		text := strings.TrimPrefix(strings.TrimSpace(strings.Join(lines, " ")), "- ")
		out.WriteString(Wrap(text, "  - ", "    ", width))
	case paragraph:
		out.WriteString(Wrap(strings.Join(lines, " "), "", "", width))
	}
}

// columns are the first and second column of a line of code, such as a command and a comment.
var columns = regexp.MustCompile(`^(\s*\S.*?)\s{2,}(\S.*)$`)

// layCode writes a line of code as it is where it fits. Else a comment behind it goes above it, and another second column
// below it.
func layCode(out *strings.Builder, line string, width int) {
	const indent, deeper = "    ", "        "
	parts := columns.FindStringSubmatch(line)
	switch {
	case utf8.RuneCountInString(indent+line) <= width || parts == nil:
		out.WriteString(indent + line + "\n")
	case strings.HasPrefix(parts[2], "#"):
		out.WriteString(Wrap(parts[2], indent, indent+"# ", width) + indent + parts[1] + "\n")
	default:
		out.WriteString(indent + parts[1] + "\n" + Wrap(parts[2], deeper, deeper, width))
	}
}

// layTable writes each row as an entry: the first cell, and below it the others.
func layTable(out *strings.Builder, lines []string, width int) {
	for _, row := range entries(lines) {
		out.WriteString(Wrap(row[0], "  ", "    ", width))
		for _, cell := range row[1:] {
			out.WriteString(Wrap(cell, "      ", "      ", width))
		}
	}
}

// entries are the rows of a table without its empty cells. Cells come after the heads of their columns where there are
// more than two.
func entries(lines []string) [][]string {
	heads := cells(lines[0])
	var all [][]string
	for _, line := range lines[min(2, len(lines)):] {
		row := cells(line)
		entry := []string{row[0]}
		for i, cell := range row[1:] {
			if cell == "" || cell == "–" {
				continue
			}
			if len(heads) > 2 && i+1 < len(heads) && heads[i+1] != "" {
				cell = heads[i+1] + ": " + cell
			}
			entry = append(entry, cell)
		}
		all = append(all, entry)
	}
	return all
}

// cells returns the cells of a table's row; `\|` is no end of one.
func cells(line string) []string {
	const bar = "\x00"
	line = strings.Trim(strings.TrimSpace(strings.ReplaceAll(line, `\|`, bar)), "|")
	var all []string
	for cell := range strings.SplitSeq(line, "|") {
		all = append(all, strings.TrimSpace(strings.ReplaceAll(cell, bar, "|")))
	}
	return all
}

// Wrap lays text out in lines of up to width columns; the first begins with first, the others with next. It breaks at
// spaces alone, so that flags and paths stay whole.
func Wrap(text, first, next string, width int) string {
	var out strings.Builder
	line := first
	started := false
	for word := range strings.FieldsSeq(plain(text)) {
		if started && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			out.WriteString(line + "\n")
			line, started = next, false
		}
		if started {
			line += " "
		}
		line, started = line+word, true
	}
	return out.String() + line + "\n"
}

// plain takes out what marks text in Markdown. A link to another topic becomes the command that shows it.
func plain(text string) string {
	text = link.ReplaceAllStringFunc(text, func(l string) string {
		parts := link.FindStringSubmatch(l)
		if topic, isTopic := strings.CutSuffix(parts[2], ".md"); isTopic {
			return parts[1] + " (gateway help " + topic + ")"
		}
		return parts[1]
	})
	return strings.NewReplacer("**", "", "`", "").Replace(text)
}
