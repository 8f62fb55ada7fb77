package compose

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/cli/pkg/kvfile"
	"github.com/sirupsen/logrus"

	"gateway/projects/policy"
)

// language is Compose's own reading of variables and env files.
func language() policy.Language {
	return policy.Language{Expand: expand, Unset: unsetInText, Dotenv: readDotenv}
}

// prepare does what the docker compose command does for the whole process: it silences the logger that the SDK shares with
// whoever links it, since its warnings repeat what events tell, but for those of variables that are not set; and it makes
// the format raw of env files known.
var prepare = sync.OnceFunc(func() {
	logrus.SetOutput(io.Discard)
	logrus.AddHook(unset)
	dotenv.RegisterFormat("raw", func(r io.Reader, _ string, vars map[string]string, lookup func(string) (string, bool)) error {
		lines, err := kvfile.ParseFromReader(r, lookup)
		for _, line := range lines {
			name, value, _ := strings.Cut(line, "=")
			vars[name] = value
		}
		return err
	})
})

// unset listens to what Compose says of variables.
var unset = &unsetVariables{}

// unsetVariables is a hook of the logger, which is the only place where Compose says that it put nothing in the place of
// a variable.
type unsetVariables struct {
	// listening is held by whoever reads something, so that no two listen at once.
	listening sync.Mutex

	mu    sync.Mutex
	names []string
}

// Levels are those of warnings alone.
func (*unsetVariables) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel} }

// Fire takes a message.
func (u *unsetVariables) Fire(entry *logrus.Entry) error {
	var name string
	if n, _ := fmt.Sscanf(entry.Message, "The %q variable is not set.", &name); n == 1 {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.names = append(u.names, name)
	}
	return nil
}

// during names the variables, each once, that are not set while read works.
func (u *unsetVariables) during(read func() error) ([]string, error) {
	prepare()
	u.listening.Lock()
	defer u.listening.Unlock()
	u.take()
	err := read()
	names := u.take()
	slices.Sort(names)
	return slices.Compact(names), err
}

func (u *unsetVariables) take() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	names := u.names
	u.names = nil
	return names
}

// lookup finds variables in the first of several environments that has them.
func lookup(envs ...map[string]string) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		for _, env := range envs {
			if value, ok := env[name]; ok {
				return value, true
			}
		}
		return "", false
	}
}

// expand puts variables in place as Compose does.
func expand(text string, env map[string]string) (string, error) {
	return template.Substitute(text, lookup(env))
}

// unsetInText names the variables in a text for which Compose puts nothing. What it cannot read it says elsewhere.
func unsetInText(text string, env map[string]string) []string {
	names, _ := unset.during(func() error {
		_, err := expand(text, env)
		return err
	})
	return names
}

// maxDotenv is how many bytes the variables in env files may come to, of each project and each service.
const maxDotenv = 1 << 20

// readDotenv reads an env file as Compose does.
func readDotenv(text []byte, vars, env map[string]string) ([]string, error) {
	return unset.during(func() error { return expandDotenv(text, "", vars, lookup(env)) })
}

// expandDotenv reads an env file of some format into vars. It gives up on one in which variables grow out of each other.
func expandDotenv(text []byte, format string, vars map[string]string, env func(string) (string, bool)) error {
	left := maxDotenv
	err := dotenv.ParseWithFormat(bytes.NewReader(text), dotenv.DotEnv, vars, func(name string) (string, bool) {
		value, ok := env(name)
		if !ok {
			value, ok = vars[name]
		}
		if left -= len(value); left < 0 {
			return "", true
		}
		return value, ok
	}, format)
	if left < 0 {
		return fmt.Errorf("its variables come to more than %d KiB", maxDotenv>>10)
	}
	return err
}

// unsetIn are the variables that nothing sets in the project's files, and in the env files of its services.
func unsetIn(project *types.Project, report policy.Report) []policy.Unset {
	all := slices.Clone(report.Unset)
	for _, name := range project.ServiceNames() {
		service := project.Services[name]
		r := &resolved{project: project, report: report}
		r.readEnvFiles(service, nil)
		for _, u := range r.unset {
			if !slices.ContainsFunc(all, func(other policy.Unset) bool { return other.Name == u.Name }) {
				all = append(all, u)
			}
		}
	}
	return all
}
