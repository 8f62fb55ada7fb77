package projects

import (
	"strings"
	"testing"
	"time"
)

func TestWithIdle_EditsTheLabelsOfRoutes(t *testing.T) {
	const file = `services:
  web:
    image: web
    labels:
      gateway.path: /shop # the front
      gateway.health.path: /up
      gateway.routes.api.path: /api
      gateway.routes.api.health.path: /up
  list:
    labels:
      - gateway.path=/list
  db:
    image: db
`
	set, err := withIdle([]byte(file), 90*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"      gateway.idle: \"1h30m\"\n", "      gateway.routes.api.idle: \"1h30m\"\n", "      - \"gateway.idle=1h30m\"\n", "/shop # the front\n"} {
		if strings.Count(string(set), want) != 1 {
			t.Errorf("%q is not once in\n%s", want, set)
		}
	}
	if strings.Count(string(set), "idle") != 3 {
		t.Errorf("too many labels in\n%s", set)
	}
	again, err := withIdle(set, 10*time.Second)
	if err != nil || strings.Count(string(again), "10s") != 3 || strings.Contains(string(again), "1h30m") {
		t.Errorf("set again: %v\n%s", err, again)
	}
	if gone, err := withIdle(again, 0); err != nil || string(gone) != file {
		t.Errorf("taken out again: %v\n%s", err, gone)
	}
	if _, err := withIdle([]byte("services:\n  db:\n    image: db\n"), time.Hour); err == nil || !strings.Contains(err.Error(), "gateway.path") {
		t.Errorf("without a route: %v", err)
	}
}
