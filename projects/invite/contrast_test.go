package invite

import (
	"maps"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var colours = regexp.MustCompile(`(:root|\.\w+)\{[^}]*?(--[^}]*)\}`)

// Every text can be read against what is behind it, and every field be seen, in all kinds of pages, by day and by night
// (WCAG 2.2, 1.4.3 and 1.4.11).
func TestStyle_HasTheContrastThatReadersNeed(t *testing.T) {
	day, night, found := strings.Cut(pageCSS, "@media(prefers-color-scheme:dark){")
	if !found {
		t.Fatal("there is no night")
	}
	night, _, _ = strings.Cut(night, "\n}\n")
	sets := map[string]map[string]string{}
	readColours("day ", day, sets)
	readColours("night ", night, sets)
	if len(sets) != 8 {
		t.Fatalf("%d sets of colours", len(sets))
	}
	for name, set := range sets {
		for _, c := range []struct {
			on, of string
			least  float64
		}{
			{"--card", "--ink", 4.5},
			{"--paper", "--ink", 4.5},
			{"--card", "--soft", 4.5},
			{"--paper", "--soft", 4.5},
			{"--glow-a", "--ink", 4.5},
			{"--glow-b", "--soft", 4.5},
			{"--tone", "--on-tone", 4.5},
			{"--tone-deep", "--on-tone", 4.5},
			{"--card", "--tone", 4.5},
			{"--bad-paper", "--bad", 4.5},
			{"--card", "--bad", 4.5},
			{"--card", "--field", 3},
		} {
			if got := contrast(t, set[c.on], set[c.of]); got < c.least {
				t.Errorf("%s: %s on %s has %.2f, and %.1f is the least", name, c.of, c.on, got, c.least)
			}
		}
	}
}

// readColours adds the colours of every kind to the sets, those of all pages among them.
func readColours(name, css string, sets map[string]map[string]string) {
	base := map[string]string{}
	for _, block := range colours.FindAllStringSubmatch(css, -1) {
		set := maps.Clone(base)
		for pair := range strings.SplitSeq(block[2], ";") {
			if name, value, ok := strings.Cut(pair, ":"); ok {
				set[name] = value
			}
		}
		if block[1] == ":root" {
			base = set
		}
		sets[name+block[1]] = set
	}
}

func contrast(t *testing.T, a, b string) float64 {
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	hex := strings.TrimPrefix(colour, "#")
	if len(hex) == 3 {
		hex = hex[:1] + hex[:1] + hex[1:2] + hex[1:2] + hex[2:] + hex[2:]
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 6 {
		t.Fatalf("%q is no colour", colour)
	}
	part := func(shift uint) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}
