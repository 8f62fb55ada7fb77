package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gateway/cmd/cli"
	"gateway/projects/invite"
	"gateway/projects/invite/link"
	"gateway/proxy/docker/dockertest"
	"gateway/templates"
)

// inviteProject makes the folder of a project as `gateway add slack-invite` does, and its container on an engine in
// memory, whose page says those counts.
func inviteProject(t *testing.T, env *cli.Env, parameters map[string]string, counts *invite.Counts) string {
	t.Helper()
	template, err := templates.Find(inviteTemplate)
	if err != nil {
		t.Fatal(err)
	}
	files, err := template.Render(templates.Project{
		Name: "chat", Path: "/slack", Owner: "ada@school.example", Created: "2026-11-20", Subnet: "10.213.0.0/27",
	}, parameters)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(env.Global.Projects, "chat")
	for name, text := range files {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	engine := dockertest.Start(t)
	env.Global.Host = engine.Host()
	engine.Program("/gateway", dockertest.Program{Exec: func(p dockertest.Process) int {
		if strings.Join(p.Args, " ") != "slack-invite --report" {
			fmt.Fprintf(p.Stderr, "unknown command %q\n", p.Args)
			return 2
		}
		_ = json.NewEncoder(p.Stdout).Encode(counts)
		return 0
	}})
	engine.AddContainer(dockertest.Container{Name: "chat-invite-1", Labels: map[string]string{
		"com.docker.compose.project": "chat", "com.docker.compose.service": "invite",
	}})
	return dir
}

func slackEnv(t *testing.T) (*cli.Env, *bytes.Buffer) {
	t.Helper()
	out := new(bytes.Buffer)
	env := &cli.Env{In: strings.NewReader(""), Out: out, Err: out, Getenv: func(string) string { return "" }}
	env.Global.Projects = filepath.Join(t.TempDir(), "projects")
	env.Global.Socket = filepath.Join(t.TempDir(), "none.sock")
	return env, out
}

func TestSlackShow_CountsWhatThePageCounted(t *testing.T) {
	env, out := slackEnv(t)
	counts := &invite.Counts{Links: map[string]link.Count{}}
	dir := inviteProject(t, env, map[string]string{"form": "true"}, counts)
	const url = "https://join.slack.com/t/robots/shared_invite/zt-1"
	set := setLinkOptions{url: url, now: time.Now}
	if err := runSlackSetLink(t.Context(), env, set); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "secrets")); err != nil || info.Mode().Perm() != 0o700 && runtime.GOOS != "windows" {
		t.Errorf("others may look into the secrets: %v, %v", info.Mode(), err)
	}
	counts.Links[link.IDOf(url)] = link.Count{Joins: 361, Last: time.Now().Add(-2 * time.Hour)}
	counts.Failed, counts.Failure = 3, time.Now().Add(-time.Hour)
	out.Reset()
	if err := env.Read(func(s *cli.Session) error { return runSlackShow(t.Context(), s, "", false) }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"361/400", "2h00m ago", "is nearly full after 361 of 400 joins", "the form is on and has no webhook",
		"3 requests for an invitation could not be sent to the webhook, the last 1h00m ago; see why: gateway logs chat",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	out.Reset()
	counts.Links[link.IDOf(url)] = link.Count{Joins: 400}
	if err := env.Read(func(s *cli.Session) error { return runSlackShow(t.Context(), s, "chat", true) }); err != nil {
		t.Fatal(err)
	}
	var v inviteView
	if err := json.Unmarshal(out.Bytes(), &v); err != nil || len(v.Links) != 1 || v.Links[0].State != link.Full || *v.Links[0].Joins != 400 || len(v.Warnings) != 4 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestInviteProblems_AreByProject(t *testing.T) {
	env, _ := slackEnv(t)
	inviteProject(t, env, nil, &invite.Counts{})
	found := Problems(t.Context(), env)
	if all := found["chat"]; len(found) != 1 || len(all) != 1 || !strings.Contains(all[0].Message, "no invite link can be used") {
		t.Errorf("they are %v", found)
	}
}

// What the template renders is what the page reads, whatever was given.
func TestSlackInvite_ServesWhatTheTemplateRenders(t *testing.T) {
	for name, parameters := range map[string]map[string]string{
		"plain": nil,
		"full": {
			"kind": "slack", "club": `R"ob $ots`, "title": "Join: #us $$ \\ 'now'", "text": "{{x}} <b>", "title-ko": "로봇",
			"text-ko": "함께", "contact": "https://school.example/robots", "domain": "school.example", "workspace": "robots", "form": "true",
		},
		"matrix": {"kind": "matrix"},
	} {
		t.Run(name, func(t *testing.T) {
			env, _ := slackEnv(t)
			dir := inviteProject(t, env, parameters, &invite.Counts{})
			settings, err := invite.ReadSettings(filepath.Join(dir, "page", invite.SettingsFile))
			if err != nil {
				t.Fatal(err)
			}
			for key, got := range map[string]string{
				"club": settings.Club, "title": settings.Title, "text": settings.Text, "title-ko": settings.TitleKorean,
				"text-ko": settings.TextKorean, "contact": settings.Contact, "domain": settings.Domain, "workspace": settings.Workspace,
			} {
				if got != parameters[key] {
					t.Errorf("%s = %q, want %q", key, got, parameters[key])
				}
			}
			page, err := invite.Open(invite.Config{Page: filepath.Join(dir, "page"), Private: filepath.Join(dir, "secrets", "invite"), State: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			page.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			if w.Code != 200 || !strings.Contains(w.Body.String(), "ada@school.example") && parameters["contact"] == "" {
				t.Errorf("%d: %s", w.Code, w.Body)
			}
		})
	}
}
