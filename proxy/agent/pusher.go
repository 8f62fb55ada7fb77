package agent

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/backoff"
	"gateway/proxy/route"
)

// The times of pushing. Reports come well within the 5 seconds that the proxy is promised.
const (
	reportEvery = 4 * time.Second
	pushTimeout = 10 * time.Second
	firstRetry  = 100 * time.Millisecond
	lastRetry   = 2 * time.Second
)

// pusher pushes the newest table to the proxy, and reports. All of it belongs to the goroutine of Run.
type pusher struct {
	a *Agent
	// want is the newest table, nil before the first. due and reportDue say what is still to be sent to the proxy.
	want           *route.Table
	due, reportDue bool
	// have is the proxy's last response to a table.
	have admin.Pushed
	// retry has the delays between attempts that fail; away reports that the last one failed.
	retry backoff.Delay
	away  bool
}

func newPusher(a *Agent) *pusher {
	return &pusher{a: a, reportDue: true, retry: backoff.Delay{Least: firstRetry, Most: lastRetry}}
}

// Run pushes until ctx ends, and returns nil.
func (p *pusher) Run(ctx context.Context) error {
	ticker := time.NewTicker(reportEvery)
	defer ticker.Stop()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		ready := !p.away
		select {
		case t := <-p.a.table:
			p.want, p.due = t, true
		case <-p.a.changed:
			p.reportDue = true
		case <-ticker.C:
			p.reportDue = true
		case <-retry.C:
			ready = true
		case <-ctx.Done():
			return nil
		}
		if !ready {
			continue
		}
		if err := p.send(ctx); err != nil && ctx.Err() == nil {
			p.failed(ctx, err)
			retry.Reset(p.retry.Next())
		}
	}
}

// send sends what is due, the table first. A response that shows another proxy, or another table than the one last pushed,
// makes the table due again.
func (p *pusher) send(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	if p.due {
		if err := p.push(ctx); err != nil {
			return err
		}
	}
	if p.reportDue {
		answer, err := p.a.config.Proxy.PutSource(ctx, p.a.self())
		if err != nil {
			return fmt.Errorf("reporting to the proxy: %w", err)
		}
		p.reportDue = false
		if p.a.filer != nil {
			p.a.filer.heard(answer.Boot)
		}
		if p.want != nil && (answer.Boot != p.have.Boot || answer.Digest != p.have.Digest) {
			if err := p.push(ctx); err != nil {
				return err
			}
		}
	}
	p.succeeded()
	return nil
}

// push pushes the newest table. It stays due when that fails.
func (p *pusher) push(ctx context.Context) error {
	p.due = true
	wire, err := p.want.MarshalJSON()
	if err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	answer, err := p.a.config.Proxy.PutTable(ctx, p.a.config.Name, wire)
	if err != nil {
		return fmt.Errorf("pushing the table: %w", err)
	}
	p.due, p.have = false, answer
	p.a.config.Logger.Info("pushed a table", "revision", answer.Revision, "routes", len(p.want.Routes()),
		"problems", len(p.want.Problems()), "digest", p.want.Digest())
	return nil
}

// failed notes a failure; only the first of several failures is worth a warning.
func (p *pusher) failed(ctx context.Context, err error) {
	level := slog.LevelDebug
	if !p.away {
		level = slog.LevelWarn
	}
	p.a.config.Logger.Log(ctx, level, "cannot feed the proxy, trying again", "error", err)
	p.away, p.reportDue = true, true
}

func (p *pusher) succeeded() {
	if p.away {
		p.a.config.Logger.Info("feeding the proxy again")
	}
	p.away = false
	p.retry.Reset()
}
