package compose

import (
	"slices"
	"strings"
	"testing"

	"github.com/docker/compose/v5/pkg/api"
	sdk "github.com/docker/compose/v5/pkg/compose"

	"gateway/proxy/docker/dockertest"
)

// composed is an engine that runs what a compose.yaml says, as Compose would have made it.
func composed(t *testing.T, text string) (*Compose, *dockertest.Engine) {
	t.Helper()
	engine := dockertest.Start(t)
	engine.AddImage("app:latest")
	c, err := New(engine.Host(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.engine.Close() })
	project, err := c.load(t.Context(), write(t, text), "shop")
	if err != nil {
		t.Fatal(err)
	}
	engine.AddNetwork(dockertest.Network{Name: "shop_default", Labels: map[string]string{api.ProjectLabel: "shop", api.NetworkLabel: "default"}})
	for name, s := range project.Services {
		hash, err := sdk.ServiceHash(s)
		if err != nil {
			t.Fatal(err)
		}
		image, err := c.imageOf(t.Context(), "app:latest")
		if err != nil {
			t.Fatal(err)
		}
		engine.AddContainer(dockertest.Container{
			Name: "shop-" + name + "-1", Image: "app:latest", Networks: []string{"shop_default"},
			Labels: map[string]string{
				api.ProjectLabel: "shop", api.ServiceLabel: name, api.ConfigHashLabel: hash, api.ImageDigestLabel: image.id, api.OneoffLabel: "False",
			},
		})
	}
	return c, engine
}

// routed is a service that clients reach, with further lines.
func routed(lines ...string) string {
	return "services:\n  web:\n    image: app:latest\n    labels: {gateway.path: /shop}\n" + strings.Join(append(lines, ""), "\n")
}

func TestCompare_FindsWhatChanges(t *testing.T) {
	internal := "  api:\n    image: app:latest\n"
	for name, c := range map[string]struct {
		before, after string
		options       UpOptions
		services      string
		alone         string
	}{
		"nothing":              {before: routed(internal), after: routed(internal)},
		"a variable":           {before: routed(internal), after: routed("    environment: {A: b}", internal), services: "web"},
		"chosen":               {before: routed(internal), after: routed(internal), options: UpOptions{Replace: []string{"web"}}, services: "web"},
		"all":                  {before: routed(), after: routed(), options: UpOptions{Replace: []string{AllServices}}, services: "web"},
		"more copies":          {before: routed(), after: routed("    scale: 2"), services: "web"},
		"a new service":        {before: routed(), after: routed(internal), services: "api"},
		"what has no route":    {before: routed(internal), after: routed(internal + "    environment: {A: b}"), services: "api", alone: "service api has no route"},
		"a file to read":       {before: routed(), after: routed("    volumes: [./data:/data:ro]"), services: "web"},
		"a volume":             {before: routed(), after: routed("    volumes: [data:/data]", "volumes: {data: {}}"), services: "web", alone: "service web writes to volume data"},
		"a volume of its own":  {before: routed(), after: routed("    volumes: [/data]"), services: "web", alone: "service web writes to /data"},
		"a folder":             {before: routed(), after: routed("    volumes: [./data:/data]"), services: "web", alone: "service web writes to /data"},
		"no copy":              {before: routed(), after: routed("    scale: 0"), services: "web", alone: "has no containers any more"},
		"its author says no":   {before: routed(), after: routed("    deploy: {update_config: {order: stop-first}}"), services: "web", alone: "says so (update_config.order)"},
		"its author says yes":  {before: routed(), after: routed("    volumes: [data:/data]", "    deploy: {update_config: {order: start-first}}", "volumes: {data: {}}"), services: "web"},
		"restarted with it":    {before: routed(internal), after: routed("    environment: {A: b}", internal+"    depends_on: {web: {condition: service_started, restart: true}}"), services: "web", alone: "service api restarts with"},
		"a secret in the file": {before: routed(), after: routed("    configs: [c]", "configs: {c: {content: x}}"), services: "web", alone: "is no file"},
	} {
		t.Run(name, func(t *testing.T) {
			composer, _ := composed(t, c.before)
			c.options.Made = true
			got, err := composer.Compare(t.Context(), write(t, c.after), "shop", c.options)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(got.Services, " ") != c.services || (got.Alone == "") != (c.alone == "") || !strings.Contains(got.Alone, c.alone) {
				t.Errorf("got %+v", got)
			}
			if got.None() != (c.services == "") {
				t.Errorf("None is %v of %+v", got.None(), got)
			}
		})
	}
}

func TestCompare_ReplacesTheContainersOfServicesThatAreGone(t *testing.T) {
	c, engine := composed(t, routed("  api:\n    image: app:latest"))
	got, err := c.Compare(t.Context(), write(t, routed("    environment: {A: b}")), "shop", UpOptions{Made: true})
	if err != nil || got.Alone != "" || len(got.Replaces) != 2 {
		t.Errorf("got %+v %v", got, err)
	}
	// The new name of a service does not write to what the old one does.
	got, err = c.Compare(t.Context(), write(t, routed("  store:\n    image: app:latest\n    volumes: [data:/data]", "volumes: {data: {}}")), "shop", UpOptions{Made: true})
	if err != nil || !strings.Contains(got.Alone, "as service api may") {
		t.Errorf("got %+v %v", got, err)
	}
	engine.AddContainer(dockertest.Container{Name: "shop-web-run", Labels: map[string]string{api.ProjectLabel: "shop", api.ServiceLabel: "web", api.OneoffLabel: "True"}})
	if got, err = c.Compare(t.Context(), write(t, routed("  api:\n    image: app:latest")), "shop", UpOptions{Made: true}); err != nil || !got.None() {
		t.Errorf("a single run: %+v %v", got, err)
	}
	if !slices.Equal(got.Services, nil) {
		t.Errorf("services %v", got.Services)
	}
}
