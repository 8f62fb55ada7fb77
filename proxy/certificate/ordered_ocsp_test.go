package certificate

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// An authority that has OCSP gets its responses stapled.
func TestOrdered_StaplesOCSP(t *testing.T) {
	a := newStandIn(t)
	block, _ := pem.Decode(a.by.certificate)
	authority, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	responder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		asked, err := ocsp.ParseRequest(text)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := ocsp.CreateResponse(authority, authority, ocsp.Response{
			Status: ocsp.Good, SerialNumber: asked.SerialNumber, ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(day),
		}, a.by.private)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(answer)
	}))
	defer responder.Close()
	a.ocsp = []string{responder.URL}
	o := openAt(t, standInConfig(t, "site.example.org"), a)
	defer o.cache.Stop()
	o.due(time.Now())
	o.order(t.Context(), "site.example.org")
	shown := o.Lookup("site.example.org")
	if shown == nil || len(shown.OCSPStaple) != 0 {
		t.Fatalf("state %+v", stateIn(o, "site.example.org"))
	}
	o.maintainOnce(t.Context())
	stapled := o.Lookup("site.example.org")
	response, err := ocsp.ParseResponse(stapled.OCSPStaple, authority)
	if err != nil || response.Status != ocsp.Good || response.SerialNumber.Cmp(shown.Leaf.SerialNumber) != 0 {
		t.Errorf("stapled: %+v, %v", response, err)
	}
	o.maintainOnce(t.Context())
	if o.Lookup("site.example.org") != stapled {
		t.Error("the same staple is stapled again")
	}
}
