package stack

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/docker/dockertest"
)

func connect(t *testing.T) (*dockertest.Engine, *docker.Client) {
	t.Helper()
	engine := dockertest.Start(t)
	client, err := docker.New(engine.Host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return engine, client
}

// actions carries out Up and returns what it did.
func actions(t *testing.T, client *docker.Client, s Settings, image string) []string {
	t.Helper()
	steps, err := Up(t.Context(), client, Options{Settings: s, Image: image})
	if err != nil {
		t.Fatal(err)
	}
	var did []string
	for _, s := range steps {
		did = append(did, s.Action+" "+s.Subject)
	}
	return did
}

func TestUp_UpgradesUnderTheProjectsAndDownLeavesNothing(t *testing.T) {
	engine, client := connect(t)
	engine.AddImage("gateway:old")
	engine.AddImage("gateway:new")
	engine.AddNetwork(dockertest.Network{Name: "blog_web"})
	if did := actions(t, client, Default(), "gateway:old"); len(did) != 3 {
		t.Fatalf("the first up did %q", did)
	}
	engine.Connect("blog_web", Proxy)
	if did := actions(t, client, Default(), "gateway:new"); !slices.Equal(did, []string{"replace " + Agent, "replace " + Proxy}) {
		t.Errorf("the upgrade did %q", did)
	}
	running, err := Look(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	var on []string
	for _, n := range running.Proxy.Networks {
		on = append(on, n.Network)
	}
	if !slices.Equal(on, []string{Network, "blog_web"}) {
		t.Errorf("after the upgrade the proxy is on %q", on)
	}
	if _, err := client.Images().ID(t.Context(), "gateway:old"); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("the former image was left: %v", err)
	}
	if did := actions(t, client, running.Settings(), "gateway:new"); len(did) > 0 {
		t.Errorf("the next up did %q", did)
	}
	for range 2 {
		if _, err := Down(t.Context(), client, true); err != nil {
			t.Fatal(err)
		}
	}
	if running, err = Look(t.Context(), client); err != nil || running.Proxy != nil || running.Agent != nil || running.Network {
		t.Errorf("down left %+v (%v)", running, err)
	}
}

func TestUp_RestoresTheFormerProxyWhenTheNewOneDoesNotStart(t *testing.T) {
	engine, client := connect(t)
	engine.AddImage("gateway:one")
	actions(t, client, Default(), "gateway:one")
	engine.AddContainer(dockertest.Container{Name: "thief", Publish: map[uint16]uint16{8080: 80}})
	s := Default()
	s.HTTP = 8080
	if _, err := Up(t.Context(), client, Options{Settings: s, Image: "gateway:one"}); !errors.Is(err, docker.ErrPortTaken) {
		t.Fatalf("a taken port: %v", err)
	}
	running, err := Look(t.Context(), client)
	if err != nil || running.Proxy == nil || running.Proxy.State != "running" || running.Settings().HTTP != 80 {
		t.Errorf("after the refusal: %+v (%v)", running.Proxy, err)
	}
	// The agent had its turn already, and goes back to the settings of the proxy that serves.
	if did := actions(t, client, running.Settings(), "gateway:one"); !slices.Equal(did, []string{"replace " + Agent}) {
		t.Errorf("what was restored is not what was there: %q", did)
	}
}

func TestUp_TakesFewerOpenFilesWhereTheEngineHasFewer(t *testing.T) {
	engine, client := connect(t)
	engine.AddImage("gateway:one")
	dockertest.LimitFiles(engine, 4096)
	if did := actions(t, client, Default(), "gateway:one"); len(did) != 3 {
		t.Errorf("it did %q", did)
	}
	running, err := Look(t.Context(), client)
	if err != nil || running.Proxy == nil || running.Proxy.State != "running" {
		t.Fatalf("it left %+v (%v)", running.Proxy, err)
	}
	if did := actions(t, client, running.Settings(), "gateway:one"); len(did) > 0 {
		t.Errorf("the next up did %q", did)
	}
}

func TestUp_GivesTheFormerProxyItsTimeToEnd(t *testing.T) {
	engine, client := connect(t)
	engine.AddImage("gateway:one")
	patient := Default()
	patient.Stop = 2 * time.Minute
	actions(t, client, patient, "gateway:one")
	actions(t, client, Default(), "gateway:one")
	if _, err := Down(t.Context(), client, false); err != nil {
		t.Fatal(err)
	}
	var stops []string
	for _, c := range engine.Calls() {
		if strings.HasSuffix(c.Path, "/stop") {
			stops = append(stops, c.Query)
		}
	}
	// Agent and proxy, first those of the former settings.
	if want := []string{"t=15", "t=120", "t=15", "t=15"}; !slices.Equal(stops, want) {
		t.Errorf("they were stopped with %q, want %q", stops, want)
	}
}

// program writes the shortest ELF file there is, with an interpreter when it is to be dynamic.
func program(t *testing.T, dynamic bool) string {
	t.Helper()
	var b bytes.Buffer
	h := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Ehsize: 64, Phentsize: 56, Shentsize: 64,
	}
	if dynamic {
		h.Phoff, h.Phnum = 64, 1
	}
	for _, part := range []any{h, elf.Prog64{Type: uint32(elf.PT_INTERP)}} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, b.Bytes(), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPack_ImportsABinaryOnce(t *testing.T) {
	engine, client := connect(t)
	path := program(t, false)
	imports := func() (n int) {
		for _, c := range engine.Calls() {
			if strings.HasSuffix(c.Path, "/images/create") {
				n++
			}
		}
		return n
	}
	first, err := Pack(t.Context(), client, path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Pack(t.Context(), client, path)
	if err != nil || second != first || imports() != 1 {
		t.Errorf("packed as %s, then as %s (%v), with %d imports", first, second, err, imports())
	}
}

func TestPack_RefusesWhatWouldNotStart(t *testing.T) {
	_, client := connect(t)
	if _, err := Pack(t.Context(), client, program(t, true)); !errors.Is(err, ErrDynamic) {
		t.Errorf("a dynamic binary: %v", err)
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Pack(t.Context(), client, script); err == nil || !strings.Contains(err.Error(), "--binary") {
		t.Errorf("a script: %v", err)
	}
}

func TestUp_FinishesTheStepInWhichItIsInterrupted(t *testing.T) {
	engine, client := connect(t)
	engine.AddImage("gateway:old")
	engine.AddImage("gateway:new")
	actions(t, client, Default(), "gateway:old")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	interrupt := func(s Step) {
		if s.Subject == Proxy {
			cancel()
		}
	}
	if _, err := Up(ctx, client, Options{Settings: Default(), Image: "gateway:new", Progress: interrupt}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted up: %v", err)
	}
	running, err := Look(t.Context(), client)
	if err != nil || running.Proxy == nil || running.Proxy.State != "running" || running.Proxy.Image != "gateway:new" {
		t.Errorf("it left %+v (%v)", running.Proxy, err)
	}
	if did := actions(t, client, Default(), "gateway:new"); len(did) > 0 {
		t.Errorf("the next up did %q", did)
	}
}

func TestUp_GivesSecretsToTheProxyAlone(t *testing.T) {
	engine, client := connect(t)
	engine.AddImage("gateway:one")
	s := Default()
	s.HTTPS, s.Domains = 443, []string{"*.a.test"}
	give := func(secret string) []Step {
		t.Helper()
		steps, err := Up(t.Context(), client, Options{Settings: s, Image: "gateway:one", Secrets: map[string][]byte{"dns": []byte(secret)}})
		if err != nil {
			t.Fatal(err)
		}
		if got := engine.Files(CertificateVolume)["secrets/dns"]; got != secret {
			t.Errorf("the volume has %q, want %q", got, secret)
		}
		running, err := Look(t.Context(), client)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []*docker.Container{running.Proxy, running.Agent} {
			for name, value := range c.Labels {
				if strings.Contains(value, secret) {
					t.Errorf("the label %s of %s has the secret", name, c.Name)
				}
			}
		}
		return steps
	}
	if steps := give("one-token"); len(steps) != 3 {
		t.Errorf("the first up took %d steps", len(steps))
	}
	if steps := give("one-token"); len(steps) != 0 {
		t.Errorf("the same secret took %d steps", len(steps))
	}
	if steps := give("two-token"); len(steps) != 1 || steps[0].Subject != Proxy || steps[0].Reason != "its credentials changed" {
		t.Errorf("another secret took the steps %+v", steps)
	}
	if _, err := Down(t.Context(), client, true); err != nil {
		t.Fatal(err)
	}
	if got := engine.Files(CertificateVolume)["secrets/dns"]; got != "two-token" {
		t.Errorf("down --purge left %q of the certificates", got)
	}
}
