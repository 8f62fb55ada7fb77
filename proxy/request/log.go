package request

import (
	"net/http"
	"time"

	"gateway/proxy/accesslog"
	"gateway/proxy/header"
)

// log writes the line of a request that ended.
func (r *Request) log(status int, took time.Duration) {
	q := &r.Exchange.Request
	entry := accesslog.Entry{
		Time:      r.Began,
		RequestID: r.ID,
		Client:    q.Peer,
		Peer:      r.Connection,
		Method:    q.Method,
		Host:      q.Host,
		Path:      q.Path,
		Query:     q.Query,
		Major:     q.Major,
		Minor:     q.Minor,
		TLS:       q.Secure,
		Status:    status,
		Received:  r.Exchange.Received(),
		Sent:      r.Exchange.Bytes(),
		Duration:  took,
		Wait:      r.waited,
		Retries:   r.retries,
		Upgraded:  r.Exchange.Status() == http.StatusSwitchingProtocols,
		Error:     string(r.Cause),
	}
	if status == StatusGone {
		entry.Error = "gone"
	}
	switch {
	case r.attempt.Target != nil:
		r.describe(&entry)
	case r.route != nil:
		entry.Place = r.route.LogPlace
	}
	for i := range q.Header {
		switch f := &q.Header[i]; {
		case f.Kind == header.Referer:
			entry.Referer = f.Value
		case f.Kind == header.Other && header.EqualFold(f.Name, "User-Agent"):
			entry.UserAgent = f.Value
		}
	}
	r.handler.AccessLog.Append(&entry)
}

// describe says which target was asked last, and how long it took to respond.
func (r *Request) describe(e *accesslog.Entry) {
	e.Place = r.asked.LogPlace
	if !r.responded.IsZero() {
		e.Response = r.responded.Sub(r.chosen)
	}
}
