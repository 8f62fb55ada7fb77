package projects

import "testing"

func TestStatus_IsTheStateThatNeedsALookMost(t *testing.T) {
	for want, s := range map[string]Status{
		"broken":       {Broken: true, Engine: true, Gateway: true, Routes: []string{"ready"}},
		"not deployed": {Engine: true, Gateway: true, Routes: []string{NotRouted}},
		"ready":        {Engine: true, Gateway: true, Containers: []string{"running"}, Routes: []string{"ready", "ready"}},
		"paused":       {Engine: true, Gateway: true, Containers: []string{"running"}, Routes: []string{"paused", "ready", "starting"}},
		"crashing":     {Engine: true, Gateway: true, Containers: []string{"running"}, Routes: []string{"unreachable", "crashing", NotRouted}},
		"newer":        {Engine: true, Gateway: true, Containers: []string{"running"}, Routes: []string{"crashing", "newer"}},
		"running":      {Engine: true, Containers: []string{"exited", "running"}, Routes: []string{Unknown}},
		"stopped":      {Engine: true, Containers: []string{"exited"}},
		"unknown":      {Routes: []string{Unknown}},
	} {
		if got := s.State(); got != want {
			t.Errorf("%+v is %s, want %s", s, got, want)
		}
	}
}
