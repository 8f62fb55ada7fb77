// Package typo finds the word that somebody meant. It knows words and distances between them, and nothing of what the words
// are for. The policy worth stating: a guess is made only where one letter is wrong, or two in a longer word.
package typo

// Nearest returns the word that s is a typo of, the first of several that are as near; empty when there is none. A short
// word is one edit away, and one of more than four letters two.
func Nearest(s string, words ...string) string {
	best, least := "", 3
	for _, word := range words {
		limit := 1
		if len(word) > 4 {
			limit = 2
		}
		if d := distance(s, word, limit); d <= limit && d < least {
			best, least = word, d
		}
	}
	return best
}

// distance counts the edits between two words: letters put in, left out, replaced, or swapped with a neighbour. It
// may give up with limit+1.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
