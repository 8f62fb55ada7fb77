package admin_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gateway/proxy/admin"
)

func (p *proxy) Orders(_ context.Context, _, seen string, wait time.Duration) admin.Orders {
	if seen == "d1" {
		return admin.Orders{Digest: wait.String()}
	}
	return admin.Orders{Digest: "d1", Orders: []admin.Order{{Do: admin.Wake, Project: "blog"}, {Do: admin.Sleep, Container: "hello"}}}
}

func (p *proxy) Report(r admin.SleepReport) error {
	if r.Phase == admin.PhaseSleep {
		return admin.ErrInUse
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slept = append(p.slept, r)
	return nil
}

func TestClient_TakesOrdersAndReports(t *testing.T) {
	p := &proxy{}
	client, _ := start(t, admin.Handler(p))
	orders, err := client.Orders(t.Context(), "docker", "", time.Second)
	if err != nil || len(orders.Orders) != 2 || orders.Orders[0] != (admin.Order{Do: admin.Wake, Project: "blog"}) || orders.Digest != "d1" {
		t.Fatalf("%+v, %v", orders, err)
	}
	if orders, err = client.Orders(t.Context(), "docker", orders.Digest, 1500*time.Millisecond); err != nil || orders.Digest != "1.5s" {
		t.Errorf("a second call: %+v, %v", orders, err)
	}
	if _, err := client.Orders(t.Context(), "docker", "", time.Hour); !errors.Is(err, admin.ErrRefused) {
		t.Errorf("an hour: %v", err)
	}
	report := admin.SleepReport{Source: "lab", Container: "hello", Phase: admin.PhaseFailed, Reason: "no such image"}
	if err := client.Report(t.Context(), report); err != nil || len(p.slept) != 1 || p.slept[0] != report {
		t.Errorf("%v, %+v", err, p.slept)
	}
	if err := client.Report(t.Context(), admin.SleepReport{Project: "blog", Phase: admin.PhaseSleep}); !errors.Is(err, admin.ErrInUse) {
		t.Errorf("one in use: %v", err)
	}
	if err := client.Report(t.Context(), admin.SleepReport{Project: "blog", Phase: "dreaming"}); !errors.Is(err, admin.ErrRefused) {
		t.Errorf("an unknown phase: %v", err)
	}
}
