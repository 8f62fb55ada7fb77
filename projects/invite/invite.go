// Package invite serves the page that invites people to a club's chat. It knows what the page says, which link is next
// and how often each was used, how it tells people from programs, and where requests for an invitation go. It knows
// nothing of projects and prefixes, and works below any prefix because all its links are relative. The one policy worth
// stating: a link is told to those alone who pressed the button, and of them nothing is kept.
package invite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"gateway/projects/invite/link"
	"gateway/proxy/bounded"
	"gateway/proxy/limit"
)

// LinksFile is in the folder of what a page keeps for itself.
const LinksFile = "links.json"

// Config says where the files of a page are.
type Config struct {
	// Page is the folder with page.yaml and the logo; Private that with the links and the webhook. Both are only read,
	// and changes show within a second.
	Page, Private string
	// State is the folder that counts are written to. It has to exist.
	State string
	// Log hears of what the owner should fix; nil is silence.
	Log *slog.Logger
}

// Server is an http.Handler for one page, safe for concurrent use.
type Server struct {
	log      *slog.Logger
	settings watched[Settings]
	links    watched[link.List]
	webhook  watched[Webhook]
	logo     watched[*Logo]
	tokens   *tokens
	tally    *tally
	limits   limits
	sender   *http.Client
	mux      *http.ServeMux
}

// bodyTimeout is how long a client may take for a form.
const bodyTimeout = 30 * time.Second

// Open prepares a page. Its settings and its links have to be readable; the error names the file and the fix.
func Open(config Config) (*Server, error) {
	log := config.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{log: log, limits: newLimits(), sender: newSender()}
	s.settings = watched[Settings]{path: in(config.Page, SettingsFile), read: ReadSettings, log: log}
	s.links = watched[link.List]{path: in(config.Private, LinksFile), read: link.Read, log: log}
	s.webhook = watched[Webhook]{path: in(config.Private, webhookFile), read: readWebhook, log: log}
	s.logo = watched[*Logo]{path: func() string { return FindLogo(config.Page) }, read: readFound, log: log}
	if err := errors.Join(s.settings.load(), s.links.load()); err != nil {
		return nil, err
	}
	var err error
	if s.tally, err = openTally(config.State, log); err != nil {
		return nil, err
	}
	if s.tokens, err = openTokens(config.State); err != nil {
		log.Warn("nothing can be kept: counts and open pages are lost with the next restart", "error", err)
	}
	s.mux = s.routes()
	return s, nil
}

func in(dir, name string) func() string {
	path := filepath.Join(dir, name)
	return func() string { return path }
}

// Serve answers requests from ln until ctx ends, then lets those under way finish for up to ten seconds, and writes what
// was counted. It closes ln, and returns nil when ctx was what ended it.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	keeping, done := context.WithCancel(context.WithoutCancel(ctx))
	var kept sync.WaitGroup
	kept.Go(func() { s.tally.keep(keeping) })
	defer kept.Wait()
	defer done()
	err := bounded.Serve(ctx, ln, bounded.Config{
		Handler: s, Room: limit.Measure(), Body: bodyTimeout, Response: bodyTimeout + sendTimeout, Log: s.log,
	})
	if err != nil && !errors.Is(err, bounded.ErrCutOff) {
		return fmt.Errorf("serving the page: %w", err)
	}
	return nil
}
