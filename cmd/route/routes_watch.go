package route

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gateway/cmd/cli"
	"gateway/proxy/admin"
	"gateway/proxy/printable"
	"gateway/tui"
)

// watchTimeout ends a question that the gateway does not answer.
const watchTimeout = 10 * time.Second

// watchRoutes prints the table whenever it changes, until ctx ends, which is how a watch is meant to end. The first
// answer must come; later ones may fail, and the watch goes on.
func watchRoutes(ctx context.Context, o *routesOptions, source tui.Source) error {
	w := &watch{o: o}
	tick := time.NewTicker(o.every)
	defer tick.Stop()
	for first := true; ; first = false {
		view, err := lookInTime(ctx, source, o.filter)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		case err != nil:
			w.lost(err)
		default:
			if err := w.show(&view); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func lookInTime(ctx context.Context, source tui.Source, filter string) (routesView, error) {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	return look(ctx, source, filter)
}

// watch remembers the last print.
type watch struct {
	o *routesOptions
	// shown is the fingerprint, or on a terminal the text, of the last print; notes its chatter.
	shown, notes string
	isLost       bool
}

// lost says once that the gateway does not answer.
func (w *watch) lost(err error) {
	if !w.isLost {
		w.o.env.Notef("lost the gateway: %v; retrying\n", err)
	}
	w.isLost = true
}

// show prints a view if it differs from the last one.
func (w *watch) show(v *routesView) error {
	if w.isLost {
		w.o.env.Notef("the gateway is back\n")
		// What was written in the meantime stands in the place of the table.
		w.isLost, w.shown = false, ""
	}
	if w.o.redraws() {
		return w.redraw(v)
	}
	mark, err := fingerprint(v)
	if err != nil || mark == w.shown {
		return err
	}
	first := w.shown == ""
	w.shown = mark
	if w.o.json {
		return w.o.env.JSONLine(v.routes)
	}
	if !first {
		w.o.env.Printf("\n")
	}
	now := w.o.now()
	w.o.env.Printf("%s  revision %d\n%s", now.Format(time.RFC3339), v.routes.Table.Revision, cli.Styled(tui.Text(v.routes, now, w.o.env.Colour())))
	if notes := v.notes(w.o); notes != w.notes {
		w.notes = notes
		w.o.env.Notef("%s", cli.Lines(notes))
	}
	return nil
}

// redraws reports whether the table is drawn in place: on a terminal that can move its cursor.
func (o *routesOptions) redraws() bool {
	return o.env.Interactive && !o.json && o.env.Getenv("TERM") != "dumb"
}

// The words of a terminal (ECMA-48): to the upper left corner, to erase what follows on the line, and below.
const (
	cursorHome  = "\x1b[H"
	eraseScreen = "\x1b[2J"
	eraseLine   = "\x1b[K"
	eraseBelow  = "\x1b[J"
)

// redraw replaces what is on the terminal, line by line so that nothing flickers.
func (w *watch) redraw(v *routesView) error {
	now := w.o.now()
	text := fmt.Sprintf("%s  revision %d  ctrl+c ends\n\n%s", now.Format(time.TimeOnly), v.routes.Table.Revision,
		tui.Text(v.routes, now, w.o.env.Colour()))
	if notes := v.notes(w.o); notes != "" {
		text += "\n" + printable.Text(notes)
	}
	width, height := w.o.env.TerminalSize()
	rows := tui.Clip(text, width, height-1)
	start := cursorHome
	if w.shown == "" {
		start = eraseScreen + cursorHome
	}
	w.shown = text
	w.o.env.Printf("%s", cli.Styled(start+strings.Join(rows, eraseLine+"\n")+eraseLine+"\n"+eraseBelow))
	return nil
}

// fingerprint is equal for views that differ in nothing but traffic.
func fingerprint(v *routesView) (string, error) {
	routes := slices.Clone(v.routes.Routes)
	for i := range routes {
		forgetTraffic(&routes[i])
	}
	mark, err := json.Marshal([]any{v.all == 0, v.routes.Table.Restored, routes, v.routes.Problems})
	if err != nil {
		return "", fmt.Errorf("comparing routes: %w", err)
	}
	return string(mark), nil
}

// forgetTraffic takes out of a copied route what changes with each request.
func forgetTraffic(r *admin.Route) {
	r.Traffic = admin.Traffic{}
	r.Targets = slices.Clone(r.Targets)
	for i := range r.Targets {
		r.Targets[i].Inflight = 0
	}
	if r.Paused != nil {
		paused := *r.Paused
		paused.Waiting = 0
		r.Paused = &paused
	}
}
