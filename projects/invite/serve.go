package invite

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"mime"
	"net/http"
	"strings"
	"time"
)

// Health is where a check asks whether the page is served. No page of a club is called so.
const Health = "/-/health"

// routes are the paths of the page.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.show)
	mux.HandleFunc("POST /join", s.join)
	mux.HandleFunc("POST /request", s.request)
	mux.HandleFunc("GET /join", home)
	mux.HandleFunc("GET /request", home)
	mux.HandleFunc("GET /token", s.token)
	mux.HandleFunc("GET /logo", s.sendLogo)
	mux.HandleFunc("GET /icon.svg", s.sendIcon)
	mux.HandleFunc("GET "+Health, health)
	return mux
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	headers(w.Header())
	if _, pattern := s.mux.Handler(r); pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	allowed := s.allowed(r)
	if allowed == "" {
		s.fail(w, r, http.StatusNotFound)
		return
	}
	w.Header().Set("Allow", allowed)
	s.fail(w, r, http.StatusMethodNotAllowed)
}

// allowed are the methods that a path knows, empty when there is no such path.
func (s *Server) allowed(r *http.Request) string {
	var all []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		other := *r
		other.Method = method
		if _, pattern := s.mux.Handler(&other); pattern != "" {
			all = append(all, method)
		}
	}
	return strings.Join(all, ", ")
}

// fail answers with a page that says what is wrong.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, status int) {
	settings := s.settings.now()
	d := newPage(settings, languageOf(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language")), homeFrom(r))
	d.View, d.Status = viewError, status
	d.Title = d.Words.NotFound
	if status == http.StatusMethodNotAllowed {
		d.Title = d.Words.NotAllowed
	}
	s.write(w, r, d)
}

// homeFrom leads from the path of a request to the page, relatively: only the gateway in front knows the prefix.
func homeFrom(r *http.Request) string {
	if depth := strings.Count(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/"); depth > 0 {
		return strings.Repeat("../", depth)
	}
	return "./"
}

// home leads who reloads the answer to a form back to the page.
func home(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Location", "./")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

func health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintln(w, "ok")
}

// page is the page as it is now.
func (s *Server) page(r *http.Request, lang string) pageData {
	settings, now := s.settings.now(), time.Now()
	d := newPage(settings, languageOf(lang, r.Header.Get("Accept-Language")), homeFrom(r))
	d.describe(settings, s.tally.open(settings.Kind, s.links.now().Links, now))
	d.JoinToken = s.tokens.issue(toJoin, now)
	if logo := s.logo.now(); logo != nil {
		d.Logo = tagOf(logo.Content)
	}
	if settings.Form && s.webhook.now().url != nil {
		d.Form, d.RequestToken = true, s.tokens.issue(toRequest, now)
	}
	return d
}

func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	s.write(w, r, s.page(r, r.URL.Query().Get("lang")))
}

// token sends a new one to a page that was open for long.
func (s *Server) token(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintln(w, s.tokens.issue(toJoin, time.Now()))
}

// Bounds of forms, in bytes.
const (
	maxJoinForm    = 2 << 10
	maxRequestForm = 16 << 10
)

// readForm reads a form of up to so many bytes; it is false when the request has none that can be read.
func readForm(w http.ResponseWriter, r *http.Request, most int64) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return false
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
	return r.ParseForm() == nil
}

// join leads to the next link.
func (s *Server) join(w http.ResponseWriter, r *http.Request) {
	if !readForm(w, r, maxJoinForm) {
		s.again(w, r, http.StatusBadRequest, noticeBad)
		return
	}
	now := time.Now()
	// Who sends what no page gave him costs nobody else's share of a common address.
	if _, _, err := s.tokens.check(toJoin, r.PostForm.Get("token"), r.PostForm.Get("proof"), now); err != nil {
		s.again(w, r, http.StatusForbidden, noticeOf(err))
		return
	}
	if wait := s.limits.joins(clientOf(r), now); wait > 0 {
		retryAfter(w, wait)
		s.again(w, r, http.StatusTooManyRequests, noticeMany)
		return
	}
	if err := s.tokens.take(toJoin, r.PostForm.Get("token"), r.PostForm.Get("proof"), now); err != nil {
		s.again(w, r, statusOf(err), noticeOf(err))
		return
	}
	link, found := s.tally.join(s.settings.now().Kind, s.links.now().Links, now)
	if !found {
		s.again(w, r, http.StatusServiceUnavailable, noNotice)
		return
	}
	w.Header().Set("Location", link.URL)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

// again shows the page again with what is wrong.
func (s *Server) again(w http.ResponseWriter, r *http.Request, status int, n notice) {
	d := s.page(r, r.PostForm.Get("lang"))
	d.Status, d.Notice = status, d.Words.Notices[n]
	s.write(w, r, d)
}

// noticeOf says what is wrong with a token.
func noticeOf(err error) notice {
	switch {
	case errors.Is(err, errEarly):
		return noticeEarly
	case errors.Is(err, errBusy):
		return noticeBusy
	}
	return noticeStale
}

func statusOf(err error) int {
	if errors.Is(err, errBusy) {
		return http.StatusServiceUnavailable
	}
	return http.StatusForbidden
}

func retryAfter(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", fmt.Sprint(int(math.Ceil(wait.Seconds()))))
}

func (s *Server) sendLogo(w http.ResponseWriter, r *http.Request) {
	logo := s.logo.now()
	if logo == nil {
		s.fail(w, r, http.StatusNotFound)
		return
	}
	sendImage(w, r, logo.Type, logo.Content)
}

func (s *Server) sendIcon(w http.ResponseWriter, r *http.Request) {
	sendImage(w, r, "image/svg+xml", icon(s.settings.now()))
}

// sendImage sends an image under a policy that lets nothing in it run, should somebody open it by itself.
func sendImage(w http.ResponseWriter, r *http.Request, kind string, content []byte) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'")
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("ETag", `"`+tagOf(content)+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

func tagOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}
