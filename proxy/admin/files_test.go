package admin_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"gateway/proxy/admin"
)

func (p *proxy) ReceiveFiles(files []admin.CertificateFile) (admin.Pushed, error) {
	if slices.ContainsFunc(files, func(f admin.CertificateFile) bool { return f.Key == "" }) {
		return admin.Pushed{}, fmt.Errorf("%w: no key", admin.ErrRefused)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tables = append(p.tables, fmt.Sprint(files))
	return admin.Pushed{Boot: "b1"}, nil
}

func TestClient_PushesCertificatesFromFiles(t *testing.T) {
	p := new(proxy)
	client, _ := start(t, admin.Handler(p))
	files := []admin.CertificateFile{{Path: "/a", Certificate: "c\n", Key: "k\n"}}
	for _, all := range [][]admin.CertificateFile{files, nil} {
		if pushed, err := client.PutFiles(t.Context(), all); err != nil || pushed.Boot != "b1" {
			t.Errorf("%+v, %v", pushed, err)
		}
	}
	if want := []string{fmt.Sprint(files), "[]"}; !slices.Equal(p.tables, want) {
		t.Errorf("%q arrived, want %q", p.tables, want)
	}
	if _, err := client.PutFiles(t.Context(), []admin.CertificateFile{{Path: "/a"}}); !errors.Is(err, admin.ErrRefused) || !strings.Contains(err.Error(), "no key") {
		t.Errorf("without a key: %v", err)
	}
	w := httptest.NewRecorder()
	admin.Handler(p).ServeHTTP(w, httptest.NewRequest(http.MethodPut, "/v1/certificates/files", strings.NewReader("{")))
	if w.Code != http.StatusBadRequest {
		t.Errorf("what is no JSON: %d", w.Code)
	}
}
