package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"gateway/projects/policy"
	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
	"gateway/templates"
)

// nowhere is an engine that no test here may need.
const nowhere = "unix:///nonexistent/docker.sock"

func (c *Compose) load(ctx context.Context, dir, name string) (*types.Project, error) {
	project, _, err := inspect(ctx, Subject{Dir: dir, Name: name})
	return project, err
}

func TestLoad_ReadsWhatThePortfolioRenders(t *testing.T) {
	portfolio, err := templates.Find("portfolio")
	if err != nil {
		t.Fatal(err)
	}
	files, err := portfolio.Render(templates.Project{
		Name: "robots", Path: "/robots/$x", Host: "example.org", Owner: `Ada "$USER" <ada@example.org>`,
		Created: "2026-11-20", Expires: "2027-06-30", Subnet: "10.213.0.32/27",
	}, map[string]string{"spa": "true"})
	if err != nil {
		t.Fatal(err)
	}
	dir := write(t, string(files["compose.yaml"]))
	project, _, err := inspect(t.Context(), Subject{Dir: dir, Name: "robots"})
	if err != nil {
		t.Fatal(err)
	}
	site, err := project.GetService("site")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"gateway.path": "/robots/$x", "gateway.host": "example.org", "gateway.port": "8080",
		"gateway.owner": `Ada "$USER" <ada@example.org>`, "gateway.expires": "2027-06-30",
	} {
		if got := site.Labels[name]; got != want {
			t.Errorf("label %s = %q, want %q", name, got, want)
		}
	}
	if site.PullPolicy != "never" || !site.ReadOnly || site.User != "65532:65532" || site.MemLimit != 64<<20 ||
		site.PidsLimit != 64 || !slices.Equal(site.CapDrop, []string{"ALL"}) || len(site.Ports) != 0 || site.Privileged {
		t.Errorf("the service is not confined as it should be: %+v", site)
	}
	if !slices.Equal(site.Command, []string{"site", "--root", "/site", "--versions", "/versions", "--spa"}) {
		t.Errorf("command %q", site.Command)
	}
	if v := site.Volumes; len(v) != 2 || v[0].Source != filepath.Join(dir, "site") || !v[0].ReadOnly || !v[1].ReadOnly {
		t.Errorf("volumes %+v", v)
	}
	web := project.Networks["web"]
	if web.Name != "robots_web" || web.Labels["gateway.role"] != "edge" || web.Ipam.Config[0].Subnet != "10.213.0.32/27" {
		t.Errorf("network %+v", web)
	}
}

func TestInspect_NamesFileAndLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"not YAML":        {"services:\n  a:\n    image: x\n\tbroken: [\n", "line 4"},
		"unknown key":     {"services:\n  a:\n    image: x\n    colour: red\n", "line 4"},
		"wrong type":      {"services:\n  a:\n    image: x\n    read_only: {}\n", "line 4"},
		"unknown network": {"services:\n  a:\n    image: x\n    networks: [nope]\n", "line 2"},
		"bad variable":    {"services:\n  a:\n    image: ${\n", "line 3"},
	} {
		dir := write(t, c.text)
		composer, err := New(nowhere, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = composer.Inspect(t.Context(), Subject{Dir: dir, Name: "robots"})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), filepath.Join(dir, "compose.yaml")) {
			t.Errorf("%s: %v, want the file and %q", name, err, c.want)
		}
	}
}

func TestRefuseImages_SeesWhatNoFileShows(t *testing.T) {
	engine := dockertest.Start(t)
	client, err := docker.New(engine.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for tag, change := range map[string]string{"theirs:1": "LABEL gateway.path=/blog", "plain:1": "LABEL org.example.team=robots"} {
		if _, err := client.Images().Import(t.Context(), tag, strings.NewReader(""), []string{change}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := New(engine.Host(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"{web: {image: 'theirs:1'}}":                                `image theirs:1 has the label "gateway.path" (rule labels); set the label gateway.path of the service yourself`,
		"{web: {image: 'plain:1'}, later: {image: 'not-there:1'}}":  "",
		"{web: {image: 'theirs:1', labels: {gateway.path: /mine}}}": "",
	} {
		project, seen, err := inspect(t.Context(), Subject{Dir: write(t, "services: "+text), Name: "mine"})
		if err != nil {
			t.Fatal(err)
		}
		err = c.refuseImages(t.Context(), project, seen.Trust)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if err := c.refuseImages(t.Context(), project, policy.Trust{policy.Labels}); err != nil {
			t.Errorf("trusted: %v", err)
		}
	}
}

func TestUp_BuildsInNobodyElsesPlace(t *testing.T) {
	engine := dockertest.Start(t)
	client, err := docker.New(engine.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for tag, change := range map[string]string{
		"blog-shop-web": "LABEL com.docker.compose.project=blog-shop", "blog-mine": "LABEL com.docker.compose.project=blog", "blog-hand": "LABEL a=b",
	} {
		if _, err := client.Images().Import(t.Context(), tag, strings.NewReader(""), []string{change}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := New(engine.Host(), nil)
	if err != nil {
		t.Fatal(err)
	}
	// docker compose built this one without labels, and runs it.
	engine.AddContainer(dockertest.Container{Name: "blog-run-1", Image: "blog-run", Labels: map[string]string{
		"com.docker.compose.project": "blog", "com.docker.compose.service": "run",
	}})
	// The project only ran this one before.
	engine.AddPulled("blog-pulled")
	engine.AddContainer(dockertest.Container{Name: "blog-pulled-1", Image: "blog-pulled", Labels: map[string]string{
		"com.docker.compose.project": "blog", "com.docker.compose.service": "pulled",
	}})
	engine.AddContainer(dockertest.Container{Name: "x", Image: "blog-others", Labels: map[string]string{
		"com.docker.compose.project": "other", "com.docker.compose.service": "others",
	}})
	const theirs = "image blog-shop-web was built for project blog-shop (rule image-name); give the service another name"
	for text, want := range map[string]string{
		"{shop-web: {build: .}}": theirs,
		"{a: {build: {context: ., tags: [blog-shop-web]}}, shop-web: {image: x}}": theirs,
		"{shop-web: {build: ., image: 'blog-shop-web:latest'}}":                   "image blog-shop-web:latest was built for project blog-shop",
		"{hand: {build: .}}":                  "image blog-hand is there already and was not built for this project (rule image-name)",
		"{others: {build: .}}":                "image blog-others is there already and was not built for this project (rule image-name)",
		"{mine: {build: .}, new: {build: .}}": "",
		"{run: {build: .}}":                   "",
		"{pulled: {build: .}}":                "image blog-pulled is there already and was not built for this project (rule image-name)",
	} {
		dir := write(t, "services: "+text)
		_, _, err := c.own(t.Context(), Subject{Dir: dir, Name: "blog"})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if want == "" {
			continue
		}
		if err := c.Up(t.Context(), dir, "blog", UpOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: started with %v", text, err)
		}
		if _, _, err := c.own(t.Context(), Subject{Dir: dir, Name: "blog", Trust: policy.Trust{policy.ImageName}}); err != nil {
			t.Errorf("trusted: %v", err)
		}
	}
}

func TestUp_TakesNothingOfOtherProjects(t *testing.T) {
	engine := dockertest.Start(t)
	client, err := docker.New(engine.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for tag, change := range map[string]string{
		"other-web": "LABEL com.docker.compose.project=other", "wordpress:apache": "LABEL com.docker.compose.project=wordpress",
		"blog-mine": "LABEL com.docker.compose.project=blog", "mariadb:10.11": "LABEL a=b",
	} {
		if _, err := client.Images().Import(t.Context(), tag, strings.NewReader(""), []string{change}); err != nil {
			t.Fatal(err)
		}
	}
	engine.AddVolume("blog_theirs", map[string]string{"com.docker.compose.project": "other"})
	engine.AddVolume("blog_hand", nil)
	engine.AddVolume("blog_mine", map[string]string{"com.docker.compose.project": "blog"})
	engine.AddNetwork(dockertest.Network{Name: "blog_net", Labels: map[string]string{"com.docker.compose.project": "other"}})
	engine.AddContainer(dockertest.Container{Name: "blog-shop-web-1", Labels: map[string]string{"com.docker.compose.project": "blog-shop"}})
	c, err := New(engine.Host(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"services: {a: {image: other-web}}":                                                                                                    "services.a.image: image other-web was built here for project other (rule image-name)",
		"x-gateway: {template: wordpress}\nservices: {a: {image: 'wordpress:apache'}}":                                                         "image wordpress:apache was built here for project wordpress",
		"services: {a: {image: 'mariadb:10.11', volumes: [{type: image, source: other-web, target: /x}]}}":                                     "services.a.volumes: image other-web",
		"services: {a: {build: {context: ., additional_contexts: {x: 'docker-image://other-web'}}}}":                                           "services.a.build: image other-web",
		"services: {a: {build: {context: ., cache_from: [other-web]}}}":                                                                        "services.a.build: image other-web",
		"services: {a: {build: {context: ., dockerfile_inline: \"FROM other-web\\n\"}}}":                                                       "line 1: services.a.build: image other-web was built here for project other (rule image-name); use another image, or allow it",
		"services: {a: {image: x, volumes: ['theirs:/x']}}\nvolumes: {theirs: {}}":                                                             "volumes.theirs: volume blog_theirs is project other's (rule external)",
		"services: {a: {image: x, volumes: ['hand:/x']}}\nvolumes: {hand: {}}":                                                                 "volume blog_hand is there already",
		"services: {a: {image: x, networks: [net]}}\nnetworks: {net: {}}":                                                                      "networks.net: network blog_net is project other's",
		"services: {shop-web: {image: x}}":                                                                                                     "service shop-web: its container would be called blog-shop-web-1, and container blog-shop-web-1 is project blog-shop's",
		"services: {a: {image: blog-mine, volumes: ['mine:/x']}, b: {image: 'mariadb:10.11'}}\nvolumes: {mine: {}}\nnetworks: {default: {}}\n": "",
	} {
		dir := write(t, text)
		project, seen, err := c.own(t.Context(), Subject{Dir: dir, Name: "blog"})
		if err == nil {
			err = c.refuseImages(t.Context(), project, seen.Trust)
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if want != "" && c.Up(t.Context(), dir, "blog", UpOptions{}) == nil {
			t.Errorf("%s: started", text)
		}
	}
}

func TestStrangerOf_BelievesNoSpellingOfALocalName(t *testing.T) {
	theirs := imageFacts{exists: true, pulled: true, labels: map[string]string{"com.docker.compose.project": "other"}}
	for image, want := range map[string]string{
		"other-web": "other", "docker.io/library/other-web": "other", "docker.io/other-web:latest": "other", "index.docker.io/library/other-web": "other",
		"library/other-web": "other", "sha256:0123": "other", "user/app": "", "ghcr.io/user/app:1": "", "docker.io/user/app": "",
	} {
		// Engines that keep images by containerd say of all that they were pulled.
		if got := strangerOf(image, theirs, &types.Project{Name: "blog"}); got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
}

func TestUp_RefusesADockerfileThatNobodyCouldRead(t *testing.T) {
	engine := dockertest.Start(t)
	c, err := New(engine.Host(), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := write(t, "services: {a: {build: .}}")
	if err := os.WriteFile(filepath.Join(dir, "dockerfile"), []byte("FROM other-web\n#"+strings.Repeat("x", 1<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.own(t.Context(), Subject{Dir: dir, Name: "blog"}); err == nil || !strings.Contains(err.Error(), "dockerfile: it has more than 512 KiB") {
		t.Errorf("got %v", err)
	}
}

func TestDiscard_LeavesNothingOfRefusedImagesToStart(t *testing.T) {
	engine := dockertest.Start(t)
	for _, service := range []string{"web", "job", "db"} {
		engine.AddContainer(dockertest.Container{Name: "mine-" + service + "-1", Labels: map[string]string{
			"com.docker.compose.project": "mine", "com.docker.compose.service": service, "com.docker.compose.oneoff": "False", "com.docker.compose.container-number": "1",
			"com.docker.compose.config-hash": "x",
		}})
	}
	engine.Stop("mine-web-1")
	engine.Stop("mine-job-1")
	c, err := New(engine.Host(), nil)
	if err != nil {
		t.Fatal(err)
	}
	project, _, err := inspect(t.Context(), Subject{Dir: write(t, "services: {web: {image: a}, job: {image: b}, db: {image: c}}"), Name: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	refused := policy.Refused{policy.Labels.Found("services.web.image", "it publishes itself"), policy.Labels.Found("services.db.image", "it runs")}
	if err := c.discard(t.Context(), project, fmt.Errorf("deploying: %w", refused)); err != nil {
		t.Fatal(err)
	}
	client, err := docker.New(engine.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	left, err := client.Containers(t.Context(), "com.docker.compose.project=mine")
	var names []string
	for _, container := range left {
		names = append(names, container.Name)
	}
	slices.Sort(names)
	if err != nil || !slices.Equal(names, []string{"mine-db-1", "mine-job-1"}) {
		t.Errorf("left: %v %v", names, err)
	}
}

func TestVolumes_ListsThoseOfAProjectThatNeverRan(t *testing.T) {
	engine := dockertest.Start(t)
	engine.AddVolume("robots_data", map[string]string{"com.docker.compose.project": "robots"})
	engine.AddVolume("robots_mine", nil)
	engine.AddVolume("blog_data", map[string]string{"com.docker.compose.project": "blog"})
	c, err := New(engine.Host(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Volumes(t.Context(), "robots"); err != nil || !slices.Equal(got, []string{"robots_data"}) {
		t.Errorf("got %v %v", got, err)
	}
}

func TestWorded_NamesTheConditions(t *testing.T) {
	err := worded(errors.New("failed to create network x_web: Error response from daemon: Pool overlaps with other one on this address space"))
	if !errors.Is(err, ErrOverlap) {
		t.Errorf("not an overlap: %v", err)
	}
	if worded(nil) != nil {
		t.Error("no error became one")
	}
}

func TestClientOptions_TakesCertificatesOfTheAddress(t *testing.T) {
	o, err := clientOptions("tcp://10.0.0.1:2376?certs=%2Fcerts&verify=no")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Hosts, []string{"tcp://10.0.0.1:2376"}) || o.TLSOptions == nil || o.TLSOptions.CAFile != "/certs/ca.pem" || !o.TLSOptions.InsecureSkipVerify {
		t.Errorf("got %+v %+v", o.Hosts, o.TLSOptions)
	}
	if o, err := clientOptions("unix:///run/docker.sock"); err != nil || o.TLSOptions != nil {
		t.Errorf("a socket: %+v %v", o, err)
	}
}

func write(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWorded_SaysWhatToDoAboutImages(t *testing.T) {
	for said, want := range map[string]string{
		"Error response from daemon: pull access denied for nosuch/image, repository does not exist or may require 'docker login': denied: requested access to the resource is denied": "the image's name is right",
		"Error response from daemon: manifest for nginx:none not found: manifest unknown: manifest unknown":                                                                            "no such tag",
		`Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: dial udp 10.0.0.1:53: connect: network is unreachable`:                          "cannot reach the image's registry",
		"no matching manifest for linux/arm64/v8 in the manifest list entries":                                                                                                         "processor",
		"write /var/lib/docker/tmp/x: no space left on device":                                                                                                                         "docker system df",
		"Error response from daemon: No such image: gateway:latest":                                                                                                                    "pull_policy",
		"something else": "",
	} {
		got := worded(errors.New(said)).Error()
		if !strings.Contains(got, want) || want == "" && got != said {
			t.Errorf("%q is told as %q, want %q", said, got, want)
		}
		if strings.Contains(got, "prune") || strings.Contains(got, " rm") {
			t.Errorf("%q would lose data", got)
		}
	}
}
