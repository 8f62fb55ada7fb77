// Package page writes the gateway's own responses, for requests that no app answers. A page says what is the matter and
// what happens next, in the client's language, as HTML to browsers, as JSON to API clients and as plain text to the rest.
// It is small, loads nothing from anywhere, and never says more than a stranger may know.
package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"gateway/proxy/header"
)

// Kind is what a page is about. Its text is the code that API clients get, and never changes.
type Kind string

// The kinds of pages.
const (
	Waiting     Kind = "waiting"        // the gateway has no table yet
	Starting    Kind = "starting"       // the app starts
	Unhealthy   Kind = "unhealthy"      // the app's health check fails
	Crashing    Kind = "crashing"       // the app ends by itself, and is restarted again and again
	Stopped     Kind = "stopped"        // the app does not run
	Expired     Kind = "expired"        // the app does not run, since its last day is past
	Draining    Kind = "draining"       // the app is being stopped
	Waking      Kind = "waking"         // the app was stopped because nobody used it, and is being started
	Unwoken     Kind = "start_failed"   // the app could not be started again
	Paused      Kind = "paused"         // the app is paused, and the request could wait no longer
	Unreachable Kind = "unreachable"    // the app does not accept connections
	Broken      Kind = "bad_answer"     // the app closed the connection, or its response is not HTTP
	Slow        Kind = "timeout"        // the app took too long
	NotFound    Kind = "not_found"      // no project is here
	Gone        Kind = "removed"        // a project was here
	Moved       Kind = "moved"          // a project was here and is elsewhere now
	BadRequest  Kind = "bad_request"    // the address or the request is malformed
	Ambiguous   Kind = "ambiguous_path" // the address may mean another route, which has limits of its own
	BadMethod   Kind = "bad_method"     // the method is not passed on
	Misdirected Kind = "misdirected"    // the connection is one for another host
	Elsewhere   Kind = "other_project"  // the destination of a copy or a move is in another project
	Internal    Kind = "internal_error" // an error of the gateway itself

	LongTarget Kind = "uri_too_long"       // the address is too long
	Unexpected Kind = "expectation_failed" // the Expect field is not understood
	LargeHead  Kind = "header_too_large"   // the head of the request is too large
	Unknown    Kind = "not_implemented"    // the transfer coding of the body is not supported
	BadVersion Kind = "bad_version"        // the version of HTTP is not supported

	NoCertificate Kind = "client_certificate_required" // the host needs a certificate of the client, which can be sent with TLS alone

	LargeBody Kind = "body_too_large"    // the body is larger than the app takes
	NoLength  Kind = "length_required"   // the app takes no body of unknown length
	TooMany   Kind = "too_many_requests" // the client sends too many requests, or over too many connections
	Crowded   Kind = "too_busy"          // there are too many connections in all

	NoFile Kind = "file_not_found" // a site of files has no such page
)

// face is what all pages of one kind have in common.
type face struct {
	status int
	// retry is after how many seconds to try again, 0 for never. A page that has one reloads itself, unless somebody has to
	// act first: see still.
	retry int
	// tone picks the colour: wait, fail or calm.
	tone string
}

var faces = map[Kind]face{
	Waiting:       {http.StatusServiceUnavailable, 2, "wait"},
	Starting:      {http.StatusServiceUnavailable, 2, "wait"},
	Unhealthy:     {http.StatusServiceUnavailable, 10, "fail"},
	Crashing:      {http.StatusServiceUnavailable, 15, "fail"},
	Stopped:       {http.StatusServiceUnavailable, 60, "calm"},
	Expired:       {http.StatusGone, 0, "calm"},
	Draining:      {http.StatusServiceUnavailable, 5, "wait"},
	Waking:        {http.StatusServiceUnavailable, 1, "wait"},
	Unwoken:       {http.StatusServiceUnavailable, 30, "fail"},
	Paused:        {http.StatusServiceUnavailable, 10, "calm"},
	Unreachable:   {http.StatusBadGateway, 5, "fail"},
	Broken:        {http.StatusBadGateway, 0, "fail"},
	Slow:          {http.StatusGatewayTimeout, 0, "fail"},
	NotFound:      {http.StatusNotFound, 0, "calm"},
	Gone:          {http.StatusNotFound, 0, "calm"},
	Moved:         {http.StatusNotFound, 0, "calm"},
	BadRequest:    {http.StatusBadRequest, 0, "fail"},
	Ambiguous:     {http.StatusBadRequest, 0, "fail"},
	BadMethod:     {http.StatusMethodNotAllowed, 0, "fail"},
	Misdirected:   {http.StatusMisdirectedRequest, 0, "fail"},
	Elsewhere:     {http.StatusBadGateway, 0, "fail"},
	Internal:      {http.StatusInternalServerError, 0, "fail"},
	LongTarget:    {http.StatusRequestURITooLong, 0, "fail"},
	Unexpected:    {http.StatusExpectationFailed, 0, "fail"},
	LargeHead:     {http.StatusRequestHeaderFieldsTooLarge, 0, "fail"},
	Unknown:       {http.StatusNotImplemented, 0, "fail"},
	BadVersion:    {http.StatusHTTPVersionNotSupported, 0, "fail"},
	NoCertificate: {http.StatusForbidden, 0, "fail"},
	LargeBody:     {http.StatusRequestEntityTooLarge, 0, "fail"},
	NoLength:      {http.StatusLengthRequired, 0, "fail"},
	TooMany:       {http.StatusTooManyRequests, 5, "wait"},
	Crowded:       {http.StatusServiceUnavailable, 10, "wait"},
	NoFile:        {http.StatusNotFound, 0, "calm"},
}

// still are the pages that do not reload themselves: waiting does not help there. Programs may well ask again.
var still = map[Kind]bool{Stopped: true}

// Refused is the kind of page for a request that is refused with that status before it is known what it asks for.
func Refused(status int) Kind {
	for _, kind := range []Kind{LongTarget, Unexpected, LargeHead, Unknown, BadVersion} {
		if faces[kind].status == status {
			return kind
		}
	}
	return BadRequest
}

// Allowed is the Allow field of a BadMethod page.
const Allowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// Page is one response.
type Page struct {
	// Kind is required; an unknown one is written as Internal.
	Kind Kind
	// RequestID is shown so that it can be quoted, and sent as X-Request-Id; empty for none.
	RequestID string
	// Service is what people know the app by: its project's name, or its own; empty where there is none to name.
	Service string
	// Owner is whom to ask; empty when nobody said. The pages show it where only the owner can help.
	Owner string
	// Moved is the path that an app moved to; Moved alone shows it, as a link.
	Moved string
	// Project is the name by which an app can be renewed; empty where that is not possible. Expired alone shows it.
	Project string
	// Until is when a removed app was last there, which Gone shows, and the last day of one that Expired is about.
	Until time.Time
	// Retry is after how long to try again, where that is not always the same: rounded up to seconds. 0 is the kind's own.
	Retry time.Duration
	// Message is what the owner of the app says, as plain text; Paused alone shows it, in place of its own words.
	Message string
	// Home is a link to the start of the site, relative to the request's path; empty for none. Only HTML shows it.
	Home string
}

// Status is the HTTP status that the page has.
func (p Page) Status() int { return p.face().status }

func (p Page) face() face {
	if f, known := faces[p.Kind]; known {
		return f
	}
	return faces[Internal]
}

// retry is after how many seconds to try again, 0 for never.
func (p Page) retry() int {
	if p.Retry > 0 {
		return int((p.Retry + time.Second - 1) / time.Second)
	}
	return p.face().retry
}

// Render writes the page as a response to a request with that method and header. The caller adds framing, and leaves out
// the body for HEAD.
func (p Page) Render(method string, asked header.Header) (status int, h header.Header, body []byte) {
	if _, known := faces[p.Kind]; !known {
		p.Kind = Internal
	}
	language := languageOf(asked)
	kind, body := p.body(formOf(asked), method, language)
	if p.Kind == BadMethod {
		h.Add("Allow", Allowed)
	}
	h.Add("Cache-Control", "no-store")
	h.Add("Content-Language", language)
	h.Add("Content-Security-Policy", policy)
	h.Add("Content-Type", kind)
	if retry := p.retry(); retry > 0 {
		h.Add("Retry-After", strconv.Itoa(retry))
	}
	h.Add("Vary", "Accept, Accept-Language")
	h.Add("X-Content-Type-Options", "nosniff")
	if p.RequestID != "" {
		h.Add("X-Request-Id", p.RequestID)
	}
	return p.Status(), h, body
}

// body writes the page in one of its forms.
func (p Page) body(f form, method, language string) (kind string, body []byte) {
	words := p.words(language)
	switch f {
	case formHTML:
		return "text/html; charset=utf-8", p.html(words, language, method == http.MethodGet)
	case formJSON:
		return "application/json", p.json(words)
	}
	text := fmt.Sprintf("%d %s\n%s\n", p.Status(), words.title, words.text)
	if p.RequestID != "" {
		text += words.request + ": " + p.RequestID + "\n"
	}
	return "text/plain; charset=utf-8", []byte(text)
}

// wireError is a page as API clients read it.
type wireError struct {
	Error wireDetail `json:"error"`
}

type wireDetail struct {
	Status     int    `json:"status"`
	Code       Kind   `json:"code"`
	Message    string `json:"message"`
	RequestID  string `json:"request_id,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"`
}

func (p Page) json(words words) []byte {
	body, err := json.Marshal(wireError{wireDetail{
		Status:     p.Status(),
		Code:       p.Kind,
		Message:    words.title + ". " + words.text,
		RequestID:  p.RequestID,
		RetryAfter: p.retry(),
	}})
	if err != nil {
		return nil // Strings and numbers always marshal.
	}
	return append(body, '\n')
}
