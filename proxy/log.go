package proxy

import (
	"net/http"
	"time"

	"gateway/proxy/accesslog"
	"gateway/proxy/header"
)

// log writes the line of a request that ended.
func (v *visit) log(status int, took time.Duration) {
	r := &v.exchange.Request
	entry := accesslog.Entry{
		Time:      v.began,
		RequestID: v.id,
		Client:    r.Peer,
		Peer:      v.peer,
		Method:    r.Method,
		Host:      r.Host,
		Path:      r.Path,
		Query:     r.Query,
		Major:     r.Major,
		Minor:     r.Minor,
		TLS:       r.Secure,
		Status:    status,
		Received:  v.exchange.Received(),
		Sent:      v.exchange.Bytes(),
		Duration:  took,
		Wait:      v.way.waited,
		Retries:   v.way.retries,
		Upgraded:  v.exchange.Status() == http.StatusSwitchingProtocols,
		Error:     string(v.cause),
	}
	if status == statusGone {
		entry.Error = "gone"
	}
	switch {
	case v.way.attempt.Member != nil:
		v.way.describe(&entry)
	case v.serving != nil:
		entry.Place = v.serving.logPlace
	}
	for i := range r.Header {
		switch f := &r.Header[i]; {
		case f.Kind == header.Referer:
			entry.Referer = f.Value
		case f.Kind == header.Other && header.EqualFold(f.Name, "User-Agent"):
			entry.UserAgent = f.Value
		}
	}
	v.server.config.AccessLog.Append(&entry)
}

// name prepares what the log calls a route and its targets.
func (s *serving) name() {
	s.logPlace = accesslog.NewPlace(s.key, s.route.Service, "", "")
	for i := range s.ready {
		t := &s.ready[i]
		t.logPlace = accesslog.NewPlace(s.key, s.route.Service, t.Name, t.Address)
	}
}

// describe says which target was asked last, and how long it took to answer.
func (d *delivery) describe(e *accesslog.Entry) {
	e.Place = d.asked.logPlace
	if !d.answer.IsZero() {
		e.Answer = d.answer.Sub(d.aimed)
	}
}
