package compose

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"gateway/projects/importer"
)

// foreign are folders as people have them for Compose.
var foreign = map[string]map[string]string{
	"variables of .env everywhere": {
		"compose.yaml": "services:\n  web:\n    image: shop-web:${TAG}\n    env_file: app.env\n    environment: [TOKEN, 'MADE=${TOKEN}-${NONE:-b}', UNSET]\n    build: {context: ., args: [TOKEN]}\n",
		".env":         "TAG=2\nTOKEN=secret\nBASE=https://example.org\nQUOTED='a $b'\nexport EXPORTED=\"x\\ny\" # why\n",
		"app.env":      "LINK=${BASE}/x\nSECOND=${LINK}/y\nDOLLAR=$$5\nELSE=${NONE:-${TOKEN}}\nLONG=\"one\ntwo\"\n",
	},
	"env files in their order": {
		"compose.yaml": "services:\n  web:\n    image: x\n    env_file: [a.env, {path: b.env}, {path: none.env, required: false}, {path: c.env, format: raw}]\n    environment: {B: said, FROM: ''}\n",
		"a.env":        "A=1\nB=1\nC=1\n", "b.env": "C=${A}2\nD=${B}\nE=${FROM}-\n", "c.env": "RAW='kept' $as # it is\nD=raw\nA\n",
	},
	"PWD is the folder": {
		"compose.yaml":  "services:\n  web: {image: x, environment: {WHERE: $PWD}, volumes: ['${PWD}/conf/app.conf:/app.conf:ro', '$PWD/data:/data']}\n",
		"conf/app.conf": "x",
	},
	"include for a folder": {
		"compose.yaml":       "include:\n  - path: infra/compose.yaml\n    project_directory: infra\n    env_file: [infra/a.env, infra/b.env]\nservices:\n  web: {image: x, depends_on: [cache]}\n",
		"infra/compose.yaml": "services:\n  cache: {image: 'shop-cache:${KIND}-${TOP}', env_file: c.env, build: ., volumes: ['./data:/data']}\n",
		"infra/a.env":        "KIND=one\n", "infra/b.env": "KIND=${KIND}two\nTOP=b\n", "infra/c.env": "C=1\n", ".env": "TOP=above\n",
	},
	"include in short and list form": {
		"compose.yaml":     "include:\n  - one/compose.yaml\n  - path: [two.yaml, two.override.yaml]\nservices:\n  web: {image: x}\n",
		"one/compose.yaml": "include: [three/compose.yaml]\nservices: {one: {image: 'x:${ONE}', volumes: ['./d:/d']}}\n", "one/.env": "ONE=1\n",
		"one/three/compose.yaml": "services: {three: {image: x, env_file: t.env}}\n", "one/three/t.env": "T=3\n",
		"two.yaml": "services: {two: {image: x, command: a}}\n", "two.override.yaml": "services: {two: {command: b}}\n",
	},
	"paths with dollars": {
		"compose.yaml": "include: ['a$$b.yaml']\nservices:\n  web: {extends: {file: 'c$$.yaml', service: web}, env_file: 'd$$.env'}\n",
		"a$b.yaml":     "services: {side: {image: x}}\n", "c$.yaml": "services: {web: {image: x, command: a}}\n", "d$.env": "D=1\n",
	},
	"extends of a file": {
		"compose.yaml":   "services:\n  web: {extends: {file: base/base.yaml, service: app}, environment: {B: 2}}\n",
		"base/base.yaml": "services:\n  app: {extends: {service: common}, image: x, env_file: base.env}\n  common: {environment: {A: '${A}'}, volumes: ['./d:/d']}\n",
		"base/base.env":  "FROM_BASE=1\n", ".env": "A=1\n",
	},
	"the default network beside another": {
		"compose.yaml": "services:\n  web: {image: x, networks: [default, front]}\n  db: {image: x}\n  side: {image: x, network_mode: 'service:db'}\nnetworks: {front: {}}\n",
	},
	"the default network that one service says": {
		"compose.yaml": "services:\n  web: {image: x, networks: {default: {aliases: [site]}, back: }}\n  db: {image: x, networks: [back]}\nnetworks: {back: {internal: true}}\n",
	},
	"profiles of .env": {
		"compose.yaml": "services:\n  web: {image: x}\n  debug: {image: x, profiles: [debug]}\n  other: {image: x, profiles: [other]}\n", ".env": "COMPOSE_PROFILES=debug\n",
	},
	"COMPOSE_FILE of .env": {
		"compose.yaml": "services: {web: {image: none}}\n", "one.yaml": "services: {web: {image: x, command: a}}\n", "more/two.yaml": "services: {web: {command: b, volumes: ['./d:/d']}}\n",
		".env": "COMPOSE_FILE=one.yaml:more/two.yaml\n",
	},
	"names": {
		"compose.yaml": "name: mine\nservices:\n  web: {image: 'x:${COMPOSE_PROJECT_NAME}', volumes: ['data:/data', '/anonymous']}\nvolumes: {data: }\n",
	},
	"old files": {
		"docker-compose.yml": "version: '2.4'\nx-common: &c {image: x, init: yes, environment: {A: 'yes', B: 1.50, C: 0x1F, D: true}}\nservices:\n  web:\n    <<: *c\n    links: ['db:database']\n    volumes_from: ['db:ro']\n  db: {<<: *c, environment: &e {E: ~}}\n",
	},
	"Windows": {
		"docker-compose.yml": "\ufeffservices:\r\n  web:\r\n    image: x\r\n    env_file:\r\n      - a.env\r\n    environment:\r\n      A: ${A}\r\n      Q: ${Q}\r\n",
		".env":               "\ufeffA=b c\r\nQ=\"d\"\r\n", "a.env": "\ufeffX=y\r\nZ=${A}\r\n",
	},
	"dollars": {
		"compose.yaml": "services:\n  web:\n    image: x\n    command: 'sh -c \"echo $$HOME $${A} $$$$ ${A:-$$x} ${B-${A:-c}} ${A:+d}\"'\n    environment: {SCRIPT: '" + strings.Repeat("$${NAME} ", 40) + strings.Repeat("${A} ", 40) + "'}\n",
		".env":         "A='$'\n",
	},
	"secrets and configs": {
		"compose.yaml": "services:\n  web: {image: x, secrets: [a, {source: b, target: /b}], configs: [{source: c, target: /c}, d]}\nsecrets: {a: {file: ./a.txt}, b: {environment: B}}\nconfigs: {c: {content: \"x${B}\"}, d: {file: a.txt}}\n",
		".env":         "B=secret\n", "a.txt": "a",
	},
	"new keys": {
		"compose.yaml": "services:\n  web:\n    image: x\n    platform: linux/amd64\n    pull_policy: if_not_present\n    post_start: [{command: [a], user: root}]\n    pre_stop: [{command: b}]\n    develop: {watch: [{action: sync, path: ./src, target: /src}]}\n    deploy: {replicas: 2, resources: {limits: {memory: 100M}}}\n    stop_grace_period: 1m30s\n    healthcheck: {test: curl -f localhost, interval: 90s}\n    attach: false\n    ulimits: {nofile: {soft: 10, hard: 20}}\n    tmpfs: /tmp\n    expose: ['3000-3002', 53/udp]\n",
	},
	"builds": {
		"compose.yaml": "services:\n  web: {build: ./web}\n  api: {build: {context: web, dockerfile: ../Dockerfile.api, target: dev, args: {A: '${A}', B: }}}\n  job: {build: {dockerfile_inline: \"FROM x\\nRUN y $${Z}\\n\"}}\n",
		".env":         "A=1\nB=2\n", "web/Dockerfile": "FROM x\n", "Dockerfile.api": "FROM x AS dev\n",
	},
	"an override that takes away": {
		"compose.yaml":          "services:\n  web: {image: x, ports: ['80:80'], environment: {A: 1, B: 2}, command: a}\n",
		"compose.override.yaml": "services:\n  web: {ports: !reset [], environment: !override {C: 3}}\n",
	},
}

// TestImported_IsReadAsComposeReadsIt compares with what the docker compose command makes of the folder when it is run
// there, for all that the gateway does not add or leave out itself.
func TestImported_IsReadAsComposeReadsIt(t *testing.T) {
	for name, files := range foreign {
		t.Run(name, func(t *testing.T) {
			dir, _ := imported(t, files, importer.Choice{Service: "web", Port: 80})
			got, _, err := inspect(t.Context(), Subject{Dir: dir, Name: "shop"})
			if err != nil {
				t.Fatal(err)
			}
			source := filepath.Join(dir, importer.Source)
			want, err := cliProject(t, source)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := shownServices(t, got), shownServices(t, want); got != want {
				t.Errorf("got:\n%s\nCompose makes of it:\n%s", got, want)
			}
		})
	}
}

// cliProject reads a folder as the docker compose command does that is run in it with an empty environment.
func cliProject(t *testing.T, dir string) (*types.Project, error) {
	t.Helper()
	// Some of the library's paths are relative to where the process is.
	t.Chdir(dir)
	options, err := cli.NewProjectOptions(nil, cli.WithWorkingDirectory(dir), cli.WithEnv([]string{"PWD=" + dir}), cli.WithEnvFiles(), cli.WithDotEnv,
		cli.WithConfigFileEnv, cli.WithDefaultConfigPath, cli.WithEnvFiles(), cli.WithDotEnv, cli.WithDefaultProfiles(), cli.WithName("shop"), cli.WithDiscardEnvFile)
	if err != nil {
		return nil, err
	}
	return options.LoadProject(t.Context())
}

// shownServices are the services of a project without what the gateway adds and leaves out.
func shownServices(t *testing.T, p *types.Project) string {
	t.Helper()
	all := map[string]types.ServiceConfig{}
	for name, s := range p.AllServices() {
		for key, endpoint := range s.Networks {
			// One that is alone needs no network but the edge network.
			if key == "web" || key == "default" && len(p.AllServices()) == 1 {
				delete(s.Networks, key)
			} else if endpoint == nil {
				s.Networks[key] = &types.ServiceNetworkConfig{}
			}
		}
		if len(s.Networks) == 0 {
			s.Networks = nil
		}
		s.Labels, s.CustomLabels, s.Ports, s.ContainerName, s.Restart = nil, nil, nil, "", ""
		s.MemLimit, s.CPUS, s.PidsLimit, s.SecurityOpt, s.CapDrop, s.Logging = 0, 0, 0, nil, nil, nil
		if s.Deploy != nil {
			s.Deploy.Resources.Limits = nil
		}
		all[name] = s
	}
	text, err := yaml.Marshal(map[string]any{"services": all, "volumes": p.Volumes, "secrets": p.Secrets, "configs": p.Configs})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
