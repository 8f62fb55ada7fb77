package projects

import (
	"os"
	"path/filepath"
	"testing"

	"gateway/proxy/docker"
)

func TestUsage_CountsWhatIsTheProjects(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, bytes int) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, bytes), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("shop/compose.yaml", 100)
	write("shop/site/a", 23)
	if err := os.Symlink("/usr", filepath.Join(dir, "shop/link")); err != nil {
		t.Fatal(err)
	}
	log := write("x-json.log", 40)
	write("x-json.log.1", 2)
	mine, other := map[string]string{composeProject: "shop"}, map[string]string{composeProject: "other"}
	kept := docker.Usage{
		Containers: []docker.Stored{{ID: "1", Labels: mine, Bytes: 5, Image: "i"}, {ID: "2", Labels: mine, Bytes: 6, Image: "i"}, {ID: "3", Labels: other, Bytes: 1000, Image: "j"}},
		Volumes:    []docker.Stored{{ID: "shop_data", Labels: mine, Bytes: 7000}, {ID: "other_data", Labels: other, Bytes: 1000}, {ID: "none", Bytes: 9}},
		Images:     []docker.Stored{{ID: "i", Bytes: 800}, {ID: "j", Bytes: 900}},
	}
	got := UsageOf("shop", filepath.Join(dir, "shop"), kept, []string{log})
	if want := (Usage{Folder: 123, Volumes: 7000, Containers: 11, Logs: 42, Images: 800, Total: 7176}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	kept.Volumes[0].Bytes = -1
	got = UsageOf("shop", "", kept, []string{"/none/x"})
	if want := (Usage{Folder: -1, Volumes: -1, Containers: 11, Logs: -1, Images: 800, Total: 11}); got != want {
		t.Errorf("what is not known: %+v, want %+v", got, want)
	}
}

func TestDisk_IsLowBelowATenth(t *testing.T) {
	for d, want := range map[Disk]bool{{9, 100}: true, {10, 100}: false, {0, 100}: true, {0, 0}: false} {
		if d.Low() != want {
			t.Errorf("%+v is low: %v", d, d.Low())
		}
	}
	if _, known := DiskOf(filepath.Join(t.TempDir(), "not", "there")); !known {
		t.Error("nothing is known of the disk of a folder that will be made")
	}
}
