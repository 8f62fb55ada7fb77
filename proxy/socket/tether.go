package socket

import "sync/atomic"

// tether ties the waiting on one socket to the presence of another one's peer.
type tether struct {
	// to is what is interrupted when the peer goes away, nil for nothing, and cut when it was.
	to atomic.Pointer[Socket]
	// patient reports that a peer which has ended its side only is still there: it may read on.
	patient atomic.Bool
	// probed reports that such a peer is asked more often whether it is there. It is the watch's.
	probed bool
}

// cut stands in a tether for a socket that was interrupted through it.
var cut Socket

// Unleash ends Leash. It reports whether the peer was gone: the other socket is then interrupted, or will be.
func (t *tether) Unleash() (gone bool) { return t.to.Swap(nil) == &cut }

// Slipped reports that the peer was gone and that what is on the leash was interrupted for it.
func (t *tether) Slipped() bool { return t.to.Load() == &cut }

// pull interrupts what is on the leash, unless it was let off in this moment.
func (t *tether) pull(to *Socket) {
	if to != &cut && t.to.CompareAndSwap(to, &cut) {
		to.Interrupt()
	}
}
