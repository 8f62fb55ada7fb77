package policy

import (
	"fmt"
	"slices"
	"strings"

	"gateway/projects/composefile"
)

// Record writes trust into the text of a compose file, beside what x-gateway.trust says there already, and leaves all
// else as it is, byte for byte. Without any that is new the text is returned as it came. A file that is written in a way
// that cannot be edited so is an error, which says what to write by hand.
func Record(text []byte, t Trust) ([]byte, error) {
	at := composefile.Path{"x-gateway", "trust"}
	file, err := composefile.Parse(text)
	if err != nil {
		return nil, err
	}
	names := file.Items(at...)
	before, err := ParseTrust(names)
	if err != nil {
		return nil, err
	}
	for _, rule := range t.With(nil) {
		if !slices.Contains(before, rule) {
			names = append(names, string(rule))
		}
	}
	if len(names) == len(before) {
		return text, nil
	}
	if err := file.SetItems(at, names); err != nil {
		return nil, fmt.Errorf("trust cannot be recorded: %w; or write it by hand: x-gateway: {trust: [%s]}", err, before.With(t))
	}
	return file.Bytes(), nil
}

// String are the names, with commas between them.
func (t Trust) String() string {
	var names []string
	for _, r := range t {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}
