package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

// dockerHome is a home with a docker configuration whose current context is the given one.
func dockerHome(t *testing.T, current string) string {
	t.Helper()
	home := t.TempDir()
	put := func(text string, path ...string) {
		file := filepath.Join(append([]string{home, ".docker"}, path...)...)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	id := func(name string) string {
		sum := sha256.Sum256([]byte(name))
		return hex.EncodeToString(sum[:])
	}
	put(`{"currentContext":"`+current+`","auths":{}}`, "config.json")
	put(`{"Name":"club","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://admin@club.example.org","SkipTLSVerify":false}}}`, "contexts", "meta", id("club"), "meta.json")
	put(`{"Name":"tls","Endpoints":{"docker":{"Host":"tcp://192.0.2.1:2376"}}}`, "contexts", "meta", id("tls"), "meta.json")
	put("pem", "contexts", "tls", id("tls"), "docker", "ca.pem")
	put(`{"Name":"plain","Endpoints":{"docker":{"Host":"tcp://192.0.2.1:2375"}}}`, "contexts", "meta", id("plain"), "meta.json")
	put(`{"Name":"broken","Endpoints":`, "contexts", "meta", id("broken"), "meta.json")
	put(`{"Name":"bare","Endpoints":{"docker":{"Host":"/var/run/x.sock"}}}`, "contexts", "meta", id("bare"), "meta.json")
	put(`{"Name":"kube","Endpoints":{}}`, "contexts", "meta", id("kube"), "meta.json")
	return home
}

func TestResolveHost_DoesAsTheDockerCommand(t *testing.T) {
	for name, c := range map[string]struct {
		env     map[string]string
		current string
		want    string
	}{
		"nothing":                {nil, "", client.DefaultDockerHost},
		"default context":        {nil, "default", client.DefaultDockerHost},
		"current context":        {nil, "club", "ssh://admin@club.example.org"},
		"DOCKER_CONTEXT":         {map[string]string{"DOCKER_CONTEXT": "club"}, "plain", "ssh://admin@club.example.org"},
		"DOCKER_CONTEXT=default": {map[string]string{"DOCKER_CONTEXT": "default"}, "club", client.DefaultDockerHost},
		"DOCKER_HOST first":      {map[string]string{"DOCKER_HOST": "unix:///x.sock", "DOCKER_CONTEXT": "club"}, "club", "unix:///x.sock"},
		"no scheme":              {map[string]string{"DOCKER_HOST": "192.0.2.1:2375"}, "", "tcp://192.0.2.1:2375"},
		"certificates":           {map[string]string{"DOCKER_HOST": "tcp://h:1", "DOCKER_CERT_PATH": "/c", "DOCKER_TLS_VERIFY": "1"}, "", "tcp://h:1?certs=%2Fc"},
		"unverified":             {map[string]string{"DOCKER_HOST": "tcp://h:1", "DOCKER_CERT_PATH": "/c"}, "", "tcp://h:1?certs=%2Fc&verify=no"},
		"certificates on unix":   {map[string]string{"DOCKER_HOST": "unix:///x.sock", "DOCKER_CERT_PATH": "/c"}, "", "unix:///x.sock"},
		"context without TLS":    {nil, "plain", "tcp://192.0.2.1:2375"},
		"context of no engine":   {nil, "kube", client.DefaultDockerHost},
	} {
		got, err := ResolveHost(func(key string) string { return c.env[key] }, dockerHome(t, c.current))
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v, not %q", name, got, err, c.want)
		}
	}
}

func TestResolveHost_FindsCertificates(t *testing.T) {
	home := dockerHome(t, "tls")
	got, err := ResolveHost(func(string) string { return "" }, home)
	if err != nil || !strings.HasPrefix(got, "tcp://192.0.2.1:2376?certs=") || strings.Contains(got, "verify") {
		t.Errorf("the context with certificates resolves to %q, %v", got, err)
	}
	verify := func(key string) string {
		return map[string]string{"DOCKER_HOST": "tcp://h:1", "DOCKER_TLS_VERIFY": "1", "DOCKER_CONFIG": "/etc/docker-cli"}[key]
	}
	if got, err := ResolveHost(verify, home); err != nil || got != "tcp://h:1?certs=%2Fetc%2Fdocker-cli" {
		t.Errorf("DOCKER_TLS_VERIFY alone resolves to %q, %v", got, err)
	}
}

func TestResolveHost_NamesWhatIsWrong(t *testing.T) {
	for current, says := range map[string]string{"gone": "docker context ls", "broken": "meta.json", "bare": "no scheme"} {
		_, err := ResolveHost(func(string) string { return "" }, dockerHome(t, current))
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), current) || !strings.Contains(err.Error(), "config.json") {
			t.Errorf("%s: %v", current, err)
		}
	}
	home := dockerHome(t, "")
	if err := os.WriteFile(filepath.Join(home, ".docker", "config.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ResolveHost(func(string) string { return "" }, home); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("a broken configuration: %v", err)
	}
}

func FuzzParseContext(f *testing.F) {
	for _, seed := range []string{`{"Endpoints":{"docker":{"Host":"tcp://h:1","SkipTLSVerify":true}}}`, `{}`, `null`, `{"Endpoints":{"docker":{"Host":""}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if host, _, err := parseContext(raw); err == nil && !strings.Contains(host, "://") {
			t.Errorf("%q names the engine %q", raw, host)
		}
	})
}

func TestNew_ChecksTheAddress(t *testing.T) {
	certs := t.TempDir()
	for host, says := range map[string]string{
		"": "write unix://", "docker": "write unix://", "unix://": "write unix://", "http://h": "unknown scheme", "tcp://": "write unix://",
		"tcp://:2375": "HOST:PORT", "tcp://me@h:1": "HOST:PORT", "ssh://u:p@h": "ssh key", "ssh://h?x=y": "ssh://", "ssh://h/a$(b)": "shell",
		"tcp://h:1?certs=" + filepath.Join(certs, "bad"): "ca.pem", "unix:///" + strings.Repeat("x", 200): "too long",
	} {
		if strings.HasSuffix(host, "bad") {
			if err := os.Mkdir(filepath.Join(certs, "bad"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(certs, "bad", "ca.pem"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := New(host); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", host, err)
		}
	}
	for host, shown := range map[string]string{
		"unix:///var/run/docker.sock": "unix:///var/run/docker.sock", "tcp://h": "tcp://h:2375", "tcp://h?certs=" + certs: "tcp://h:2376",
		"tcp://[::1]:1/base": "tcp://[::1]:1/base", "ssh://me@h:22": "ssh://me@h:22",
	} {
		c, err := New(host)
		if err != nil || c.Host() != shown {
			t.Errorf("%q: %v, %v", host, c, err)
		}
	}
}

func TestSSHCommand_PassesTheAddressOn(t *testing.T) {
	got, err := sshCommand("ssh://me@club.example.org:2222/run/user/1000/docker.sock")
	want := "-l me -p 2222 -- club.example.org docker --host unix:///run/user/1000/docker.sock system dial-stdio"
	if err != nil || !strings.HasSuffix(strings.Join(got, " "), want) {
		t.Errorf("it runs %q, %v", got, err)
	}
}
