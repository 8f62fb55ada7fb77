package invite

import (
	"net/http"
	"time"
)

// request sends on what somebody wrote who asks for an invitation.
func (s *Server) request(w http.ResponseWriter, r *http.Request) {
	webhook, settings := s.webhook.now(), s.settings.now()
	if !settings.Form || webhook.url == nil {
		s.fail(w, r, http.StatusNotFound)
		return
	}
	if !readForm(w, r, maxRequestForm) {
		s.retry(w, r, http.StatusBadRequest, noticeBad)
		return
	}
	asked, now, token := parseRequest(r.PostForm), time.Now(), r.PostForm.Get("token")
	if asked.robot {
		// Who fills in what nobody sees learns nothing of it.
		s.thank(w, r)
		return
	}
	if asked.Faulty != "" {
		s.retry(w, r, http.StatusUnprocessableEntity, noticeFault)
		return
	}
	if _, _, err := s.tokens.check(toRequest, token, "", now); err != nil {
		s.retry(w, r, http.StatusForbidden, noticeOf(err))
		return
	}
	if wait := s.limits.asks(clientOf(r), now); wait > 0 {
		retryAfter(w, wait)
		s.retry(w, r, http.StatusTooManyRequests, noticeMany)
		return
	}
	if err := s.tokens.take(toRequest, token, "", now); err != nil {
		s.retry(w, r, statusOf(err), noticeOf(err))
		return
	}
	if err := webhook.send(r.Context(), s.sender, title(settings), asked); err != nil {
		s.log.Warn("a request for an invitation cannot be sent on", "error", err)
		s.tally.request(false, now)
		s.retry(w, r, http.StatusBadGateway, noticeLost)
		return
	}
	s.tally.request(true, now)
	s.thank(w, r)
}

// title is the first line of what the people of the club read.
func title(s Settings) string {
	if s.called() == "" {
		return "Request for an invitation"
	}
	return "Request for an invitation to " + s.called()
}

// retry shows the form again, with all that was typed.
func (s *Server) retry(w http.ResponseWriter, r *http.Request, status int, n notice) {
	d := s.page(r, r.PostForm.Get("lang"))
	d.Status, d.FormNotice = status, d.Words.Notices[n]
	d.Request = parseRequest(r.PostForm)
	if n != noticeFault {
		d.Request.Faulty = ""
	}
	s.write(w, r, d)
}

func (s *Server) thank(w http.ResponseWriter, r *http.Request) {
	d := newPage(s.settings.now(), languageOf(r.PostForm.Get("lang"), r.Header.Get("Accept-Language")), homeFrom(r))
	d.View, d.Title, d.Text = viewSent, d.Words.Sent, []string{d.Words.SentText}
	s.write(w, r, d)
}
