package project

import (
	"errors"
	"testing"

	"gateway/projects"
	"gateway/projects/importer"
	"gateway/projects/policy"
)

func TestOfSource_NamesFilesByWhereTheyWereTakenFrom(t *testing.T) {
	source := &projects.Source{Folder: &importer.Folder{Dir: "/home/ada/shop"}}
	cause := errors.New("/tmp/try/source/compose.yaml: env file /tmp/try/source/.env not found, and /tmp/try/compose.yaml")
	got := ofSource(cause, "/tmp/try", source)
	if want := "/home/ada/shop/compose.yaml: env file /home/ada/shop/.env not found, and /tmp/try/compose.yaml"; got.Error() != want || !errors.Is(got, cause) {
		t.Errorf("got %v, want %s", got, want)
	}
	refused, _ := errors.AsType[policy.Refused](ofSource(policy.Refused{{File: "/tmp/try/source/compose.yaml"}}, "/tmp/try", source))
	if len(refused) != 1 || refused[0].File != "/home/ada/shop/compose.yaml" {
		t.Errorf("refused %v", refused)
	}
	if got := ofSource(cause, "/tmp/try", nil); got != cause {
		t.Errorf("without a source: %v", got)
	}
}
