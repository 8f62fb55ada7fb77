package admin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gateway/proxy/admin"
)

func (p *proxy) Authority() (admin.Authority, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.tables) == 0 {
		return admin.Authority{}, fmt.Errorf("%w; make one", admin.ErrNoAuthority)
	}
	return admin.Authority{PEM: "pem\n", Name: "root", Expires: time.Unix(0, 0).UTC(), Fingerprint: "AB", Names: []string{"nas.lan"}}, nil
}

func TestClient_AsksForTheRoot(t *testing.T) {
	p := new(proxy)
	client, _ := start(t, admin.Handler(p))
	if _, err := client.Authority(t.Context()); !errors.Is(err, admin.ErrNoAuthority) || !strings.Contains(err.Error(), "make one") || errors.Is(err, admin.ErrNoRoute) {
		t.Errorf("without one: %v", err)
	}
	if _, err := client.PutTable(t.Context(), "docker", admin.RawTable("{}")); err != nil {
		t.Fatal(err)
	}
	got, err := client.Authority(t.Context())
	if want, _ := p.Authority(); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}
