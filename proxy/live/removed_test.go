package live

import (
	"fmt"
	"testing"
	"time"

	"gateway/proxy/route"
)

func TestState_ForgetsRemovedRoutesInTimeAndNumber(t *testing.T) {
	key := func(text string) route.Key {
		t.Helper()
		key, err := route.ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	old := &State{Removed: []Tombstone{
		{Key: key("/young"), Until: now.Add(-removedFor + time.Second)},
		{Key: key("/old"), Until: now.Add(-removedFor - time.Second)},
	}}
	if left := old.RemovedBy(route.Build(nil, nil), now); len(left) != 1 || left[0].Key.String() != "/young" {
		t.Errorf("left: %v, want /young", left)
	}
	var many []route.Route
	for i := range maxRemoved + 5 {
		many = append(many, route.Route{Key: key(fmt.Sprintf("/r%d", i)), Service: "a"})
	}
	old.Table = route.Build(many, nil)
	if left := old.RemovedBy(route.Build(nil, nil), now); len(left) != maxRemoved {
		t.Errorf("%d are remembered, want %d", len(left), maxRemoved)
	}
}
