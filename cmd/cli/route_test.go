package cli

import (
	"errors"
	"fmt"
	"testing"

	"gateway/proxy/admin"
)

func TestRouteKeys_AreThoseThatAWordNames(t *testing.T) {
	routes := admin.Routes{Routes: []admin.Route{
		{Key: "/blog/admin", Project: "blog", Service: "web"},
		{Key: "/blog", Project: "blog", Service: "web"},
		{Key: "/other", Project: "other", Service: "blog"},
		{Key: "/alone", Service: "alone"},
	}}
	for word, want := range map[string]string{
		"blog": "[/blog /blog/admin]", "alone": "[/alone]", "/blog": "[/blog]", "/blog/": "[/blog]", "web": "[]", "": "[]", "/none": "[]",
	} {
		got, err := RouteKeys(routes, word)
		if fmt.Sprint(got) != want || errors.Is(err, admin.ErrNoRoute) != (want == "[]") {
			t.Errorf("%q has %v (%v), want %s", word, got, err, want)
		}
	}
}
