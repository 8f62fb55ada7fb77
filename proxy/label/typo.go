package label

import (
	"fmt"
	"strings"

	"gateway/proxy/typo"
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
	"tls.ca": "tls.client", "tls.clientca": "tls.client", "tls.mtls": "tls.client", "mtls": "tls.client", "client": "tls.client", "clientca": "tls.client",
	"tls": "tls.redirect", "https": "tls.redirect", "force_ssl": "tls.redirect", "ssl.redirect": "tls.redirect", "https.redirect": "tls.redirect", "redirect.https": "tls.redirect",
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
	return typo.Nearest(field, known()...)
}
