//go:build !race

package accesslog

import (
	"io"
	"testing"
)

func TestLog_AllocatesNothingForALine(t *testing.T) {
	for _, format := range []Format{JSON, Combined} {
		l := opened(t, Config{Writer: io.Discard, Format: format})
		stop := running(t, l)
		e := usual()
		if n := testing.AllocsPerRun(10000, func() { l.Append(&e) }); n != 0 {
			t.Errorf("%s: %v allocations", format, n)
		}
		stop()
	}
}
