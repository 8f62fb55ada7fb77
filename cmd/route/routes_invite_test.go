package route

import (
	"context"
	"testing"

	"gateway/proxy/admin"
)

func TestInviteSource_AddsWarningsToTheRoutes(t *testing.T) {
	served := admin.Routes{Routes: []admin.Route{{Key: "/slack", Project: "chat"}}}
	other := admin.Routes{Routes: []admin.Route{{Key: "/", Project: "blog"}}}
	asked := 0
	source := &inviteSource{
		Source: &routesFilm{answers: []any{served, served, other}},
		look: func(context.Context) map[string][]admin.Problem {
			asked++
			return map[string][]admin.Problem{"chat": {{Subject: "invite page", Project: "chat", Message: "no invite link can be used"}}}
		},
	}
	for i, want := range []int{1, 1, 0} {
		routes, err := source.Routes(t.Context())
		if err != nil || len(routes.Problems) != want {
			t.Fatalf("answer %d: %v, %v", i, routes.Problems, err)
		}
	}
	if asked != 1 {
		t.Errorf("the pages were asked %d times", asked)
	}
}
