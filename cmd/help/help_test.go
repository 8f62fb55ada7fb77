package help_test

import (
	"strings"
	"testing"

	"gateway/cmd/help"
)

func TestTopics_HaveATitleAndFitTheTerminal(t *testing.T) {
	topics := help.Topics()
	if len(topics) < 10 {
		t.Fatalf("%d topics", len(topics))
	}
	for _, topic := range topics {
		if topic.Title == "" || !strings.HasPrefix(topic.Text, "# "+topic.Title[:1]) {
			t.Errorf("%s begins with no heading: %.40q", topic.Name, topic.Text)
		}
		code := false
		for line := range strings.Lines(topic.Text) {
			code = code != strings.HasPrefix(line, "```")
		}
		if code {
			t.Errorf("%s leaves a block of code open", topic.Name)
		}
		for line := range strings.Lines(help.Layout(topic.Text, 80)) {
			if indented := strings.HasPrefix(line, "    "); !indented && len([]rune(line)) > 81 && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%s has a line of %d columns: %s", topic.Name, len([]rune(line)), line)
			}
		}
	}
}

func TestLayout_KnowsWhatTopicsUse(t *testing.T) {
	const markdown = "# A `title`\n\nSome **bold** words and a\n[link](http.md) to more.\n<!-- generated -->\n| flag | default | meaning |\n| --- | --- | --- |\n" +
		"| `--a` | – | One \\| two. |\n\n- an item\n  that goes on\n- another\n\n```sh\na   b # c\ngateway up --http 8080   # the proxy on another port\nrobots/site/index.html   the file that clients get first\n```\n"
	const want = "A TITLE\n\nSome bold words and a link (gateway help\nhttp) to more.\n  --a\n      meaning: One | two.\n\n" +
		"  - an item that goes on\n  - another\n\n    a   b # c\n    # the proxy on another port\n    gateway up --http 8080\n" +
		"    robots/site/index.html\n        the file that clients get first\n"
	if got := help.Layout(markdown, 40); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
