package compose

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
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

func TestLabelled_MarksWhatIsBuilt(t *testing.T) {
	before := &types.BuildConfig{Labels: types.Labels{"a": "b", "com.docker.compose.project": "other"}}
	project, err := labelled(&types.Project{Name: "shop", Services: types.Services{"web": {Name: "web", Build: before}, "db": {Name: "db"}}})
	if err != nil {
		t.Fatal(err)
	}
	labels := project.Services["web"].Build.Labels
	if labels["com.docker.compose.project"] != "shop" || labels["com.docker.compose.service"] != "web" || labels["a"] != "b" || project.Services["db"].Build != nil {
		t.Errorf("%v", labels)
	}
	if before.Labels["com.docker.compose.project"] != "other" {
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
