package policy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gateway/proxy/label"
	"gateway/proxy/route"
)

func TestReach_FollowsEveryLink(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "mine")
	for _, d := range []string{"mine/data/deep", "mine-too"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{
		"in": "data/deep", "out": "../mine-too", "up": "data/../..", "abs": "/etc", "self": ".", "loop": "loop",
		"dangling-in": "data/later", "dangling-out": "../later", "back": "in/../../data", "socket": "/run/docker.sock",
	} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Skipf("links cannot be made: %v", err)
		}
	}
	if err := os.Symlink(dir, filepath.Join(root, "alias")); err != nil {
		t.Fatal(err)
	}
	folder, err := OpenFolder(filepath.Join(root, "alias"))
	if err != nil {
		t.Fatal(err)
	}
	for path, inside := range map[string]bool{
		".": true, "data": true, "data/not-yet/there": true, "in": true, "in/x": true, "dangling-in": true, "back": true, "self/data": true,
		"..": false, "../mine-too": false, "../mine": true, "out": false, "out/x": false, "up": false, "abs": false, "abs/passwd": false,
		"loop": false, "loop/x": false, "dangling-out": false, "dangling-out/x": false, "socket": false, "data/../../x": false,
	} {
		if got := folder.Reach(filepath.Join(root, "alias", path)); got.Inside != inside {
			t.Errorf("%s: %+v, want inside %v", path, got, inside)
		}
	}
	for path, want := range map[string]bool{"/": true, "/run": true, "/var/run/docker.sock": true, "/srv/x/docker.sock": true, "/var/lib": false, dir: false} {
		if got := folder.Reach(path).Socket; got != want {
			t.Errorf("%s: socket %v", path, got)
		}
	}
	if folder.Reach("data").Inside {
		t.Error("a path that is not absolute is inside")
	}
}

func TestClaims_FindsWhoseClientsWouldCome(t *testing.T) {
	key := func(s string) route.Key {
		k, err := route.ParseKey(s)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	held := []Held{
		{key("/"), "club", "project club"},
		{key("/blog"), "blog", "project blog"},
		{key("shop.example.org/"), "shop", "project shop"},
		{key("/mine"), "mine", "project mine"},
		{key("/blog/old"), "mine", "project mine"},
		{key("/loose"), "", "container loose"},
	}
	for path, want := range map[string]string{
		"/new": "", "/mine": "", "/mine/sub": "", "/blogs": "", "/blog/old": "",
		"/blog": "project blog", "/blog/admin": "project blog", "/": "project club", "/loose": "container loose",
	} {
		found := Claims("mine", map[string]map[string]string{"web": {label.Path: path}}, held)
		if (want == "") != (len(found) == 0) || want != "" && !strings.Contains(found[0].Text, want) {
			t.Errorf("%s: %v, want %q", path, found, want)
		}
	}
	for place, want := range map[string]string{
		// A host's routes come before those of any host, however deep these are.
		"example.org/": "/, which is project club, and of 2 more", "shop.example.org/": "project club, and of 3 more",
		"example.org/blog": "/blog, which is project blog (", "example.org/blog/new": "project blog", "example.org/new": "",
		"example.org/mine": "", "shop.example.org/new": "",
	} {
		k := key(place)
		found := Claims("mine", map[string]map[string]string{"web": {label.Path: k.Prefix.String(), label.Host: k.Host}}, held)
		if (want == "") != (len(found) == 0) || want != "" && (len(found) != 1 || !strings.Contains(found[0].String(), want)) {
			t.Errorf("%s: %v, want %q", place, found, want)
		}
	}
	// Also where nobody has /.
	if found := Claims("mine", map[string]map[string]string{"web": {label.Path: "/", label.Host: "example.org"}}, held[1:2]); len(found) != 1 {
		t.Errorf("the front of a host: %v", found)
	}
	if found := Claims("mine", map[string]map[string]string{"web": {label.Path: "/blog/new"}}, held, key("/blog/new")); len(found) != 0 {
		t.Errorf("what was chosen for the project: %v", found)
	}
}

// TestClaimedLabel_JudgesEveryLabelOfTheGateway makes whoever adds a label decide whether strangers may set it.
func TestClaimedLabel_JudgesEveryLabelOfTheGateway(t *testing.T) {
	harmless := []string{
		label.Path, label.Host, label.Port, label.Scheme, label.Mount, label.Network, label.Owner, label.Expires, label.Idle, label.Balance, label.Drain,
		label.Rate, label.BodyMax, label.HealthPath, label.HealthInterval, label.HealthTimeout, label.HealthRise, label.HealthFall, label.HealthStart, label.Redirect,
		label.ResponseHeader + "NAME", label.Compress, label.TLSRedirect,
		label.Routes + "ROUTE.NAME",
	}
	for _, f := range label.Reference() {
		if claimed := ClaimedLabel(f.Name, "x") != ""; claimed == slices.Contains(harmless, f.Name) {
			t.Errorf("label %s: claimed %v; add it to the list here when it is harmless, to ClaimedLabel when not", f.Name, claimed)
		}
	}
}

func TestClaimedLabel_JudgesFurtherRoutesAlike(t *testing.T) {
	for _, key := range []string{label.Origin, "gateway.routes.api.headers.origin", "Gateway.Routes.api.headers.origin", "gateway.routes.api.isolation", "gateway.routes.api.tls.client"} {
		if ClaimedLabel(key, "keep") == "" {
			t.Errorf("%s: keep is not claimed", key)
		}
	}
	for _, key := range []string{label.Origin, "gateway.routes.api.headers.origin"} {
		if why := ClaimedLabel(key, "drop"); why != "" {
			t.Errorf("%s: drop: %s", key, why)
		}
	}
	if why := ClaimedLabel("gateway.routes.api.path", "/api"); why != "" {
		t.Errorf("the path of a further route: %s", why)
	}
}

func TestRules_AreDocumentedWhole(t *testing.T) {
	seen := map[Rule]bool{}
	for _, d := range Rules() {
		if d.Name == "" || d.Refuses == "" || d.Why == "" || d.Fix == "" || seen[d.Name] || strings.ContainsAny(d.Refuses+d.Why+d.Fix, "|\n") {
			t.Errorf("%+v is not told whole", d)
		}
		seen[d.Name] = true
	}
}

func TestParseSize_ReadsWhatDockerTakes(t *testing.T) {
	for text, want := range map[string]int64{"512m": 512 << 20, "1.5g": 3 << 29, "64MiB": 64 << 20, "10kb": 10 << 10, "1048576": 1 << 20, " 2 GB ": 2 << 30, "-1": -1} {
		if got, ok := parseSize(text); !ok || got != want {
			t.Errorf("%q: %d %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "m", "1x", "1mm", "nan", "inf", "1e300g"} {
		if got, ok := parseSize(text); ok {
			t.Errorf("%q is %d", text, got)
		}
	}
}
