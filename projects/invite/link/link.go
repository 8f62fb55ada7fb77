package link

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// Link is one invite link and its bounds.
type Link struct {
	// ID names the link without telling it; the same URL has the same everywhere.
	ID string `json:"id"`
	// URL is in the normal form that Kind.Parse returns. Host is what a link of kind Other has to lead to.
	URL  string `json:"url"`
	Host string `json:"host,omitempty"`
	// Added is when it was set.
	Added time.Time `json:"added"`
	// Expires is when it ends, zero for never. Max is how often it may be used, 0 for no bound.
	Expires time.Time `json:"expires,omitzero"`
	Max     int       `json:"max,omitempty"`
	// Disabled takes it out of use.
	Disabled bool `json:"disabled,omitempty"`
}

// IDOf is the ID of a URL in its normal form.
func IDOf(url string) string {
	sum := sha256.Sum256([]byte(url))
	return hex.EncodeToString(sum[:4])
}

// State says whether a link can be used, and why not.
type State string

// The states of links; those that are Ready alone are used.
const (
	Ready    State = "ready"
	Disabled State = "disabled"
	Expired  State = "expired"
	Full     State = "full"
	// Refused is a link that the page's kind does not allow, as after a change of the kind.
	Refused State = "refused"
)

// State is that of the link after so many joins.
func (l Link) State(k Kind, joins int, now time.Time) State {
	normal, err := k.Parse(l.URL, l.Host)
	switch {
	case err != nil || normal != l.URL:
		return Refused
	case l.Disabled:
		return Disabled
	case !l.Expires.IsZero() && !now.Before(l.Expires):
		return Expired
	case l.Max > 0 && joins >= l.Max:
		return Full
	}
	return Ready
}

// Choose returns the link to use next: of those that are ready the one that was used least, of equals the one that ends
// first. It is false when none is ready.
func Choose(k Kind, links []Link, joins func(id string) int, now time.Time) (Link, bool) {
	ready := slices.DeleteFunc(slices.Clone(links), func(l Link) bool { return l.State(k, joins(l.ID), now) != Ready })
	if len(ready) == 0 {
		return Link{}, false
	}
	return slices.MinFunc(ready, func(a, b Link) int {
		return cmp.Or(cmp.Compare(joins(a.ID), joins(b.ID)), compareEnds(a.Expires, b.Expires))
	}), true
}

func compareEnds(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}

// soon is how long before the end of a link a warning begins, and nearlyFull the part of its uses, in percent.
const (
	soon       = 5 * 24 * time.Hour
	nearlyFull = 90
)

// Warning is what somebody should do something about.
type Warning struct {
	// Message says what is wrong, Fix what to do.
	Message, Fix string
}

// String is both on one line.
func (w Warning) String() string { return w.Message + "; " + w.Fix }

// Warnings says what is wrong with links or soon will be. Links that were disabled on purpose are no reason for one, and
// of links whose joins are not known joins returns 0.
func Warnings(k Kind, links []Link, joins func(id string) int, now time.Time) []Warning {
	const renew = "make a new link and set it: gateway slack set-link URL"
	var all []Warning
	for _, l := range links {
		if text := l.warning(k, joins(l.ID), now); text != "" {
			all = append(all, Warning{"invite link " + l.ID + " " + text, renew})
		}
	}
	if _, found := Choose(k, links, joins, now); !found {
		all = append([]Warning{{"no invite link can be used, and visitors see the contact instead", renew}}, all...)
	}
	return all
}

func (l Link) warning(k Kind, joins int, now time.Time) string {
	switch l.State(k, joins, now) {
	case Disabled:
		return ""
	case Refused:
		return fmt.Sprintf("is none of kind %s, and is not used", k)
	case Expired:
		return "expired on " + l.Expires.Local().Format(time.DateOnly)
	case Full:
		return fmt.Sprintf("is full after %d of %d joins", joins, l.Max)
	case Ready:
	}
	switch left := l.Expires.Sub(now); {
	case !l.Expires.IsZero() && left <= soon:
		return fmt.Sprintf("expires in %s, on %s", days(left), l.Expires.Local().Format(time.DateOnly))
	case l.Max > 0 && joins*100 >= l.Max*nearlyFull:
		return fmt.Sprintf("is nearly full after %d of %d joins", joins, l.Max)
	}
	return ""
}

// days is a time below a week for people.
func days(d time.Duration) string {
	switch n := int(d.Hours() / 24); n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}
