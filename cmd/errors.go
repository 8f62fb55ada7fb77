package cmd

import (
	"context"
	"errors"

	"gateway/cmd/cli"
	"gateway/cmd/route"
	"gateway/projects"
	"gateway/projects/compose"
	"gateway/proxy/admin"
	"gateway/proxy/docker"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// hints says how to fix a known condition, below the error that wraps it. The first that fits is shown.
var hints = []struct {
	is   error
	hint string
}{
	{docker.ErrForbidden, "use sudo, or add yourself to the group docker: sudo usermod -aG docker USER, and log in again"},
	{docker.ErrNotRunning, "start Docker, on most systems with: sudo systemctl start docker; install.sh --with-docker installs it; an engine elsewhere is named by DOCKER_HOST or --docker-host"},
	{docker.ErrTLS, "name the folder of its certificates: DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=FOLDER; leave both out for an engine without TLS"},
	{docker.ErrSSH, "check that this works without a password: ssh HOST docker version; the user there needs the group docker"},
	{docker.ErrUnreachable, "check that DOCKER_HOST or --docker-host names the engine and that it runs; try: docker --host ADDRESS info"},
	{cli.ErrForbiddenSocket, "use sudo, or the user that runs the gateway"},
	{cli.ErrNoGateway, "start it with: gateway up"},
	{admin.ErrNoRoute, "see which routes there are with: gateway routes"},
	{admin.ErrNoCertificate, "see which there are with: gateway certificate ls"},
	{admin.ErrNotOrdered, "renew it with the tool that wrote it, such as certbot or acme.sh; the gateway reads the new files by itself"},
	{admin.ErrNoAuthority, "give the file of a root with --root FILE, or restart the gateway with an authority of its own"},
	{compose.ErrOverlap, "another network took the addresses; run the command again, or name another pool with --pool"},
	{route.ErrNoTerminal, "list them with: gateway routes, or keep watching with: gateway routes --watch"},
}

// hintOf is the hint of the first condition in the table that err is, or empty.
func hintOf(err error) string {
	for _, h := range hints {
		if errors.Is(err, h.is) {
			return h.hint
		}
	}
	return ""
}

// report writes err for the user, once, and returns the exit code that goes with it.
func report(env *cli.Env, err error) int {
	if err == nil {
		return exitDone
	}
	if errors.Is(err, cli.ErrSilent) {
		return exitFailed
	}
	if ended, is := errors.AsType[cli.ExitError](err); is {
		return ended.Code
	}
	if errors.Is(err, context.Canceled) {
		env.Notef("gateway: interrupted\n")
		if left, ok := errors.AsType[*projects.Leftover](err); ok {
			env.Notef("  %v\n", left)
		}
		if failure, started := errors.AsType[*projects.Failure](err); started {
			undone(env, failure)
		}
		return exitFailed
	}
	env.Notef("gateway: %v\n", err)
	if hint := hintOf(err); hint != "" {
		env.Notef("  %s\n", hint)
	}
	if failure, started := errors.AsType[*projects.Failure](err); started {
		env.Notef("%s", cli.Lines(failure.Logs))
		undone(env, failure)
	}
	if errors.As(err, new(cli.UsageError)) {
		return exitUsage
	}
	return exitFailed
}

// undone says what became of a project that was being made.
func undone(e *cli.Env, f *projects.Failure) {
	if f.Undone != "" {
		e.Notef("%s\n", f.Undone)
	}
}
