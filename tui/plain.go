package tui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"gateway/proxy/admin"
)

// Text is a table of routes as aligned lines, each ended by a newline, with what is paused, the targets that get no
// requests, and the problems with their fixes below.
// Without routes and problems it is empty. Colour adds the terminal's own colours to the words that the lines have
// anyway. Now is what end dates are near to or past.
func Text(table admin.Routes, now time.Time, colour bool) string {
	table = cleanRoutes(table)
	s := plainStyles(colour)
	var b strings.Builder
	if len(table.Routes) > 0 {
		writeGrid(&b, textCells(s, table.Routes, now))
	}
	writePaused(&b, s, table.Routes, now)
	writeUnused(&b, s, table.Routes, now)
	if b.Len() > 0 && len(table.Problems) > 0 {
		b.WriteByte('\n')
	}
	if n := len(table.Problems); n > 0 {
		b.WriteString(s.warn.Render(plural(n, "problem")+":") + "\n")
	}
	for i := range table.Problems {
		writeProblem(&b, s, &table.Problems[i])
	}
	return b.String()
}

// Hint is what to do when there are no routes, in lines that each end with a newline.
func Hint() string {
	var b strings.Builder
	b.WriteString("No routes yet.\n")
	for _, step := range firstSteps {
		fmt.Fprintf(&b, "%s\n  %s\n", step[0], step[1])
	}
	return b.String()
}

// cell is a text with the style that it is written in.
type cell struct {
	text  string
	style lipgloss.Style
}

// textTitles are the columns of Text; those from textFigures to the last but one hold figures.
var textTitles = []string{"ROUTE", "STATE", "SERVICE", "TARGETS", "RATE", "P50", "P95", "ERRORS", "EXPIRES"}

const textFigures = 3

func textCells(s styles, routes []admin.Route, now time.Time) [][]cell {
	head := make([]cell, len(textTitles))
	for i, title := range textTitles {
		head[i] = cell{title, s.dim}
	}
	rows := [][]cell{head}
	for i := range routes {
		r := &routes[i]
		expires := none
		if !r.Expires.IsZero() {
			expires = r.Expires.UTC().Format("2006-01-02")
		}
		rows = append(rows, []cell{
			{readable(r.Key), s.bold},
			{r.Status(), stateText(s, r, now)},
			{serviceName(r), s.text},
			{targetCount(r), targetsText(s, r, now)},
			{formatRate(r.Traffic.Rate) + "/s", trafficText(s, r, now)},
			{formatMillis(r.Traffic.P50), latencyText(s, r, now)},
			{formatMillis(r.Traffic.P95), latencyText(s, r, now)},
			{strconv.FormatUint(r.Traffic.Errors, 10), errorsText(s, r, now)},
			{expires, expiresText(s, r, now)},
		})
	}
	return rows
}

// writeGrid aligns cells in columns; no line ends in spaces.
func writeGrid(b *strings.Builder, rows [][]cell) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], lipgloss.Width(c.text))
		}
	}
	for _, row := range rows {
		for i, c := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			last := i == len(row)-1
			text := pad(c.text, widths[i], i >= textFigures && !last)
			if last {
				text = c.text
			}
			b.WriteString(c.style.Render(text))
		}
		b.WriteByte('\n')
	}
}

// Align puts cells in columns by how wide they are on a terminal, each row ended by a newline. The last cell of a row
// widens no column, and no row ends in spaces.
func Align(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], lipgloss.Width(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row[:len(row)-1] {
			line.WriteString(pad(cell, widths[i], false) + "  ")
		}
		line.WriteString(row[len(row)-1])
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

func writeProblem(b *strings.Builder, s styles, p *admin.Problem) {
	var where []string
	if p.Project != "" {
		where = append(where, "project "+p.Project)
	}
	if p.Route != "" {
		where = append(where, "route "+readable(p.Route))
	}
	b.WriteString("  " + s.bold.Render(p.Subject))
	if len(where) > 0 {
		b.WriteString(s.dim.Render(" (" + strings.Join(where, ", ") + ")"))
	}
	fmt.Fprintf(b, "\n    %s\n    %s %s\n", p.Message, s.accent.Render("fix:"), p.Fix)
}

// Clip cuts a text to a terminal: lines to width cells, and to height lines, the last of which then says how many
// are missing.
func Clip(text string, width, height int) []string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if missing := len(lines) - height + 1; len(lines) > height && height > 0 {
		lines = append(lines[:height-1], fmt.Sprintf("… and %s", plural(missing, "more line")))
	}
	for i := range lines {
		lines[i] = cut(lines[i], width)
	}
	return lines
}
