package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/client"
)

// ResolveHost finds the engine that the docker command would use: DOCKER_HOST, else the context named by DOCKER_CONTEXT,
// else the current context of the configuration in DOCKER_CONFIG or home/.docker, else the platform's default. The
// address has the certificates that DOCKER_CERT_PATH and DOCKER_TLS_VERIFY or the context name, in the form that New
// takes.
func ResolveHost(getenv func(string) string, home string) (string, error) {
	dir := getenv("DOCKER_CONFIG")
	if dir == "" {
		dir = filepath.Join(home, ".docker")
	}
	if host := strings.TrimSpace(getenv("DOCKER_HOST")); host != "" {
		return environmentHost(host, getenv, dir), nil
	}
	name, from := getenv("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
	if name == "" {
		from = filepath.Join(dir, "config.json")
		var err error
		if name, err = currentContext(from); err != nil {
			return "", err
		}
	}
	if name == "" || name == "default" {
		return client.DefaultDockerHost, nil
	}
	host, err := contextHost(dir, name)
	if err != nil {
		return "", fmt.Errorf("docker context %q (from %s): %w", name, from, err)
	}
	return host, nil
}

// environmentHost completes DOCKER_HOST as the docker command does: tcp when it has no scheme, with the certificates of
// the environment.
func environmentHost(host string, getenv func(string) string, dir string) string {
	if !strings.Contains(host, "://") {
		host = "tcp://" + host
	}
	certs, verify := getenv("DOCKER_CERT_PATH"), getenv("DOCKER_TLS_VERIFY") != ""
	if certs == "" && verify {
		certs = dir
	}
	return withCerts(host, certs, verify)
}

// withCerts adds a folder of certificates to a tcp address that has none.
func withCerts(host, certs string, verify bool) string {
	if certs == "" || !strings.HasPrefix(host, "tcp://") || strings.Contains(host, "?") {
		return host
	}
	options := url.Values{"certs": {certs}}
	if !verify {
		options.Set("verify", "no")
	}
	return host + "?" + options.Encode()
}

// currentContext reads the docker command's configuration, which may be missing.
func currentContext(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the docker configuration: %w", err)
	}
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		return "", fmt.Errorf("reading the docker configuration %s: %w", file, err)
	}
	return config.CurrentContext, nil
}

// contextHost reads a context of the docker command.
func contextHost(dir, name string) (string, error) {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	raw, err := os.ReadFile(filepath.Join(dir, "contexts", "meta", id, "meta.json"))
	if errors.Is(err, os.ErrNotExist) {
		return "", errors.New("there is no such context: see 'docker context ls'")
	}
	if err != nil {
		return "", err
	}
	host, skip, err := parseContext(raw)
	if err != nil {
		return "", err
	}
	certs := filepath.Join(dir, "contexts", "tls", id, "docker")
	if _, err := os.Stat(certs); err != nil {
		if !skip {
			return host, nil
		}
		certs = filepath.Join(dir, "none")
	}
	return withCerts(host, certs, !skip), nil
}

// parseContext reads the engine's address from a context's meta.json, and whether its certificate goes unchecked.
func parseContext(raw []byte) (host string, skipVerify bool, err error) {
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	if err := json.Unmarshal(raw, &meta); err != nil {
		return "", false, fmt.Errorf("reading its meta.json: %w", err)
	}
	engine := meta.Endpoints["docker"]
	if engine.Host == "" {
		return client.DefaultDockerHost, false, nil
	}
	if !strings.Contains(engine.Host, "://") {
		return "", false, fmt.Errorf("its engine address %q has no scheme such as tcp://", engine.Host)
	}
	return engine.Host, engine.SkipTLSVerify, nil
}
