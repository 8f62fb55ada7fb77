package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gateway/proxy"
	"gateway/proxy/certificate"
	"gateway/proxy/certificate/certificatetest"
	"gateway/proxy/docker"
	sources "gateway/proxy/source"
	sourcedocker "gateway/proxy/source/docker"
)

// certified is what the certificates of a gateway in a script are like.
type certified struct {
	States   []certificate.State
	Findings []certificate.Finding
	// Outcomes are what becomes of states when they are renewed, by name. Limited are names that it is too early for.
	Outcomes map[string]certificate.State
	Limited  []string
}

// relative is a time as days from now, in place of a time.
var relative = regexp.MustCompile(`"([+-]\d+)d"`)

// serveCertified serves a gateway whose certificates a file has, until the script ends. It shows the containers of the
// script's engine, if there is one.
func serveCertified(ts *testscript.TestScript, _ bool, args []string) {
	text := relative.ReplaceAllFunc([]byte(ts.ReadFile(args[0])), func(found []byte) []byte {
		days, err := strconv.Atoi(string(found[1 : len(found)-2]))
		ts.Check(err)
		return fmt.Appendf(nil, "%q", time.Now().Add(time.Duration(days)*24*time.Hour).Format(time.RFC3339))
	})
	var known certified
	ts.Check(json.Unmarshal(text, &known))
	m := &certificatetest.Manager{Findings: known.Findings, Ordered: func(s *certificate.State, force bool) error {
		for _, name := range known.Limited {
			if name == s.Name && !force {
				return fmt.Errorf("%s: %w; it is tried again at noon", name, certificate.ErrLimited)
			}
		}
		due := s.Phase != certificate.Valid || time.Now().After(s.Renews)
		if next, is := known.Outcomes[s.Name]; is && (due || force) {
			next.Name = s.Name
			if next.Failures > 0 {
				next.Failures = s.Failures + 1
			}
			*s = next
		}
		return nil
	}}
	m.SetStates(known.States...)
	serveManaged(ts, m)
}

// serveManaged serves a gateway with a manager of certificates, until the script ends; nil is none.
func serveManaged(ts *testscript.TestScript, m certificate.Manager) {
	ready := make(chan struct{})
	c := proxy.Config{Admin: ts.Getenv("GATEWAY_SOCKET"), Certificates: m, Ready: func() { close(ready) }}
	if host := ts.Getenv("DOCKER_HOST"); ts.Value("engine") != nil {
		engine, err := docker.New(host)
		ts.Check(err)
		ts.Defer(func() { _ = engine.Close() })
		c.Sources = map[string]sources.Source{"docker": sourcedocker.New(sourcedocker.Config{Name: "docker", Engine: engine, Logger: slog.New(slog.DiscardHandler)})}
	}
	p, err := proxy.New(c)
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx) }()
	ts.Defer(func() {
		cancel()
		ts.Check(<-ended)
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		ts.Fatalf("the gateway ends: %v", err)
	}
}
