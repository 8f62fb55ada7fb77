// Package notify tells people by a webhook what becomes of a project: through Slack, Discord, ntfy or as plain JSON. It
// knows how each service takes a message, and nothing of projects. The policies worth stating: the URL is a secret that
// is never shown or redirected elsewhere, and a service that hangs or fails costs a bounded time, once.
package notify

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"gateway/proxy/durable"
)

// Kind is what a service takes.
type Kind string

// The kinds.
const (
	Slack   Kind = "slack"
	Discord Kind = "discord"
	Ntfy    Kind = "ntfy"
	JSON    Kind = "json"
)

// Webhook is where messages go. It prints as its kind and host: the URL is a secret.
type Webhook struct {
	kind Kind
	url  *url.URL
}

const maxURL = 2000

// Parse reads the URL of a webhook. The kind comes from the host (hooks.slack.com, discord.com, ntfy.sh), or from a
// prefix such as ntfy+https://; anything else takes JSON. The errors do not repeat the URL.
func Parse(text string) (Webhook, error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxURL || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= unicode.MaxASCII }) {
		return Webhook{}, errors.New("the webhook is no URL; copy it from the service")
	}
	kind, rest, prefixed := strings.Cut(text, "+")
	if known := slices.Contains([]Kind{Slack, Discord, Ntfy, JSON}, Kind(kind)); prefixed && known {
		text = rest
	} else {
		kind = ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Fragment != "" {
		return Webhook{}, errors.New("the webhook is no URL that begins with https:// or http://, such as https://ntfy.sh/TOPIC, ntfy+https://ntfy.example.org/TOPIC or json+https://example.org/HOOK")
	}
	w := Webhook{Kind(kind), u}
	if kind == "" {
		w.kind = kindOf(strings.ToLower(u.Hostname()))
	}
	if u.Scheme == "http" && (w.kind == Slack || w.kind == Discord) {
		return Webhook{}, fmt.Errorf("the webhook of %s has to begin with https://", w.kind)
	}
	return w, nil
}

func kindOf(host string) Kind {
	switch host {
	case "hooks.slack.com":
		return Slack
	case "discord.com", "discordapp.com":
		return Discord
	case "ntfy.sh":
		return Ntfy
	}
	return JSON
}

// IsZero reports that there is no webhook.
func (w Webhook) IsZero() bool { return w.url == nil }

// String is the kind and the host.
func (w Webhook) String() string {
	if w.url == nil {
		return "no webhook"
	}
	return fmt.Sprintf("%s at %s", w.kind, w.url.Host)
}

// Secret is the text that Parse reads, empty for the zero Webhook.
func (w Webhook) Secret() string {
	if w.url == nil {
		return ""
	}
	return string(w.kind) + "+" + w.url.String()
}

// Keep writes the webhook into a file that only its owner can read; the folder is made. The zero Webhook removes the file.
func Keep(path string, w Webhook) error {
	if w.IsZero() {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the webhook: %w", err)
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("keeping the webhook: %w", err)
	}
	return durable.Write(path, []byte(w.Secret()+"\n"), 0o600)
}

// Read reads what Keep wrote. Without a file it is the zero Webhook.
func Read(path string) (Webhook, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Webhook{}, nil
	}
	if err != nil {
		return Webhook{}, fmt.Errorf("reading the webhook: %w", err)
	}
	if strings.TrimSpace(string(text)) == "" {
		return Webhook{}, nil
	}
	w, err := Parse(string(text))
	if err != nil {
		return Webhook{}, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}
