package compose

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/compose/v5/pkg/api"
)

// Line is one line of a container's log.
type Line struct {
	// Time is when the engine read the line.
	Time time.Time
	// Container is the name without the project's: "site-1".
	Container, Text string
}

// LogOptions select lines of a project's logs.
type LogOptions struct {
	// Services are those to read, all when there are none.
	Services []string
	// Tail is the number of lines per container from the end; below 0 for all.
	Tail int
	// Since leaves out older lines; zero leaves out none.
	Since time.Time
	// Follow also reads the lines that come until the context ends.
	Follow bool
}

// Logs calls emit with the lines of a project's containers, never twice at once. The lines that are there when it is called
// come in the order of their times, unless it follows several containers: then each container has its own order.
func (c *Compose) Logs(ctx context.Context, name string, o LogOptions, emit func(Line)) error {
	options := api.LogOptions{Services: o.Services, Tail: "all", Follow: o.Follow, Timestamps: true}
	if o.Tail >= 0 {
		options.Tail = strconv.Itoa(o.Tail)
	}
	if !o.Since.IsZero() {
		options.Since = o.Since.Format(time.RFC3339Nano)
	}
	if o.Follow {
		err := c.service.Logs(ctx, name, &logConsumer{emit: emit}, options)
		if ctx.Err() != nil {
			return nil
		}
		return worded(err)
	}
	var lines []Line
	err := c.service.Logs(ctx, name, &logConsumer{emit: func(l Line) { lines = append(lines, l) }}, options)
	slices.SortStableFunc(lines, func(a, b Line) int { return a.Time.Compare(b.Time) })
	for _, l := range lines {
		emit(l)
	}
	return worded(err)
}

// logConsumer takes the lines of several containers.
type logConsumer struct {
	mu   sync.Mutex
	emit func(Line)
}

// Log takes a line of stdout or stderr.
func (l *logConsumer) Log(container, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.SplitSeq(strings.TrimRight(message, "\r\n"), "\n") {
		l.emit(parseLine(container, line))
	}
}

// parseLine splits a line from the time that the engine puts before it.
func parseLine(container, text string) Line {
	stamp, rest, _ := strings.Cut(text, " ")
	when, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return Line{Container: container, Text: text}
	}
	return Line{when, container, rest}
}

// Err takes a line of stderr.
func (l *logConsumer) Err(container, message string) { l.Log(container, message) }

// Status takes what Compose has to say about a container, which is not its log.
func (l *logConsumer) Status(string, string) {}
