package compose

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// located puts the file, and the line where it can be found, before what is wrong with it. Compose names the line only
// for what is not YAML at all; for the rest it names the keys that lead there.
func located(path string, err error) error {
	text := err.Error()
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

// lineOf is the line of the key that keys lead to, or of the last one on the way that is there; 0 for none.
func lineOf(path string, keys []string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return 0
	}
	node, line := doc.Content[0], 0
	for _, key := range keys {
		next := child(node, key)
		if next == nil {
			break
		}
		node, line = next[1], next[0].Line
	}
	return line
}

// child is the key and the value of an entry of a mapping, or nil.
func child(node *yaml.Node, key string) []*yaml.Node {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i : i+2]
		}
	}
	return nil
}
