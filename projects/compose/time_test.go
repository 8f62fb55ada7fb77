package compose

import (
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
)

// TestStop_LeavesTheTimeToTheContainer has no fixed time override what the file says, wherever a container is stopped.
func TestStop_LeavesTheTimeToTheContainer(t *testing.T) {
	for name, stop := range map[string]func(*Compose) error{
		"stop": func(c *Compose) error { return c.Stop(t.Context(), "mine") },
		"down": func(c *Compose) error { return c.Down(t.Context(), "mine") },
	} {
		engine := dockertest.Start(t)
		engine.AddContainer(dockertest.Container{Name: "mine-web-1", Labels: map[string]string{
			"com.docker.compose.project": "mine", "com.docker.compose.service": "web", "com.docker.compose.oneoff": "False", "com.docker.compose.container-number": "1", "com.docker.compose.config-hash": "x",
		}})
		c, err := New(engine.Host(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := stop(c); err != nil {
			t.Fatal(err)
		}
		stops := 0
		for _, call := range engine.Calls() {
			if strings.HasSuffix(call.Path, "/stop") {
				stops++
				if strings.Contains(call.Query, "t=") {
					t.Errorf("%s: it is told to end within %s", name, call.Query)
				}
			}
		}
		if stops == 0 {
			t.Errorf("%s: nothing was stopped", name)
		}
	}
}

func TestBudget_IsWhatTheContainersSay(t *testing.T) {
	engine := dockertest.Start(t)
	engine.AddImage("x:latest")
	client, err := docker.New(engine.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for name, labels := range map[string]map[string]string{
		"mine-web-1":  {"com.docker.compose.project": "mine", "com.docker.compose.depends_on": "job:service_completed_successfully:false,db:service_healthy:true"},
		"mine-db-1":   {"com.docker.compose.project": "mine", "com.docker.compose.depends_on": "job:service_completed_successfully:false"},
		"other-web-1": {"com.docker.compose.project": "other"},
	} {
		if _, err := client.Run(t.Context(), docker.Spec{Name: name, Image: "x", Labels: labels, Command: []string{"a"}, Network: "bridge", Health: &docker.Health{
			Command: []string{"a"}, Interval: 5 * time.Second, Timeout: 3 * time.Second, Retries: 3, StartPeriod: 200 * time.Second,
		}}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := New(engine.Host(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.budget(t.Context(), "mine"); err != nil || got != startBudget+2*224*time.Second+jobBudget {
		t.Errorf("got %v %v", got, err)
	}
	if got, err := c.budget(t.Context(), "none"); err != nil || got != startBudget {
		t.Errorf("of none: %v %v", got, err)
	}
}
