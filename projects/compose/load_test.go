package compose

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"gateway/projects/importer"
	"gateway/projects/policy"
	"gateway/templates"
)

func TestInspect_LeavesTheEnvironmentOfTheProcessAlone(t *testing.T) {
	t.Setenv("AWS_SECRET", "hunter2")
	t.Setenv("COMPOSE_PROFILES", "debug")
	dir := write(t, `
services:
  web:
    image: x:${TAG}
    environment: [AWS_SECRET, "COPY=${AWS_SECRET:-none}", "HERE=${PWD}", "NAME=${COMPOSE_PROJECT_NAME}"]
    env_file: web.env
    secrets: [s]
  debug: {image: x, profiles: [debug]}
secrets:
  s: {environment: AWS_SECRET}
`)
	for name, text := range map[string]string{".env": "TAG=2\n", "web.env": "FROM_FILE=${AWS_SECRET:-nothing}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	project, _, err := inspect(t.Context(), Subject{Dir: dir, Name: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	web := project.Services["web"]
	for name, want := range map[string]string{"COPY": "none", "HERE": dir, "NAME": "mine", "FROM_FILE": "nothing"} {
		if got := web.Environment[name]; got == nil || *got != want {
			t.Errorf("%s is %v, want %s", name, got, want)
		}
	}
	if got := web.Environment["AWS_SECRET"]; got != nil || web.Image != "x:2" || project.Secrets["s"].Content != "" {
		t.Errorf("AWS_SECRET %v, image %s, secret %q", got, web.Image, project.Secrets["s"].Content)
	}
	if _, on := project.Services["debug"]; on {
		t.Error("a profile of the process is on")
	}
}

func TestInspect_AddsLimitsOnlyWhereNoneAreSaid(t *testing.T) {
	dir := write(t, `
services:
  bare: {image: x}
  deploy: {image: x, deploy: {resources: {limits: {memory: 64m, cpus: "0.5", pids: 20}}}, logging: {driver: local}}
  logs: {image: x, mem_limit: 1g, cpu_quota: 50000, pids_limit: 10, security_opt: ["no-new-privileges:true"], logging: {options: {max-size: 1m, compress: "true"}}}
`)
	project, seen, err := inspect(t.Context(), Subject{Dir: dir, Name: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	bare, deploy, logs := project.Services["bare"], project.Services["deploy"], project.Services["logs"]
	if bare.MemLimit != 512<<20 || bare.CPUS != 1 || bare.PidsLimit != 256 || !slices.Equal(bare.SecurityOpt, []string{"no-new-privileges:true"}) ||
		!reflect.DeepEqual(bare.Logging, &types.LoggingConfig{Driver: "json-file", Options: types.Options{"max-size": "10m", "max-file": "3"}}) {
		t.Errorf("bare: %+v %+v", bare, bare.Logging)
	}
	if deploy.MemLimit != 0 || deploy.CPUS != 0 || deploy.PidsLimit != 0 || deploy.Logging.Driver != "local" || len(deploy.Logging.Options) != 0 {
		t.Errorf("deploy: %+v %+v", deploy, deploy.Logging)
	}
	if logs.MemLimit != 1<<30 || logs.CPUS != 0 || logs.PidsLimit != 10 || len(logs.SecurityOpt) != 1 ||
		!reflect.DeepEqual(logs.Logging.Options, types.Options{"max-size": "1m", "max-file": "3", "compress": "true"}) {
		t.Errorf("logs: %+v %+v", logs, logs.Logging)
	}
	want := []string{
		"service bare says nothing of these and gets them: mem_limit 512m, cpus 1, pids_limit 256, no-new-privileges, cap_drop AUDIT_WRITE, MKNOD, NET_RAW, SETFCAP, log max-size 10m, log max-file 3",
		"service deploy says nothing of these and gets them: no-new-privileges, cap_drop AUDIT_WRITE, MKNOD, NET_RAW, SETFCAP",
		"service logs says nothing of these and gets them: cap_drop AUDIT_WRITE, MKNOD, NET_RAW, SETFCAP, log max-file 3",
	}
	if !slices.Equal(seen.Notes(), want) {
		t.Errorf("notes %q", seen.Notes())
	}
}

// TestMissing_FitsWhatTheServiceSays has the defaults beside all that the engine or Compose compares them with.
func TestMissing_FitsWhatTheServiceSays(t *testing.T) {
	usual := importer.Missing{
		Memory: 512 << 20, CPUs: 1, Pids: 256, NoNewPrivileges: true, CapDrop: "AUDIT_WRITE, MKNOD, NET_RAW, SETFCAP", LogSize: "10m", LogFiles: "3",
	}
	with := func(change func(m *importer.Missing)) importer.Missing {
		m := usual
		change(&m)
		return m
	}
	memory := func(mib int64) importer.Missing {
		return with(func(m *importer.Missing) { m.Memory = mib << 20 })
	}
	for text, want := range map[string]importer.Missing{
		"":                      usual,
		"mem_reservation: 768m": memory(768),
		"mem_reservation: 64m":  memory(512),
		"deploy: {resources: {reservations: {memory: 1g}}}":               memory(1024),
		"deploy: {resources: {reservations: {cpus: '1.5'}}}":              with(func(m *importer.Missing) { m.CPUs = 1.5 }),
		"memswap_limit: 256m":                                             memory(256),
		"memswap_limit: 4g":                                               memory(512),
		"shm_size: 1g":                                                    memory(1536),
		"tmpfs: ['/a:size=64m', /b]":                                      memory(576),
		"volumes: [{type: tmpfs, target: /a, tmpfs: {size: 128m}}]":       memory(640),
		"tmpfs: ['/a:size=2g']":                                           memory(2048),
		"cpu_period: 50000":                                               with(func(m *importer.Missing) { m.CPUs, m.CPUQuota = 0, 50000 }),
		"cpu_quota: 50000":                                                with(func(m *importer.Missing) { m.CPUs = 0 }),
		"deploy: {resources: {limits: {memory: 1g}}}":                     with(func(m *importer.Missing) { m.Memory, m.Deploy = 0, true }),
		"deploy: {resources: {limits: {pids: 9, cpus: '1'}}}":             with(func(m *importer.Missing) { m.CPUs, m.Pids, m.Deploy = 0, 0, true }),
		"deploy: {resources: {limits: {memory: 1g, pids: 9, cpus: '1'}}}": with(func(m *importer.Missing) { m.Memory, m.CPUs, m.Pids = 0, 0, 0 }),
		"cap_drop: [net_raw, CAP_MKNOD]":                                  with(func(m *importer.Missing) { m.CapDrop = "AUDIT_WRITE, SETFCAP" }),
		"cap_drop: [ALL]":                                                 with(func(m *importer.Missing) { m.CapDrop = "" }),
		"cap_add: [AUDIT_WRITE, CAP_NET_RAW]":                             with(func(m *importer.Missing) { m.CapDrop = "MKNOD, SETFCAP" }),
		"privileged: true":                                                with(func(m *importer.Missing) { m.CapDrop = "" }),
		"logging: {options: {max-size: 60m}}":                             with(func(m *importer.Missing) { m.LogSize, m.LogFiles = "", "1" }),
		"logging: {options: {max-size: 40m}}":                             with(func(m *importer.Missing) { m.LogSize, m.LogFiles = "", "2" }),
		"logging: {options: {max-file: '20'}}":                            with(func(m *importer.Missing) { m.LogSize, m.LogFiles = "5m", "" }),
		"logging: {driver: none}":                                         with(func(m *importer.Missing) { m.LogSize, m.LogFiles = "", "" }),
	} {
		dir := write(t, "services: {a: {image: x}}")
		if text != "" {
			dir = write(t, "services:\n  a:\n    image: x\n    "+text)
		}
		outline, err := Outline(t.Context(), dir, "mine", []string{"compose.yaml"})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := outline.Services[0].Missing; got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
		// With the override Compose still reads the files, and nothing is left to add.
		override := outline.Override(importer.Terms{Choice: importer.Choice{Service: "a", Port: 80}, Project: templates.Project{Subnet: "10.213.0.0/27"}})
		if err := os.WriteFile(filepath.Join(dir, importer.Override), override, 0o600); err != nil {
			t.Fatal(err)
		}
		text := "include:\n  - path: [source.yaml, " + importer.Override + "]\n"
		if err := errors.Join(os.Rename(filepath.Join(dir, "compose.yaml"), filepath.Join(dir, "source.yaml")),
			os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		_, seen, err := inspect(t.Context(), Subject{Dir: dir, Name: "mine", Trust: policy.Trust{policy.Privileged, policy.Capabilities}})
		if err != nil || len(seen.Added) > 0 {
			t.Errorf("%s: with the override %v %v\n%s", text, err, seen.Added, override)
		}
	}
}

func TestInspect_HasNothingToAddToTheTemplates(t *testing.T) {
	all, err := templates.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, template := range all {
		files, err := template.Render(templates.Project{
			Name: "mine", Path: "/mine", Owner: "owner@example.org", Created: "2026-11-20", Expires: "2027-06-30",
			Subnet: "10.213.0.32/27", Backend: "10.213.0.64/27",
		}, nil)
		if err != nil {
			t.Logf("%s: %v", template.Name, err)
			continue
		}
		dir := t.TempDir()
		for name, text := range files {
			put(t, filepath.Join(dir, filepath.FromSlash(name)), func(p string) error { return os.WriteFile(p, text, 0o600) })
		}
		_, seen, err := inspect(t.Context(), Subject{Dir: dir, Name: "mine"})
		if err != nil || len(seen.Notes()) > 0 {
			t.Errorf("%s: %v %q", template.Name, err, seen.Notes())
		}
	}
}

func TestInspect_HonoursTrustOfTheProjectsOwnFileAlone(t *testing.T) {
	const text = "x-gateway: {trust: [ports]}\nservices: {web: {image: x, ports: ['80:80']}}\n"
	dir := write(t, text)
	_, seen, err := inspect(t.Context(), Subject{Dir: dir, Name: "mine"})
	if err != nil || !seen.Trust.Has(policy.Ports) || len(seen.Allowed) != 1 || !strings.HasPrefix(seen.Notes()[0], "trusted by rule ports: services.web.ports: ") {
		t.Errorf("its own: %v %+v", err, seen)
	}
	plain := write(t, strings.SplitAfterN(text, "\n", 2)[1])
	if _, _, err = inspect(t.Context(), Subject{Dir: plain, Name: "mine"}); err == nil {
		t.Error("nobody trusted it")
	}
	if _, seen, err = inspect(t.Context(), Subject{Dir: plain, Name: "mine", Trust: policy.Trust{policy.Ports}}); err != nil {
		t.Errorf("trust that is given: %v %+v", err, seen)
	}
}

func TestInspect_SurvivesWhatTheLibraryDoesNot(t *testing.T) {
	for name, text := range map[string]string{
		"a file that is a number": "services: {web: {extends: {file: 3, service: x}}}\n",
		"services as a list":      "services: [a]\n",
		"a service as a word":     "services: {web: x}\n",
		"volumes as words":        "services: {web: {image: x}}\nvolumes: {a: b}\n",
		"options as words":        "services: {web: {image: x}}\nvolumes: {a: {driver_opts: b}}\n",
		"a list of nothing":       "services: {web: {image: x, volumes: [null, ~]}}\n",
		"nothing at all":          "",
		"a word":                  "hello\n",
		"a list":                  "- a\n- b\n",
		"an extends circle":       "services:\n  a: {extends: b}\n  b: {extends: a}\n",
	} {
		if _, _, err := inspect(t.Context(), Subject{Dir: write(t, text), Name: "mine"}); err == nil {
			t.Errorf("%s: it passed", name)
		}
	}
}

func TestResolved_KnowsEveryFieldOfAService(t *testing.T) {
	for field := range reflect.TypeFor[types.ServiceConfig]().Fields() {
		name := field.Name
		_, refused := empty[name]
		if n := count(slices.Contains(harmless, name), refused, examined[name] != nil); n != 1 {
			t.Errorf("field %s is in %d of the three lists; decide what becomes of it", name, n)
		}
	}
	r := &resolved{project: &types.Project{}}
	r.service("web", types.ServiceConfig{Privileged: true, Gpus: []types.DeviceRequest{{Count: -1}}})
	if len(r.findings) != 2 {
		t.Errorf("found %+v", r.findings)
	}
}

func count(all ...bool) (n int) {
	for _, one := range all {
		if one {
			n++
		}
	}
	return n
}

func TestInspect_ReadsFilesThatWereKept(t *testing.T) {
	cases := maps.Clone(foreign)
	cases["an imported project"] = map[string]string{
		"compose.yaml":        "include:\n  - path: [source/compose.yaml, " + importer.Override + "]\n    project_directory: source\n",
		"source/compose.yaml": "services: {web: {image: 'x:${TAG}'}}\n", "source/.env": "TAG=3\n",
		importer.Override: "services: {web: {labels: {gateway.path: /shop}}}\n",
	}
	for name, files := range cases {
		if files["compose.yaml"] == "" {
			continue // Projects have that name.
		}
		trust := policy.Trust{policy.Ports, policy.ImageName}
		t.Run(name, func(t *testing.T) {
			dir, kept := t.TempDir(), t.TempDir()
			put := func(dir, name, text string) {
				t.Helper()
				path := filepath.Join(dir, filepath.FromSlash(name))
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			for name, text := range files {
				put(dir, name, text)
			}
			before, seen, err := inspect(t.Context(), Subject{Dir: dir, Name: "shop", Trust: trust})
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range seen.Texts {
				if string(text) != files[name] {
					t.Errorf("%s is %q", name, text)
				}
				put(kept, name, string(text))
				put(dir, name, "services: {broken: }\n")
			}
			put(dir, ".env", "TAG=another\nTOP=another\nTOKEN=another\n")
			after, seen, err := inspect(t.Context(), Subject{Dir: dir, Name: "shop", Trust: trust, Kept: kept})
			if err != nil || seen.Texts["compose.yaml"] == nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(before.Services, after.Services) {
				t.Errorf("from what was kept it is\n%+v\nand it was\n%+v", after.Services, before.Services)
			}
		})
	}
}
