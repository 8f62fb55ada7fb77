package proxy

import (
	"io"
	"maps"
	"slices"
	"strings"
)

// bodyOf is the body of a request or its response: its id, over and over.
func bodyOf(id string, size int) string {
	return strings.Repeat(id+"\n", size/(len(id)+1)+1)[:size]
}

// almostQuiet is the wild replica with one fault, that it sends a second response. The connections to those with more faults
// are soon used only once, so that what is left in them would go unnoticed.
const almostQuiet = "wild0"

// poison is a response to no request, tooLate one to a connection that was idle for too long.
const (
	poison  = "HTTP/1.1 200 OK\r\nX-App-Id: id-poison\r\nContent-Length: 10\r\n\r\nid-poison\n"
	tooLate = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)

// fault is what a wild replica does with a request: it sends what text returns, in pieces between which it pauses for up to
// so many milliseconds, and then ends or resets the connection, if it does.
type fault struct {
	text         func(w *work) []string
	pause        int
	ends, resets bool
}

// play does so. It returns false when the connection has ended.
func (f fault) play(w *work) bool {
	for i, piece := range f.text(w) {
		if i > 0 && f.pause > 0 {
			w.replica.pause(f.pause)
		}
		if _, err := io.WriteString(w.conn, piece); err != nil {
			return false
		}
	}
	if f.resets {
		_ = w.conn.SetLinger(0)
	}
	return !f.ends && !f.resets
}

func one(text string) []string { return []string{text} }

// cut leaves out the end of a response.
func cut(text string) []string { return one(text[:len(text)-1-len(text)/3]) }

var faults = map[string]fault{
	"":          {text: func(w *work) []string { return one(w.text(200, false)) }},
	"chunked":   {text: func(w *work) []string { return one(w.text(200, true)) }},
	"close":     {text: func(w *work) []string { return one(w.closing(w.request.size)) }, ends: true},
	"old":       {text: func(w *work) []string { return one(w.old()) }, ends: true},
	"stall":     {text: func(w *work) []string { return w.pieces(2) }, pause: 20},
	"drip":      {text: func(w *work) []string { return w.pieces(200) }},
	"hints":     {text: func(w *work) []string { return []string{w.hints(), w.text(200, w.request.size%2 == 0)} }},
	"hints-cut": {text: func(w *work) []string { return one(w.hints()) }, ends: true},
	"no-head":   {text: func(*work) []string { return nil }, ends: true},
	"rst-head":  {text: func(*work) []string { return nil }, resets: true},
	"half-head": {text: func(w *work) []string { return one(strings.TrimSuffix(w.head(200, "Content-Le"), "\r\n\r\n")) }, ends: true},
	"cut":       {text: func(w *work) []string { return cut(w.text(200, false)) }, ends: true},
	"cut-chunk": {text: func(w *work) []string { return cut(w.text(200, true)) }, ends: true},
	"rst":       {text: func(w *work) []string { return cut(w.text(200, false)) }, resets: true},
	"rst-chunk": {text: func(w *work) []string { return cut(w.text(200, true)) }, resets: true},
	"rst-close": {text: func(w *work) []string { return []string{w.closing(w.request.size / 2), ""} }, pause: 2, resets: true},
	"no-last":   {text: func(w *work) []string { return one(strings.TrimSuffix(w.text(200, true), chunk(""))) }, ends: true},
	"garbage":   {text: func(w *work) []string { return one("no HTTP at all, but " + w.request.id + "\r\n\r\n") }, ends: true},
	"noise":     {text: func(*work) []string { return one("\x00\xff\x16\x03\x01") }, ends: true},
	"bad-field": {text: func(w *work) []string { return one(w.head(200, "Content Length: 5") + "12345") }, ends: true},
	"bad-chunk": {text: func(w *work) []string {
		return one(w.head(200, "Transfer-Encoding: chunked") + "2\r\nid-\r\n0\r\n\r\n")
	}, ends: true},
	"bad-size": {text: func(w *work) []string {
		return one(w.head(200, "Transfer-Encoding: chunked") + chunk(w.request.id) + "zz\r\n")
	}, ends: true},
	"long":        {text: func(w *work) []string { return one(w.text(200, false) + "and more of " + w.request.id) }},
	"second":      {text: func(w *work) []string { return one(w.text(200, false) + poison) }},
	"after-last":  {text: func(w *work) []string { return one(w.text(200, true) + poison) }},
	"idle-408":    {text: func(w *work) []string { return []string{w.text(200, false), tooLate} }, pause: 3, ends: true},
	"idle-close":  {text: func(w *work) []string { return []string{w.text(200, false), ""} }, pause: 2, ends: true},
	"idle-reset":  {text: func(w *work) []string { return []string{w.text(200, false), ""} }, pause: 2, resets: true},
	"early":       {text: func(w *work) []string { return one(w.text(200, false)) }},
	"early-close": {text: func(w *work) []string { return one(w.text(200, false)) }, ends: true},
}

// faultNames are all of them, in an order that a seed can draw from.
var faultNames = slices.Sorted(maps.Keys(faults))

// closing is a response with so much of a body that the end of the connection ends.
func (w *work) closing(size int) string {
	if w.request.method == "HEAD" {
		size = 0
	}
	return w.head(200, "Connection: close") + bodyOf(w.request.id, size)
}

// old is a response of HTTP/1.0. An app that reads chunks speaks HTTP/1.1, in which it has to say that it ends the
// connection: a POST that is sent before the end shows is lost, and may not be sent again.
func (w *work) old() string {
	if w.m.value("Transfer-Encoding") != "" {
		return strings.Replace(w.text(200, false), "\r\n", "\r\nConnection: close\r\n", 1)
	}
	return strings.Replace(w.text(200, false), "HTTP/1.1", "HTTP/1.0", 1)
}

// pieces are a response in up to so many pieces: halves, or a few bytes each.
func (w *work) pieces(most int) (all []string) {
	text := w.text(200, w.request.size%2 == 0)
	for size := len(text)/2 + 1; len(text) > 0; {
		if most > 2 {
			size = 1 + w.request.size%7
		}
		if len(all)+1 == most {
			size = len(text)
		}
		n := min(size, len(text))
		all, text = append(all, text[:n]), text[n:]
	}
	return all
}

func (w *work) hints() string {
	interim := func(status, link string) string {
		return "HTTP/1.1 " + status + "\r\nX-App-Id: " + w.request.id + "\r\nLink: " + link + "\r\n\r\n"
	}
	return interim("103 Early Hints", "</1>") + interim("103 Early Hints", "</2>") + interim("102 Processing", "")
}
