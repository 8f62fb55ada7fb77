package proxy

import (
	"maps"
	"strings"
)

// visited compares what the clients saw with what the audit found, and returns the lines of the log by their calls. A
// client who left, or whose answer broke off before its head was whole, does not know what the gateway had for it, and
// only of who left it may say so. All others are counted as what they got.
func (s *show) visited(a *audit) map[string]*accessLine {
	a.check()
	lines := map[string]*accessLine{}
	for _, line := range a.log.entries {
		id := line.Path[strings.LastIndexByte(line.Path, '/')+1:]
		if s.book.calls[id] == nil || lines[id] != nil {
			a.wrong("the log has a line that nobody sent, or twice: %+v", *line)
		}
		lines[id] = line
	}
	seen := sums{}
	for id, c := range s.book.calls {
		line := lines[id]
		if line == nil {
			if c.status != 0 || !c.leaves && !c.unreached {
				a.wrong("%s %s is not in the log (%d, %v)", c.method, id, c.status, c.err)
			}
			continue
		}
		s.sameAnswer(c, line)
		status := c.status
		if status == 0 {
			status = line.Status
		}
		seen.request(line.Route, className(status))
	}
	logged := maps.Clone(a.log.total)
	maps.DeleteFunc(logged, func(key string, _ float64) bool { return !strings.HasPrefix(key, "gateway_requests_total{") })
	a.same("the clients", seen, "the access log", logged)
	return lines
}

// sameAnswer complains of a line that says something else than the client.
func (s *show) sameAnswer(c *call, line *accessLine) {
	switch {
	case c.status != 0 && c.status != line.Status:
		s.book.wrong("%s got %d, and the log says %d", c.id, c.status, line.Status)
	case className(line.Status) == "gone" && !c.leaves:
		s.book.wrong("%s did not leave, and the log says so: %+v", c.id, *line)
	case line.Route != "/"+c.app.name && (line.Route != "" || c.app.name != "fleeting"):
		s.book.wrong("%s was for %s, and the log says %q", c.id, c.app.name, line.Route)
	}
}
