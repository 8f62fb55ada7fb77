package compose

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"gateway/projects/composefile"
	"gateway/proxy/document"
)

// located puts the file, and the line where it can be found, before what is wrong with it. Compose names the line only
// for what is not YAML at all; for the rest it names the keys that lead there.
func located(path string, err error) error {
	text := document.Words(err, nil).Error()
	for _, noise := range []string{"validating " + path + ": ", "failed to parse " + path + ": ", "parsing " + path + ": ", path + ": "} {
		text = strings.ReplaceAll(text, noise, "")
	}
	text = position.ReplaceAllString(text, "at line $1")
	if strings.Contains(text, "line ") {
		return &wordedError{fmt.Sprintf("%s: %s", path, text), []error{err}}
	}
	if line := lineOf(path, keysIn(text)); line > 0 {
		return &wordedError{fmt.Sprintf("%s: line %d: %s", path, line, text), []error{err}}
	}
	return &wordedError{fmt.Sprintf("%s: %s", path, text), []error{err}}
}

// position is how the reader of YAML names the place of an error; the end of the range is where it stumbled.
var position = regexp.MustCompile(`at (?:L\d+\.C\d+-)?L(\d+)\.C\d+`)

var quotedService = regexp.MustCompile(`service "([^"]+)"`)

var dotted = regexp.MustCompile(`(?:services|networks|volumes|configs|secrets)(?:\.[\w-]+)+`)

// unknownKey is how the schema names a key that it does not know, beside the keys that lead to its parent.
var unknownKey = regexp.MustCompile(`additional properties '([^']+)' not allowed`)

// keysIn finds the keys that an error names, from the top of the file down.
func keysIn(text string) []string {
	var keys []string
	if found := dotted.FindString(text); found != "" {
		keys = strings.Split(found, ".")
	} else if found := quotedService.FindStringSubmatch(text); found != nil {
		keys = []string{"services", found[1]}
	}
	if unknown := unknownKey.FindStringSubmatch(text); unknown != nil {
		keys = append(keys, unknown[1])
	}
	return keys
}

// lineOf is the line of the last of keys, or of the deepest one that exists; 0 if none does.
func lineOf(path string, keys []string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	file, err := composefile.Parse(text)
	if err != nil {
		return 0
	}
	return file.Line(keys...)
}
