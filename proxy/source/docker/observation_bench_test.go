package docker

import (
	"fmt"
	"testing"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

// BenchmarkTable1000 is what a listing of 1,000 containers costs after it was read.
func BenchmarkTable1000(b *testing.B) {
	var list []docker.Container
	for i := range 1000 {
		c := box(map[string]string{label.Path: fmt.Sprintf("/app%d", i), label.Owner: "kim"}, "p_web")
		c.ID, c.Name = fmt.Sprintf("%064d", i), fmt.Sprintf("app%d", i)
		for j := range 10 {
			c.Labels[fmt.Sprintf("com.docker.compose.label%d", j)] = "value"
		}
		c.Labels[composeProject], c.Labels[composeService] = "p", c.Name
		list = append(list, c)
	}
	l := world(list...)
	b.Run("observation", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newObservation(l, true)
		}
	})
	o := newObservation(l, true)
	b.Run("table", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			o.table(nil)
		}
	})
	b.Run("plan", func(b *testing.B) {
		b.ReportAllocs()
		m := newMembership(Config{})
		for b.Loop() {
			m.plan(l, o, born)
		}
	})
}
