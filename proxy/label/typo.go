package label

import (
	"fmt"
	"strings"
)

// synonyms are what people write who come from other proxies, by the short name they are looking for.
var synonyms = map[string]string{
	"prefix": "path", "rule": "path", "url": "path",
	"domain": "host", "hostname": "host", "hosts": "host",
	"protocol": "scheme", "proto": "scheme",
	"strip": "mount", "stripprefix": "mount",
	"ttl": "expires", "until": "expires", "expiry": "expires",
	"contact": "owner", "route": "path",
	"balance": "lb", "balancer": "lb", "loadbalancer": "lb", "sticky": "lb", "strategy": "lb",
	"health": "health.path", "healthcheck": "health.path", "healthcheck.path": "health.path", "health.url": "health.path",
	"health.uri": "health.path", "healthcheck.interval": "health.interval", "healthcheck.timeout": "health.timeout",
	"health.retries": "health.fall", "health.startperiod": "health.start", "healthcheck.start": "health.start", "grace": "drain", "graceperiod": "drain", "ratelimit": "rate", "limit": "rate",
	"hsts": "headers.origin", "origin": "headers.origin", "headers": "headers.origin",
	"gzip": "compress", "compression": "compress", "encode": "compress", "zstd": "compress",
	"body": "body.max", "body.limit": "body.max", "body.size": "body.max", "maxbody": "body.max",
}

// unknown is the problem of a label that this version does not know.
func unknown(label, field string, g *group) Problem {
	fix := fmt.Sprintf("remove it, or upgrade the gateway if a later version knows it; this one knows %s",
		strings.Join(known(), ", "))
	bare := strings.TrimPrefix(strings.ToLower(cut(field)), prefix)
	if near := meant(bare); near != "" && g.labels[near] == "" {
		fix = fmt.Sprintf("write %s if that is what it means, or remove it", g.spell(near))
	}
	return Problem{
		Label:   plain(label),
		Message: quote(label) + " is not known to this version of gateway; its route is left out, since the label may protect it",
		Fix:     fix,
	}
}

// meant guesses the short name behind an unknown one, empty when nothing comes near.
func meant(field string) string {
	if name, ok := synonyms[field]; ok {
		return name
	}
	return nearest(field, known())
}

// nearest is the word of the list that s is a typo of: one edit away, or two when it is a longer one.
func nearest(s string, words []string) string {
	best, least := "", 3
	for _, word := range words {
		limit := 1
		if len(word) > 4 {
			limit = 2
		}
		if d := distance(s, word, limit); d <= limit && d < least {
			best, least = word, d
		}
	}
	return best
}

// distance counts the edits between two words: letters put in, left out, replaced, or swapped with a neighbour. It
// may give up with limit+1.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
