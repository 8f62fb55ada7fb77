package docker_test

import (
	"context"
	"fmt"
	"testing"

	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
)

// crowd fills the engine with containers as compose makes them.
func crowd(e *dockertest.Engine, count int) {
	for i := range count {
		network := fmt.Sprintf("project%d_web", i/200)
		if i%200 == 0 {
			e.AddNetwork(dockertest.Network{Name: network})
		}
		project := fmt.Sprintf("project%d", i)
		e.AddContainer(dockertest.Container{
			Name: project + "-app-1", Image: "registry.example.org/club/" + project + ":2026.11", Networks: []string{network},
			Ports: []uint16{8080}, Health: "healthy",
			Labels: map[string]string{
				"gateway.path":                            "/" + project,
				"gateway.owner":                           "owner@example.org",
				"com.docker.compose.config-hash":          "7c1b6a1d0c1c3c6c2f0a7c1d5a7c3f0f2f7d1b0a9e8d7c6b5a4f3e2d1c0b9a8f",
				"com.docker.compose.container-number":     "1",
				"com.docker.compose.depends_on":           "db:service_healthy:false,cache:service_started:false",
				"com.docker.compose.image":                "sha256:d59101289c7eddb572a1f06149169dbe2ff948c3c77e3a7b8d0148e0e7df909f",
				"com.docker.compose.oneoff":               "False",
				"com.docker.compose.project":              project,
				"com.docker.compose.project.config_files": "/srv/gateway/projects/" + project + "/compose.yaml",
				"com.docker.compose.project.working_dir":  "/srv/gateway/projects/" + project,
				"com.docker.compose.service":              "app",
				"com.docker.compose.version":              "5.5.1",
				"org.opencontainers.image.created":        "2026-11-20T12:00:00Z",
				"org.opencontainers.image.revision":       "0f2f7d1b0a9e8d7c6b5a4f3e2d1c0b9a8f7c1b6a",
				"org.opencontainers.image.source":         "https://git.example.org/club/" + project,
			},
		})
	}
}

// BenchmarkContainers1000 lists a crowd of which one changed since, as the agent does upon an event. It includes what
// the engine in memory costs.
func BenchmarkContainers1000(b *testing.B) {
	engine := dockertest.Start(b)
	crowd(engine, 1000)
	client, err := docker.New(engine.Host())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	b.ReportAllocs()
	for b.Loop() {
		engine.SetHealth("project500-app-1", "unhealthy")
		engine.SetHealth("project500-app-1", "healthy")
		if list, err := client.Containers(context.Background()); err != nil || len(list) != 1000 {
			b.Fatalf("listed %d, %v", len(list), err)
		}
	}
}
