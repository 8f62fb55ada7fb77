package request

import (
	"net/http"
	"strings"

	"gateway/proxy/certificate/authority"
	"gateway/proxy/header"
	"gateway/proxy/page"
)

// rootPrefix is where the root certificate of the gateway's own authority is served.
const rootPrefix = "/.gateway/"

// serveRoot answers with the root certificate, or with the page about it. It reports whether it did.
func (r *Request) serveRoot() bool {
	q := &r.Exchange.Request
	if r.handler.Root == nil || !strings.HasPrefix(q.Path, rootPrefix) || q.Method != http.MethodGet && q.Method != http.MethodHead {
		return false
	}
	root := r.handler.Root()
	if root == nil {
		return false
	}
	var h header.Header
	var body []byte
	switch q.Path[len(rootPrefix):] {
	case "":
		_, h, body = page.Root{Name: root.Subject.CommonName, Fingerprint: authority.Fingerprint(root), Expires: root.NotAfter}.Render(q.Header)
	case "ca.crt":
		h.Add("Content-Type", "application/x-x509-ca-cert")
		h.Add("Content-Disposition", `attachment; filename="ca.crt"`)
		body = root.Raw
	case "ca.mobileconfig":
		h.Add("Content-Type", "application/x-apple-aspen-config")
		h.Add("Content-Disposition", `attachment; filename="ca.mobileconfig"`)
		body = authority.Profile(root)
	default:
		return false
	}
	// It fails only when the client is gone, which then needs no response.
	_ = r.Exchange.Reply(http.StatusOK, h, body)
	return true
}
