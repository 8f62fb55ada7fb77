package label

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// What one container may say at most. Anybody who can start one can write labels, and all of them land in the table.
const (
	// MaxProblems is how many problems of one container are reported.
	MaxProblems = 20
	// maxRoutes is how many routes it may have, MaxRouteName how long their names may be, in bytes.
	maxRoutes    = 100
	MaxRouteName = 63
	// maxShown is how much of a name or a value is shown, in bytes.
	maxShown = 100
)

// quote writes what a container says so that it can be shown: without control characters, and cut.
func quote(s string) string {
	if len(s) <= maxShown {
		return strconv.Quote(s)
	}
	return strconv.Quote(cut(s)) + "..."
}

// plain is quote without the quotes. A name as it should be stays what it is.
func plain(s string) string {
	quoted := strconv.Quote(cut(s))
	return quoted[1 : len(quoted)-1]
}

// cut shortens s to what is shown of it, at the end of a character.
func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	end := maxShown
	for end > maxShown-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// crowded is the problem of a container with more routes than it may have, given the names of those left out.
func crowded(left []string) Problem {
	return Problem{
		Label: Routes + left[0],
		Message: fmt.Sprintf("it asks for %d routes, and %d is the most; gateway.routes.%s and those after it are left out",
			maxRoutes+len(left), maxRoutes, left[0]),
		Fix: "remove routes, or spread them over several containers",
	}
}

// shorten leaves the first problems, and of the others their number.
func shorten(problems []Problem) []Problem {
	if len(problems) <= MaxProblems {
		return problems
	}
	first, others := problems[:MaxProblems-1:MaxProblems-1], problems[MaxProblems-1:]
	return append(first, Problem{
		Label:   others[0].Label,
		Message: fmt.Sprintf("it has %d more problems than are shown", len(others)),
		Fix:     "fix those that are shown; the next ones are shown then",
	})
}
