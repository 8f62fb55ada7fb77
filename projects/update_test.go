package projects

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gateway/projects/compose"
)

// imaged is a bench with the project robots, whose service has a newer image and another one that stays.
func imaged(t *testing.T) *bench {
	t.Helper()
	b := added(t)
	old, err := b.client.Images().Import(t.Context(), "nginx:latest", strings.NewReader("old"), nil)
	if err != nil {
		t.Fatal(err)
	}
	b.compose.images = []compose.ServiceImage{
		{Service: "app", Image: "robots-app", ID: "sha256:built", Kept: "it is built from the project's files"},
		{Service: "site", Image: "nginx:latest", ID: old, Digest: "sha256:0123456789abcdef", Newer: "sha256:fedcba9876543210"},
	}
	return b
}

func TestUpdate_PullsWhatIsNewerAndReplacesIt(t *testing.T) {
	b := imaged(t)
	want := []string{
		"pull nginx:latest: sha256:fedcba987654 in place of sha256:0123456789ab",
		"replace the containers of site",
	}
	c, err := b.DryRun(t.Context(), Update{"robots"})
	if err != nil || !slices.Equal(c.Texts(), want) || len(b.compose.calls) > 0 {
		t.Errorf("a dry run says %v, %v and calls %v", c, err, b.compose.calls)
	}
	c, err = b.Do(t.Context(), Update{"robots"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Texts(), want) || !slices.Equal(b.compose.calls, []string{"pull site", "up"}) {
		t.Errorf("it says %v and calls %v", c.Texts(), b.compose.calls)
	}
	if len(c.Images) != 1 || c.Images[0] != (ImageUpdate{"site", "nginx:latest", "sha256:0123456789abcdef", "sha256:fedcba9876543210"}) {
		t.Errorf("images %v", c.Images)
	}
	if notes := strings.Join(c.Notes, "\n"); !strings.Contains(notes, "service app keeps its image robots-app: it is built") {
		t.Errorf("notes %s", notes)
	}
}

func TestUpdate_ChangesNothingWithoutANewerImage(t *testing.T) {
	b := imaged(t)
	site, err := b.client.Container(t.Context(), "robots-site-1")
	if err != nil {
		t.Fatal(err)
	}
	b.compose.images[1].Newer, b.compose.images[1].ID = "", site.ImageID
	c, err := b.Do(t.Context(), Update{"robots"})
	if err != nil || len(c.Images) > 0 || len(b.compose.calls) > 0 {
		t.Errorf("it changes %v, %v and calls %v", c.Images, err, b.compose.calls)
	}
	// An image that was pulled meanwhile is not pulled again.
	b.compose.images[1].ID = "sha256:pulled"
	if c, err = b.Do(t.Context(), Update{"robots"}); err != nil || !slices.Equal(b.compose.calls, []string{"up"}) {
		t.Errorf("with an image that was pulled already: %v, %v and calls %v", c, err, b.compose.calls)
	}
}

func TestUpdate_LeavesAStoppedProjectStopped(t *testing.T) {
	b := imaged(t)
	b.engine.Stop("robots-site-1")
	c, err := b.Do(t.Context(), Update{"robots"})
	if err != nil || !slices.Equal(b.compose.calls, []string{"pull site"}) || !strings.Contains(strings.Join(c.Notes, "\n"), "gateway deploy robots") {
		t.Errorf("it says %v, %v and calls %v", c, err, b.compose.calls)
	}
}

func TestUpdate_BringsTheImagesBeforeBack(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(*bench)
		want    []string
	}{
		"the pull fails":    {func(b *bench) { b.compose.pull = errors.New("no route to the registry") }, []string{"pull site"}},
		"the app is broken": {func(b *bench) { b.ready = errors.New("it answers 500") }, []string{"pull site", "up", "up"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := imaged(t)
			c.arrange(b)
			_, err := b.Do(t.Context(), Update{"robots"})
			failure, is := errors.AsType[*Failure](err)
			if !is || !strings.Contains(failure.Undone, "the images that it had before") {
				t.Errorf("it says %v", err)
			}
			if id, err := b.client.Images().ID(t.Context(), "nginx:latest"); err != nil || id != b.compose.images[1].ID {
				t.Errorf("the name is that of image %s, %v", id, err)
			}
			if !slices.Equal(b.compose.calls, c.want) {
				t.Errorf("calls %v, want %v", b.compose.calls, c.want)
			}
		})
	}
}

func TestUpdate_SaysWhichRegistryDoesNotAnswer(t *testing.T) {
	b := imaged(t)
	b.compose.images[1].Newer, b.compose.images[1].Err = "", errors.New("connection refused")
	if _, err := b.Do(t.Context(), Update{"robots"}); err == nil || !strings.Contains(err.Error(), "image nginx:latest of service site: connection refused") {
		t.Errorf("it says %v", err)
	}
	b.compose.images = append(b.compose.images, compose.ServiceImage{Service: "db", Image: "mariadb", ID: "sha256:db", Digest: "sha256:1", Newer: "sha256:2"})
	c, err := b.DryRun(t.Context(), Update{"robots"})
	if err != nil || len(c.Images) != 1 || !strings.Contains(strings.Join(c.Notes, "\n"), "connection refused") {
		t.Errorf("beside one that answers it says %v, %v", c, err)
	}
}
