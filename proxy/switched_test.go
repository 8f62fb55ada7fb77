package proxy

import (
	"context"
	"io"
	"testing"
	"time"

	"gateway/proxy/accesslog"
	"gateway/proxy/certificate/certificatetest"
	"gateway/proxy/route"
)

// everythingOn has every feature that concerns all requests: an access log, limits, and a trusted proxy.
func everythingOn(t testing.TB) Config {
	t.Helper()
	log, err := accesslog.Open(accesslog.Config{Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return Config{
		AccessLog: log, Rate: route.Rate{Requests: 1e9, Per: time.Second}, MaxConns: 100, MaxClientConns: 100, BodyMax: 1 << 20,
		MaxRequests: 100, MaxClientRequests: 100, Hold: time.Second, Trusted: trusting(t, "127.0.0.1"), Certificates: &certificatetest.Manager{},
	}
}
