package compose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gateway/projects/importer"
)

func TestNotes_WarnOfVariablesThatNothingSets(t *testing.T) {
	c, err := New(nowhere, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := imported(t, map[string]string{
		"compose.yaml": "services:\n  web:\n    image: x:${TAG}\n    command: $CMD ${TAG} $${OK} ${A:-b} ${C:-$D} ${DB_PASSWORD+set}\n    env_file: [a.env, b.env]\n",
		".env":         "# no $comment\nDB_PASSWORD=s3cret$word\nQUOTED='s3cret$quoted'\nDOLLAR=s3cret$$dollar\n",
		"a.env":        "A=1\nB=${A}${LATE}$word\n", "b.env": "LATE=1\nC=$$x\n",
	}, importer.Choice{Service: "web", Port: 80})
	seen, err := c.Inspect(t.Context(), Subject{Dir: dir, Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, note := range seen.Notes() {
		if place, rest, found := strings.Cut(note, ": variable "); found {
			name, _, _ := strings.Cut(rest, " ")
			got = append(got, place+" "+name)
		}
	}
	want := "warning: .env: line 2 word; warning: compose.yaml: line 3 TAG; warning: compose.yaml: line 4 CMD; warning: compose.yaml: line 4 D; warning: a.env: line 2 LATE"
	if all := strings.Join(got, "; "); all != want {
		t.Errorf("got  %s\nwant %s", all, want)
	}
	if note := seen.Notes()[0]; !strings.Contains(note, "write $$word for a literal dollar sign") || !strings.Contains(note, "single quotes") {
		t.Errorf("no hint: %s", note)
	}
}

func TestNotes_SayWhichMountsAreEmpty(t *testing.T) {
	c, err := New(nowhere, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := imported(t, map[string]string{
		"compose.yaml": "services:\n  web:\n    image: x\n    volumes: ['./there.conf:/a', './app.conf:/b', './data:/c', './kept:/d', 'named:/e', '.\\win:/f']\nvolumes: {named: }\n",
		"there.conf":   "x",
	}, importer.Choice{Service: "web", Port: 80})
	place := somebodys(t, map[string]string{"source/kept/x": "x"})
	seen, err := c.Inspect(t.Context(), Subject{Dir: dir, Place: place, Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`warning: service web mounts "app.conf", which does not exist: the engine creates an empty folder of that name`,
		`service web mounts "data", which does not exist: the engine creates an empty folder of that name`,
		`warning: service web mounts ".\\win", which does not exist: the engine creates an empty folder of that name`,
	}
	if !slices.Equal(seen.Notes(), want) {
		t.Errorf("got %q", seen.Notes())
	}
}

func TestImported_TakesTheProjectsOwnVariablesFirst(t *testing.T) {
	dir, _ := imported(t, map[string]string{
		"compose.yaml": "services: {web: {image: 'x:${TAG}-${OTHER}', env_file: web.env}}\n", ".env": "TAG=1\nOTHER=${TAG}\n", "web.env": "SEEN=${TAG}\n",
	}, importer.Choice{Service: "web", Port: 80})
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("TAG=2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	project, _, err := inspect(t.Context(), Subject{Dir: dir, Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if web := project.Services["web"]; web.Image != "x:2-2" || *web.Environment["SEEN"] != "2" {
		t.Errorf("image %s, SEEN %s", web.Image, *web.Environment["SEEN"])
	}
}
