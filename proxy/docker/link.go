package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"sync/atomic"
	"time"

	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
)

// link is the way to one engine: it dials, negotiates the API version and words errors. It hands out the SDK's client
// for what changes something, and reads JSON itself: the SDK refuses a whole answer for one odd address in it, and
// decodes far more than is needed.
type link struct {
	// host is as people write it.
	host    string
	base    url.URL
	dial    dialer
	http    *http.Client
	current atomic.Pointer[session]
	// negotiating holds one token; a channel, because waiting for it has to end with the context.
	negotiating chan struct{}
}

// session is what was negotiated with the engine; it ends when the engine goes away. Immutable.
type session struct {
	sdk *client.Client
	api string
}

// least says whether the session's API version is at least v.
func (s *session) least(v string) bool { return !versions.LessThan(s.api, v) }

func newLink(e endpoint) *link {
	l := &link{host: e.shown, base: e.base, dial: e.dial, negotiating: make(chan struct{}, 1)}
	l.http = &http.Client{Transport: l.transport(), CheckRedirect: client.CheckRedirect}
	return l
}

// transport is the same for our own calls and the SDK's: whatever the address, the link's dialer gives the connection.
func (l *link) transport() *http.Transport {
	return &http.Transport{
		DialContext:        l.dial,
		DisableCompression: true,
		ReadBufferSize:     64 << 10,
		MaxIdleConns:       6,
		IdleConnTimeout:    30 * time.Second,
	}
}

// do runs call in a session, again if the engine says that it has become another version meanwhile: it refuses such a
// call before it does anything. The error says what was being done.
func (l *link) do(ctx context.Context, what string, call func(*session) error) error {
	s, err := l.session(ctx)
	if err == nil {
		err = call(s)
	}
	if s != nil && outdated(err) {
		if s, _, err = l.negotiate(ctx); err == nil {
			err = call(s)
		}
	}
	return l.fail(what, err)
}

// fail words err and ends the session when the engine is gone.
func (l *link) fail(what string, err error) error {
	if err == nil {
		return nil
	}
	err = classify(l.host, err)
	if errors.Is(err, ErrUnreachable) {
		l.reset()
	}
	return fmt.Errorf("%s: %w", what, err)
}

// reset makes the next call negotiate.
func (l *link) reset() {
	if s := l.current.Swap(nil); s != nil {
		_ = s.sdk.Close()
	}
	l.http.CloseIdleConnections()
}

func (l *link) session(ctx context.Context) (*session, error) {
	if s := l.current.Load(); s != nil {
		return s, nil
	}
	s, _, err := l.negotiate(ctx)
	return s, err
}

// negotiate asks the engine for its API version, and returns the session to use and the engine's clock, to the second.
func (l *link) negotiate(ctx context.Context) (*session, time.Time, error) {
	select {
	case l.negotiating <- struct{}{}:
		defer func() { <-l.negotiating }()
	case <-ctx.Done():
		return nil, time.Time{}, ctx.Err()
	}
	resp, err := l.send(ctx, http.MethodGet, "/_ping", nil, nil)
	if err != nil {
		return nil, time.Time{}, err
	}
	_ = resp.Body.Close()
	clock, _ := http.ParseTime(resp.Header.Get("Date")) // zero when the engine does not tell
	api := client.MaxAPIVersion
	if v := resp.Header.Get("Api-Version"); v != "" && versions.LessThan(v, api) {
		api = v
	}
	if versions.LessThan(api, client.MinAPIVersion) {
		return nil, clock, fmt.Errorf("the Docker engine at %s speaks API %s; %s or later is needed: upgrade the engine to 20.10 or later", l.host, api, client.MinAPIVersion)
	}
	if s := l.current.Load(); s != nil && s.api == api {
		return s, clock, nil
	}
	s, err := l.newSession(api)
	if err != nil {
		return nil, clock, err
	}
	if old := l.current.Swap(s); old != nil {
		_ = old.sdk.Close()
	}
	return s, clock, nil
}

func (l *link) newSession(api string) (*session, error) {
	sdk, err := client.New(
		client.WithHost("tcp://"+l.base.Host+l.base.Path),
		client.WithHTTPClient(l.http),
		client.WithDialContext(l.dial),
		client.WithAPIVersion(api),
	)
	if err != nil {
		return nil, fmt.Errorf("preparing a client: %w", err)
	}
	return &session{sdk: sdk, api: api}, nil
}

// send makes one request to an unversioned path and returns the answer when its status is no error. The caller closes
// the body.
func (l *link) send(ctx context.Context, method, to string, query url.Values, body io.Reader) (*http.Response, error) {
	u := l.base
	u.Path, u.RawQuery = path.Join(l.base.Path, to), query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < http.StatusBadRequest {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, refused(resp)
}

// refused reads the engine's words from an answer with an error status.
func refused(resp *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("reading the refusal %s: %w", resp.Status, err)
	}
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &said) != nil || said.Message == "" {
		said.Message = string(bytes.TrimSpace(raw))
	}
	if said.Message == "" {
		said.Message = "the engine answered " + resp.Status
	}
	return &refusal{resp.StatusCode, said.Message}
}

// get reads the JSON at a path into out.
func (l *link) get(ctx context.Context, s *session, to string, out any) error {
	resp, err := l.send(ctx, http.MethodGet, "/v"+s.api+to, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("reading %s: %w", to, err)
	}
	return nil
}

// post sends in as JSON and reads the answer into out.
func (l *link) post(ctx context.Context, s *session, to string, in, out any) error {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	resp, err := l.send(ctx, http.MethodPost, "/v"+s.api+to, nil, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("reading the answer to %s: %w", to, err)
	}
	return nil
}
