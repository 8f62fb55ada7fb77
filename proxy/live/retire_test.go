package live

import (
	"testing"
	"time"
)

func TestLongest_IsAnyTimeIfEitherIs(t *testing.T) {
	for _, c := range [][3]time.Duration{
		{0, time.Second, time.Second},
		{time.Minute, time.Second, time.Minute},
		{-1, time.Second, -1},
		{time.Second, -5, -1},
	} {
		if got := longest(c[0], c[1]); got != c[2] {
			t.Errorf("of %v and %v it is %v, want %v", c[0], c[1], got, c[2])
		}
	}
}
