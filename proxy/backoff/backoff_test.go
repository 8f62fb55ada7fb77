package backoff

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestDelay_DoublesUpToItsMost(t *testing.T) {
	d := Delay{Least: 100 * time.Millisecond, Most: time.Second}
	for range 2 {
		for _, millis := range []int{100, 200, 400, 800, 1000, 1000} {
			whole := time.Duration(millis) * time.Millisecond
			if got := d.Next(); got > whole || got <= whole/2 {
				t.Errorf("%v, want more than half of %v and not more", got, whole)
			}
		}
		d.Reset()
	}
}

func TestDelay_EndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := Delay{Least: time.Minute, Most: time.Minute}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if begun := time.Now(); d.Wait(ctx) || time.Since(begun) != time.Second {
			t.Errorf("it waited for %v", time.Since(begun))
		}
		if !d.Wait(t.Context()) {
			t.Error("it did not wait")
		}
	})
}
