package browser_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The lane runs on the Docker engine that testdata/engine.sh starts. It is on by GATEWAY_E2E=1; then a missing engine or
// browser, or a gateway that is already running, is a failure.
// With GATEWAY_SCREENSHOTS set to a folder, what the tests looked at is written there.

const (
	// base is where the lane's gateway is published.
	base = "http://127.0.0.1:18090"
	port = "18090"
	// club is the name that the lane's gateway has a certificate of its own authority for.
	club       = "club.lan"
	securePort = "18493"
	secureBase = "https://" + club + ":" + securePort
	plainClub  = "http://" + club + ":" + port
	// root is the product's module.
	root = "../.."
	// appImage runs testdata/app; checkedImage is the same under a health check that passes when something answers on
	// port 9000, which nothing does until a test starts it.
	appImage     = "gateway-browser-app:latest"
	checkedImage = "gateway-browser-checked:latest"
	// patience bounds every wait for something that must come true: twice what the slowest page waits before it reloads.
	patience = 60 * time.Second
)

// lane is what all tests share.
var lane struct{ binary, projects, home string }

func TestMain(m *testing.M) {
	if browser := os.Getenv(shielded); browser != "" {
		fmt.Fprintln(os.Stderr, "browser:", shield(browser)) // it returns only when it failed
		os.Exit(1)
	}
	if os.Getenv("GATEWAY_E2E") != "1" {
		fmt.Fprintln(os.Stderr, "browser: off, no test was run; GATEWAY_E2E=1 turns the lane on")
		return
	}
	os.Exit(runLane(m))
}

func runLane(m *testing.M) int {
	found, err := exec.Command("docker", "ps", "-aq", "--filter", "name=^gateway-(proxy|agent)$").CombinedOutput()
	if err != nil || len(found) > 0 {
		fmt.Fprintf(os.Stderr, "browser: the engine must run and have no gateway; run the lane by testdata/engine.sh: %s %v\n", found, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "gateway-browser-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	lane.binary = filepath.Join(dir, "gateway")
	lane.projects = filepath.Join(dir, "projects")
	if err := errors.Join(build(lane.binary, "./cmd/gateway"), build(filepath.Join(dir, "app"), "./testdata/app")); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		return 1
	}
	code := 1
	if err := setUp(dir); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
	} else {
		code = m.Run()
	}
	if err := tearDown(); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		code = 1
	}
	return code
}

func setUp(dir string) error {
	if err := pack(dir, appImage); err != nil {
		return err
	}
	const check = `HEALTHCHECK --interval=1s --start-period=10m CMD ["/app", "probe", "http://127.0.0.1:9000/"]`
	if err := pack(dir, checkedImage, check); err != nil {
		return err
	}
	if _, stderr, err := gateway("up", "--http", port, "--https", securePort, "--bind", "127.0.0.1", "--domain", club, "--internal-ca", "--http3", "--serve-root"); err != nil {
		return fmt.Errorf("gateway up: %w: %s", err, stderr)
	}
	return trustRoot(filepath.Join(dir, "home"))
}

// build compiles a command of the product's module.
func build(to, from string) error {
	c := exec.Command("go", "build", "-C", root, "-buildvcs=false", "-trimpath", "-o", to, from)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w: %s", from, err, out)
	}
	return nil
}

// pack makes an image of the test app that lies in dir.
func pack(dir, tag string, changes ...string) error {
	args := []string{"import"}
	for _, c := range append([]string{`ENTRYPOINT ["/app"]`, "EXPOSE 8000", "ENV PORT=8000"}, changes...) {
		args = append(args, "--change", c)
	}
	load := exec.Command("docker", append(args, "-", tag)...)
	archive, err := exec.Command("tar", "-C", dir, "-c", "app").Output()
	if err != nil {
		return fmt.Errorf("packing the test app: %w", err)
	}
	load.Stdin = bytes.NewReader(archive)
	if out, err := load.CombinedOutput(); err != nil {
		return fmt.Errorf("importing %s: %w: %s", tag, err, out)
	}
	return nil
}

func tearDown() error {
	_, stderr, err := gateway("down", "--purge")
	if err != nil {
		err = fmt.Errorf("gateway down: %w: %s", err, stderr)
	}
	out, imageErr := exec.Command("docker", "rmi", "-f", appImage, checkedImage).CombinedOutput()
	if imageErr != nil {
		imageErr = fmt.Errorf("removing the test app's images: %w: %s", imageErr, out)
	}
	return errors.Join(err, imageErr)
}

// gateway runs the binary as an admin would.
func gateway(args ...string) (stdout, stderr string, err error) {
	c := exec.Command(lane.binary, args...)
	c.Env = append(os.Environ(), "GATEWAY_PROJECTS="+lane.projects)
	var out, chatter bytes.Buffer
	c.Stdout, c.Stderr = &out, &chatter
	err = c.Run()
	return out.String(), chatter.String(), err
}

// must runs the binary and fails the test when it fails.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, stderr, err := gateway(args...)
	if err != nil {
		t.Fatalf("gateway %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr)
	}
	return out
}

// need fails the test when the engine lacks an image of a template, which a machine without a registry builds itself.
func need(t *testing.T, images ...string) {
	t.Helper()
	for _, image := range images {
		if err := exec.Command("docker", "image", "inspect", image).Run(); err != nil {
			t.Fatalf("the engine has no image %s; build it with: testdata/images/build.sh", image)
		}
	}
}

// add makes a portfolio that goes when the test ends.
func add(t *testing.T, name, path string, args ...string) {
	t.Helper()
	t.Cleanup(func() { _, _, _ = gateway("rm", name, "--yes") })
	must(t, append([]string{"add", "portfolio", name, "--path", path}, args...)...)
}

// docker runs the Docker client and fails the test when it fails.
func docker(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("docker", args...).CombinedOutput(); err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// run starts a container at a path, named after it, that goes when the test ends.
func run(t *testing.T, image, name string, args ...string) {
	t.Helper()
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", "-v", name).Run() })
	all := append([]string{"run", "-d", "--name", name, "--label", "gateway.path=/" + name, "--env", "NAME=" + name}, args...)
	docker(t, append(all, image)...)
}
