package compose

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gateway/projects/importer"
)

func TestReadShape_TellsWhatContainersHaveOfARefusedFile(t *testing.T) {
	const text = "services:\n  web: {build: ., privileged: true, volumes: ['./data:/data', 'v:/v'], secrets: [key]}\n" +
		"  off: {image: x, profiles: [off], volumes: ['./conf:/conf:ro']}\nvolumes: {v: {}}\nsecrets: {key: {file: ./key}}\n"
	dir := write(t, text)
	got, err := ReadShape(t.Context(), Subject{Dir: dir, Name: "mine"})
	want := map[string][]importer.Mount{
		"web": {{Path: filepath.Join(dir, "data")}, {Path: filepath.Join(dir, "key"), ReadOnly: true}},
		"off": {{Path: filepath.Join(dir, "conf"), ReadOnly: true}},
	}
	if err != nil || !reflect.DeepEqual(got.Mounts, want) || !slices.Equal(got.Running, []string{"web"}) || !slices.Equal(got.Built, []string{"mine-web"}) {
		t.Errorf("%+v %v, want mounts %v", got, err, want)
	}
	dir = write(t, "include: [/etc/passwd]\nservices: {web: {image: x}}\n")
	if _, err := ReadShape(t.Context(), Subject{Dir: dir, Name: "mine"}); err == nil || !strings.Contains(err.Error(), "rule include") {
		t.Errorf("it read what is outside: %v", err)
	}
}
