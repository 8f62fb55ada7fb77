package compose

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"gateway/projects/policy"
	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
)

func TestBuildLog_TellsWholeLinesAndKeepsTheLast(t *testing.T) {
	var told []string
	log := &buildLog{events: &reporter{emit: func(e Event) {
		if e.Status != Wrote {
			t.Errorf("%+v", e)
		}
		told = append(told, e.Details)
	}}}
	for _, text := range []string{
		"Step 1/2", " : FROM a\n", " ---> Running in 0123456789ab\r\n", "10%\r50%\r100%\n\n", "\x1b[91mno\x1b[0m\x07\n", "half",
	} {
		if n, err := log.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatal(n, err)
		}
	}
	log.end()
	want := []string{"Step 1/2 : FROM a", " ---> Running in 0123456789ab", "100%", `no\x07`, "half"}
	if !slices.Equal(told, want) || !slices.Equal(log.last(), want) || !slices.Equal(log.steps(), []string{"0123456789ab"}) {
		t.Errorf("told %q, keeps %q, ran %q", told, log.last(), log.steps())
	}
	_, _ = log.Write([]byte(strings.Repeat("line\n", 100)))
	if len(log.last()) != lastLines {
		t.Errorf("it keeps %d lines", len(log.last()))
	}
	log.forget()
	if len(log.last()) > 0 || len(log.steps()) > 0 {
		t.Error("a build has the lines of the one before")
	}
}

func TestBuildError_SaysWhatMayBeLeft(t *testing.T) {
	cause := errors.New("no")
	err := error(&BuildError{cause, []string{"a"}})
	var left interface{ Leftovers() []string }
	if !errors.Is(err, cause) || !errors.As(err, &left) || !slices.Equal(left.Leftovers(), []string{"a"}) {
		t.Errorf("%v", err)
	}
}

func TestStage_BuildsUnderNamesOfItsOwnAndMarksWhatIsBuilt(t *testing.T) {
	before := &types.BuildConfig{Labels: types.Labels{"a": "b", "com.docker.compose.project": "other"}, Tags: []string{"shop-web:1"}}
	s, err := stageImages(&types.Project{Name: "shop", Services: types.Services{
		"web": {Name: "web", Build: before}, "worker": {Name: "worker", Image: "shop-web:2", Build: &types.BuildConfig{}}, "db": {Name: "db"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	web := s.project.Services["web"]
	if labels := web.Build.Labels; labels["com.docker.compose.project"] != "shop" || labels["com.docker.compose.service"] != "web" || labels["a"] != "b" {
		t.Errorf("%v", labels)
	}
	if !strings.HasPrefix(web.Image, policy.StagedImage+":") || len(web.Build.Tags) > 0 || web.Image == s.project.Services["worker"].Image || s.project.Services["db"].Build != nil {
		t.Errorf("it builds %s, and %v", web.Image, web.Build.Tags)
	}
	if service := s.project.Services["worker"].Build.Labels["com.docker.compose.service"]; service != "web" {
		t.Errorf("the image of two services is marked %s, and its name says web", service)
	}
	if got, want := s.names(), []builtName{{"web", "shop-web"}, {"web", "shop-web:1"}, {"worker", "shop-web:2"}}; !slices.Equal(got, want) {
		t.Errorf("it will be called %v, want %v", got, want)
	}
	if got := s.shown().Replace("Image " + web.Image); got != "Image shop-web" {
		t.Errorf("people see %s", got)
	}
	if before.Labels["com.docker.compose.project"] != "other" || len(before.Tags) != 1 {
		t.Error("the project was changed")
	}
}

func TestOnlyForBuildKit_SaysHowToGetIt(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"Dockerfile": "FROM a\n", "Linked": "FROM a\nCOPY --link a b\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for want, b := range map[string]types.BuildConfig{
		"":                              {Context: dir},
		"Linked: line 2: COPY --link: ": {Context: dir, Dockerfile: "Linked"},
		// The engine's own builder would build the Dockerfile that lies there.
		"build: dockerfile_inline: ":   {Context: dir, DockerfileInline: "FROM b\n"},
		"build: additional_contexts: ": {Context: dir, AdditionalContexts: types.Mapping{"x": "docker-image://y"}},
		"build: secrets: ":             {Context: dir, Secrets: []types.ServiceSecretConfig{{Source: "x"}}},
	} {
		project := &types.Project{Name: "shop", Services: types.Services{"web": {Name: "web", Build: &b}}}
		err := onlyForBuildKit(project, []string{"web"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), "building web: "+want) || !strings.Contains(err.Error(), "docker-buildx-plugin")) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestBuild_NamesNothingInTheOthersPlace has an image come up while the build runs.
func TestBuild_NamesNothingInTheOthersPlace(t *testing.T) {
	engine := dockertest.Start(t)
	engine.AddImage("shop-web:latest")
	client, err := docker.New(engine.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	theirs, err := client.Images().ID(t.Context(), "shop-web")
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(engine.Host(), nil)
	if err != nil {
		t.Fatal(err)
	}
	project := &types.Project{Name: "shop", ComposeFiles: []string{"compose.yaml"}, Services: types.Services{"web": {Name: "web", Build: &types.BuildConfig{}}}}
	s, err := stageImages(project)
	if err != nil {
		t.Fatal(err)
	}
	staged := s.images["web"].now
	engine.AddImage(staged)
	finish := func(trust policy.Trust) error {
		return errors.Join(c.refuseTaken(t.Context(), project, trust, s.names()), c.unstage(t.Context(), s))
	}
	if err := finish(nil); err == nil || !strings.Contains(err.Error(), "image shop-web is there already and was not built for this project") {
		t.Errorf("got %v", err)
	}
	if now, err := client.Images().ID(t.Context(), "shop-web"); now != theirs || err != nil {
		t.Errorf("shop-web is %s now, %v", now, err)
	}
	if _, err := client.Images().ID(t.Context(), staged); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("what was built is left: %v", err)
	}
	engine.AddImage(staged)
	if err := errors.Join(c.name(t.Context(), s), finish(policy.Trust{policy.ImageName})); err != nil {
		t.Fatal(err)
	}
	if now, err := client.Images().ID(t.Context(), "shop-web"); now == theirs || err != nil {
		t.Errorf("shop-web is still the other image, %v", err)
	}
}
