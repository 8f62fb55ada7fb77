package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gateway/proxy/chat"
)

// Message is what became of a project and what comes next.
type Message struct {
	// Event is what happened: "notify", "suspend", "archive" or "delete".
	Event   string `json:"event"`
	Project string `json:"project"`
	// Paths are where it is served, Owner is whom it belongs to; both may be empty.
	Paths []string `json:"paths,omitempty"`
	Owner string   `json:"owner,omitempty"`
	// Text says in a sentence what happened and what happens when.
	Text string `json:"text"`
	// Renew is the command that brings it back, empty for none.
	Renew string `json:"renew,omitempty"`
}

// lines are the message for people.
func (m Message) lines() string {
	text := m.Project
	if len(m.Paths) > 0 {
		text += " (" + strings.Join(m.Paths, ", ") + ")"
	}
	text += ": " + m.Text
	if m.Owner != "" {
		text += "\nOwner: " + m.Owner
	}
	if m.Renew != "" {
		text += "\nTo keep it: " + m.Renew
	}
	return text
}

// The bounds of a message: how long one attempt may take, how many there are, and the pause between them.
const (
	attemptTime = 10 * time.Second
	attempts    = 3
	retryPause  = time.Second
)

// Sender sends messages one after the other. When a service did not take one, the next are not tried.
type Sender struct {
	webhook Webhook
	client  *http.Client
	failed  error
}

// NewSender makes a sender. One of the zero Webhook sends nothing. It follows no redirects: they would carry the message
// to another host.
func NewSender(w Webhook) *Sender {
	return &Sender{webhook: w, client: &http.Client{
		Timeout:       attemptTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10},
	}}
}

// Close closes the idle connections.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Send sends a message, again after a failure that may pass. The error names the webhook by its host alone.
func (s *Sender) Send(ctx context.Context, m Message) error {
	if s.webhook.IsZero() {
		return nil
	}
	if s.failed != nil {
		return s.failed
	}
	var err error
	for try := range attempts {
		if try > 0 {
			select {
			case <-time.After(retryPause << (try - 1)):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		var again bool
		if again, err = s.attempt(ctx, m); err == nil {
			return nil
		}
		if !again || ctx.Err() != nil {
			break
		}
	}
	s.failed = fmt.Errorf("telling %s: %w", s.webhook, err)
	return s.failed
}

// attempt sends a message once, and reports whether it may work a moment later.
func (s *Sender) attempt(ctx context.Context, m Message) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	post, err := s.webhook.request(ctx, m)
	if err != nil {
		return false, err
	}
	res, err := s.client.Do(post)
	if err != nil {
		// An error of the client begins with the URL.
		if sent, ok := errors.AsType[*url.Error](err); ok {
			err = sent.Err
		}
		return true, err
	}
	defer res.Body.Close()
	if res.StatusCode >= 200 && res.StatusCode <= 299 {
		return false, nil
	}
	why, _ := io.ReadAll(io.LimitReader(res.Body, 200))
	return res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500, fmt.Errorf("it answers %s: %q", res.Status, why)
}

// request is the message as the service takes it: text that nobody's words turn into formatting, links or mentions.
func (w Webhook) request(ctx context.Context, m Message) (*http.Request, error) {
	kind := "application/json"
	var body []byte
	var err error
	switch w.kind {
	case Ntfy:
		kind, body = "text/plain; charset=utf-8", []byte(m.lines())
	case Slack:
		body, err = json.Marshal(map[string]any{
			"text": chat.EscapeSlack(m.Project + ": " + chat.Mute(m.Text)),
			"blocks": []any{map[string]any{
				"type": "section", "text": map[string]any{"type": "plain_text", "emoji": false, "text": m.lines()},
			}},
			"unfurl_links": false, "unfurl_media": false,
		})
	case Discord:
		body, err = json.Marshal(map[string]any{
			"content": chat.Mute(m.lines()), "allowed_mentions": map[string]any{"parse": []string{}}, "flags": 4, // no previews of links
		})
	default:
		body, err = json.Marshal(m)
	}
	if err != nil {
		return nil, fmt.Errorf("writing the message: %w", err)
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the webhook is no URL")
	}
	post.Header.Set("Content-Type", kind)
	if w.kind == Ntfy {
		post.Header.Set("Title", "Project "+ascii(m.Project))
	}
	return post, nil
}

// ascii is a name as a header field may have it.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
