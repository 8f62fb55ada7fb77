// Package chat writes text for chat services so that it calls nobody and means nothing to them. It knows what services
// take for a mention or for markup, and nothing of messages or webhooks.
package chat

import (
	"strings"
	"unicode"
)

var slack = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// EscapeSlack replaces the characters that Slack asks to have escaped. Without them nothing is a mention or a link.
func EscapeSlack(text string) string { return slack.Replace(text) }

// Mute puts an invisible character behind each @ that begins a word, so that it mentions nobody. Mail addresses stay as
// they are, and can be copied.
func Mute(text string) string {
	var b strings.Builder
	before := ' '
	for _, r := range text {
		b.WriteRune(r)
		if r == '@' && !unicode.IsLetter(before) && !unicode.IsDigit(before) {
			b.WriteRune('\u200b')
		}
		before = r
	}
	return b.String()
}
