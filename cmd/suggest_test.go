package cmd

import (
	"strings"
	"testing"

	"gateway/cmd/cli"
	"gateway/cmd/help"
)

func TestSuggestions_NameCommandsThatExist(t *testing.T) {
	root := newRoot(&cli.Env{Getenv: func(string) string { return "" }})
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	seen := map[string]bool{}
	for _, s := range suggestions {
		for _, line := range s.run {
			words := strings.Fields(line)
			if words[0] != "gateway" {
				if words[0] != "docker" && words[0] != "./install.sh" {
					t.Errorf("%s: %s is not a program that users have", s.words, line)
				}
				continue
			}
			c, rest, err := root.Find(words[1:])
			if err != nil || c == root || c.HasSubCommands() && len(rest) > 0 {
				t.Errorf("%s: there is no command %s", s.words, line)
				continue
			}
			if _, topic := help.Find(words[len(words)-1]); c.Name() == "help" && len(words) > 2 && !topic {
				t.Errorf("%s: there is no help topic of %s", s.words, line)
			}
			for _, word := range rest {
				if flag, is := strings.CutPrefix(word, "--"); is && flag != "" && c.Flag(flag) == nil {
					t.Errorf("%s: %s has no flag --%s", s.words, line, flag)
				}
			}
		}
		for word := range strings.FieldsSeq(s.words) {
			if c, _, err := root.Find([]string{word}); err == nil && c != root {
				t.Errorf("%s is a command, and is suggested something else", word)
			}
			if seen[word] {
				t.Errorf("%s comes twice", word)
			}
			seen[word] = true
		}
	}
	for _, s := range flagSuggestions {
		c, _, err := root.Find([]string{s.command})
		if err != nil || c == root {
			t.Errorf("there is no command %s", s.command)
			continue
		}
		for flag := range strings.FieldsSeq(s.flags) {
			name := strings.TrimLeft(flag, "-")
			if c.Flag(name) != nil || len(name) == 1 && c.Flags().ShorthandLookup(name) != nil {
				t.Errorf("%s %s is a flag, and something else is suggested", s.command, flag)
			}
		}
	}
	// What people type first.
	for word := range strings.FieldsSeq("ps update upgrade exec env info inspect delete rename transfer password https scale doctor uninstall destroy config reload tail kill") {
		c, _, err := root.Find([]string{word})
		if isCommand := err == nil && c != root; !isCommand && !seen[word] {
			t.Errorf("nothing is suggested for %s", word)
		}
	}
}
