package live

import (
	"log/slog"
	"time"

	"gateway/proxy/balance"
)

// Failure is what went wrong with an attempt to send a request to a target.
type Failure struct {
	Target  *Target
	Attempt balance.Attempt
	Err     error
}

// Failed notes a failure, and logs when it ejects the target. While a target is ejected, nothing more is logged.
func (r *Route) Failed(log *slog.Logger, f Failure, kind balance.Kind) {
	was := f.Attempt.Target.Ejected()
	wait := f.Attempt.Failed(kind, time.Now())
	if wait == 0 {
		return
	}
	r.Traffic.Ejected()
	if kind != balance.Wrong {
		f.Target.Contact.fault.Store(faultOf(f.Target, f.Err))
	}
	if was {
		return
	}
	log = log.With("route", r.Key, "target", f.Target.Name, "address", f.Target.Address, "for", wait, "error", f.Err)
	if kind == balance.Refused {
		log.Warn("a target does not accept connections")
		return
	}
	log.Warn("a target fails and gets no requests for a while")
}
