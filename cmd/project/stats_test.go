package project

import (
	"testing"

	"gateway/cmd/cli"
	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
)

func TestLogFiles_LeaveOutContainersThatWent(t *testing.T) {
	engine := dockertest.Start(t)
	id := engine.AddContainer(dockertest.Container{Name: "robots-site-1"})
	client, err := docker.New(engine.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s := &cli.Session{Host: engine.Host(), Engine: client}
	files, err := logFiles(t.Context(), s, []docker.Container{{ID: "0123456789ab"}, {ID: id}})
	if err != nil || len(files) != 1 {
		t.Errorf("the logs are %q (%v)", files, err)
	}
}
