package invite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"gateway/proxy/chat"
	"gateway/proxy/durable"
)

// Webhook is where requests for an invitation go. Its URL lets whoever knows it write there, so it is never shown: it
// prints as its host alone.
type Webhook struct{ url *url.URL }

// webhookFile is in the folder of what a page keeps for itself.
const webhookFile = "webhook"

const maxWebhook = 2000

// ParseWebhook reads the URL of an incoming webhook of Slack or Discord, or with anyHost that of any other service over
// HTTPS that takes JSON with a "text". The errors do not repeat the URL.
func ParseWebhook(text string, anyHost bool) (Webhook, error) {
	text = strings.TrimSpace(text)
	u, err := url.Parse(text)
	switch {
	case text == "":
		return Webhook{}, errors.New("webhook: there is none; give its URL on standard input, or in a file with --file")
	case err != nil || len(text) > maxWebhook || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= unicode.MaxASCII }):
		return Webhook{}, errors.New("webhook: it is no URL; copy it from the service")
	case u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return Webhook{}, errors.New("webhook: it has to start with https:// and a host, without a user name")
	}
	u.Host = strings.ToLower(u.Host)
	if w := (Webhook{u}); anyHost || w.service() != "" {
		return w, nil
	}
	return Webhook{}, fmt.Errorf("webhook: %s is neither https://hooks.slack.com/services/… nor https://discord.com/api/webhooks/…; for one of your own add --any-host", u.Host)
}

// service is "slack" or "discord" when the webhook is one of theirs, else empty.
func (w Webhook) service() string {
	switch {
	case w.url.Host == "hooks.slack.com" && plainBelow(w.url, "/"):
		return "slack"
	case (w.url.Host == "discord.com" || w.url.Host == "discordapp.com") && plainBelow(w.url, "/api/webhooks/"):
		return "discord"
	}
	return ""
}

// plainBelow reports whether a path is below a prefix for every reader.
func plainBelow(u *url.URL, prefix string) bool {
	rest, below := strings.CutPrefix(u.EscapedPath(), prefix)
	return below && rest != "" && !strings.ContainsAny(rest, `%\`) && !strings.Contains(rest, "..")
}

// String is the host, without what is secret.
func (w Webhook) String() string {
	if w.url == nil {
		return ""
	}
	return w.url.Host
}

// Write keeps the webhook in a folder.
func (w Webhook) Write(dir string) error {
	return durable.Write(filepath.Join(dir, webhookFile), []byte(w.url.String()+"\n"), 0o644)
}

// ReadWebhook reads the webhook in a folder. Without one it is the zero Webhook.
func ReadWebhook(dir string) (Webhook, error) { return readWebhook(filepath.Join(dir, webhookFile)) }

func readWebhook(path string) (Webhook, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Webhook{}, nil
	}
	if err != nil {
		return Webhook{}, fmt.Errorf("reading the webhook: %w", err)
	}
	// Whether another host is meant was asked when it was written.
	return ParseWebhook(string(text), true)
}

// RemoveWebhook forgets the webhook in a folder. That there is none is fine.
func RemoveWebhook(dir string) error {
	if err := os.Remove(filepath.Join(dir, webhookFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the webhook: %w", err)
	}
	return nil
}

// sendTimeout bounds how long a client waits for the service behind a webhook.
const sendTimeout = 10 * time.Second

// newSender makes the client for webhooks. It follows no redirects: they would lead to who was not allowed.
func newSender() *http.Client {
	return &http.Client{
		Timeout:       sendTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSHandshakeTimeout: sendTimeout, ResponseHeaderTimeout: sendTimeout, IdleConnTimeout: time.Minute,
			MaxIdleConns: 2, MaxConnsPerHost: 4, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// send posts a request. The error says what happened without the URL.
func (w Webhook) send(ctx context.Context, client *http.Client, title string, r request) error {
	body, err := json.Marshal(w.message(title, r))
	if err != nil {
		return fmt.Errorf("writing the message: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("the webhook is no URL")
	}
	post.Header.Set("Content-Type", "application/json")
	res, err := client.Do(post)
	if err != nil {
		// An error of the client begins with the URL.
		if told, ok := errors.AsType[*url.Error](err); ok {
			err = told.Err
		}
		return fmt.Errorf("asking %s: %w", w, err)
	}
	defer res.Body.Close()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		why, _ := io.ReadAll(io.LimitReader(res.Body, 200))
		return fmt.Errorf("%s answers %s: %q", w, res.Status, why)
	}
	return nil
}

// message is what the service takes: text that nobody's words can turn into formatting, links in disguise or a call for
// everybody.
func (w Webhook) message(title string, r request) any {
	lines := []string{title, "", r.Name + " <" + r.Email + ">", r.Note}
	switch w.service() {
	case "slack":
		// Plain text is shown as it is; the text beside it is for notifications.
		return map[string]any{
			"text": chat.EscapeSlack(title + ": " + chat.Mute(r.Name)),
			"blocks": []any{map[string]any{
				"type": "section",
				"text": map[string]any{"type": "plain_text", "emoji": false, "text": strings.Join(lines, "\n")},
			}},
			"unfurl_links": false, "unfurl_media": false,
		}
	case "discord":
		return map[string]any{
			"content":          markdownEscape.Replace(chat.Mute(strings.Join(lines, "\n"))),
			"allowed_mentions": map[string]any{"parse": []string{}},
			"flags":            4, // no previews of links
		}
	}
	return map[string]any{"text": chat.EscapeSlack(markdownEscape.Replace(chat.Mute(strings.Join(lines, "\n"))))}
}

// markdownEscape takes their meaning from the characters that have one in Markdown.
var markdownEscape = strings.NewReplacer(escapes(`\*_~|#>[]` + "`")...)

func escapes(characters string) []string {
	var pairs []string
	for _, r := range characters {
		pairs = append(pairs, string(r), `\`+string(r))
	}
	return pairs
}
