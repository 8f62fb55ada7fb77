// Package help holds the help topics: reference texts in Markdown that `gateway help TOPIC` prints and that are
// readable on a code host as they are. It knows how to lay them out for a terminal and nothing of commands. Tables in
// the topics that repeat what the code declares are generated; a test in cmd writes and checks them.
package help

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed *.md
var files embed.FS

// Topic is one help text.
type Topic struct {
	// Name is what `gateway help` takes, and the name of the file without its extension.
	Name string
	// Title is the first heading of the text, as plain text.
	Title string
	// Text is Markdown.
	Text string
}

// Topics returns all topics in the order of their names.
func Topics() []Topic {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(fmt.Sprintf("help: reading the embedded topics: %v", err))
	}
	var topics []Topic
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			panic(fmt.Sprintf("help: reading the embedded topics: %v", err))
		}
		title, _, _ := strings.Cut(strings.TrimPrefix(string(text), "# "), "\n")
		topics = append(topics, Topic{strings.TrimSuffix(e.Name(), ".md"), plain(title), string(text)})
	}
	return topics
}

// Find returns the topic of that name.
func Find(name string) (Topic, bool) {
	topics := Topics()
	i := slices.IndexFunc(topics, func(t Topic) bool { return t.Name == name })
	if i < 0 {
		return Topic{}, false
	}
	return topics[i], true
}
