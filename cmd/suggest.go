package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gateway/cmd/cli"
)

// suggestion is the advice for words that people type and that are no commands.
type suggestion struct {
	// words are what is typed, separated by spaces.
	words string
	// does is what is wanted, run the command lines for it.
	does string
	run  []string
}

// suggestions are for the words of docker, docker compose, dokku, caddy, systemctl and their like. A test checks that each
// command in run exists and that no word is a command.
var suggestions = []suggestion{
	{"ps projects apps containers", "list the projects", []string{"gateway ls"}},
	{"info inspect describe details", "show a project, or the gateway itself", []string{"gateway show NAME", "gateway status"}},
	{"history versions releases tags", "list the versions of a project", []string{"gateway show NAME"}},
	{"doctor check diagnose debug health why errors", "find out what is wrong", []string{"gateway status", "gateway routes", "gateway help troubleshooting"}},
	{"run create new init launch", "make a project", []string{"gateway add TEMPLATE --path /PATH"}},
	{"build apply push publish release redeploy cp copy", "deploy edits, or new files", []string{"gateway deploy NAME", "gateway deploy NAME --dir DIR"}},
	{"upgrade pull", "install newer images of a project, or run a new gateway binary", []string{"gateway update NAME", "gateway up"}},
	{"install", "make a project, or install gateway", []string{"gateway add TEMPLATE --path /PATH", "./install.sh"}},
	{"uninstall", "remove a project, or gateway itself", []string{"gateway rm NAME", "./install.sh --uninstall"}},
	{"delete destroy del purge prune drop", "remove a project", []string{"gateway rm NAME"}},
	{"rename mv transfer", "serve a project at another path; its name stays", []string{"gateway move NAME --path /PATH"}},
	{"extend prolong ttl expiry", "change when a project expires", []string{"gateway renew NAME --ttl 90d"}},
	{"retire archive old expired", "retire projects whose term is over", []string{"gateway expire old projects"}},
	{"chown owner", "edit owner in compose.yaml, in the folder that show prints", []string{"gateway show NAME", "gateway deploy NAME"}},
	{"undo revert back", "go back to an earlier version", []string{"gateway rollback NAME"}},
	{"sh bash ssh attach console", "run a command, such as a shell, in a container", []string{"gateway exec NAME -- bash"}},
	{"env config configure edit settings variables", "see or set the parameters of a project; else edit its compose.yaml and deploy it", []string{"gateway set NAME", "gateway show NAME", "gateway deploy NAME"}},
	{"password passwd secret secrets", "see where a project's secrets are, or set one", []string{"gateway show NAME", "gateway set NAME"}},
	{"login auth users", "see what protects projects from each other", []string{"gateway help isolation"}},
	{"https tls ssl cert certs certificates", "list certificates, or check what a name needs for one", []string{"gateway certificate ls", "gateway certificate check NAME", "gateway help https"}},
	{"scale replicas", "set scale in compose.yaml, and deploy it", []string{"gateway deploy NAME", "gateway help balancing"}},
	{"log tail", "print what containers write", []string{"gateway logs NAME --follow"}},
	{"top stat df du usage disk", "show CPU, memory and disk usage, or traffic", []string{"gateway stats", "gateway routes"}},
	{"kill halt", "stop a project", []string{"gateway stop NAME"}},
	{"reload reboot reset", "restart a project, deploy its edits, or update the gateway", []string{"gateway restart NAME", "gateway deploy NAME", "gateway up"}},
	{"unpause continue", "let requests through again", []string{"gateway resume NAME"}},
	{"hold maintenance suspend", "hold the requests to a project", []string{"gateway pause NAME"}},
	{"route proxy paths sites", "list the routes", []string{"gateway routes"}},
	{"domain domains host hosts label labels port ports", "set the label of a container", []string{"gateway help labels"}},
	{"networks", "list the networks", []string{"gateway network ls"}},
	{"volumes volume images image", "show what projects take of the disk", []string{"gateway stats NAME --disk"}},
	{"template", "list the templates", []string{"gateway templates ls"}},
	{"link links invite discord", "look after the invite page", []string{"gateway slack show"}},
	{"tui ui dashboard watch monitor", "watch the routes live", []string{"gateway routes tui"}},
	{"docs doc manual topics", "list the help topics", []string{"gateway help"}},
	{"daemon", "run the proxy in the foreground", []string{"gateway serve"}},
}

// flagSuggestions say what to do about flags of docker and docker compose that commands do not have. A flag may have two
// spellings, each with its command before it.
var flagSuggestions = []struct{ command, flags, fix string }{
	{"up", "-d --detach", "leave it out: it returns when everything runs"},
	{"up", "--build --pull --force-recreate", "leave it out; to deploy a project: gateway deploy NAME"},
	{"deploy", "--build --pull -d --detach", "leave it out; newer images are installed by: gateway update NAME"},
	{"rm", "-f --force", "write --yes to remove it without a question"},
	{"rm", "-v --volumes", "leave it out: volumes go with the project"},
	{"ls", "-a --all", "leave it out: stopped projects are listed too"},
	{"add", "-p --port --publish", "write --set port=PORT where the template has a port; the gateway publishes no ports of projects"},
	{"logs", "--lines", "write --tail NUMBER"},
}

// suggest returns the commands to run in place of an unknown word, or empty.
func suggest(c *cobra.Command, word string) string {
	for _, s := range suggestions {
		for typed := range strings.FieldsSeq(s.words) {
			if !c.HasParent() && typed == strings.ToLower(word) {
				return fmt.Sprintf("to %s: %s", s.does, strings.Join(s.run, ", "))
			}
		}
	}
	var near []string
	for _, name := range c.SuggestionsFor(word) {
		near = append(near, c.CommandPath()+" "+name)
	}
	if len(near) > 0 {
		return "did you mean: " + strings.Join(near, ", ")
	}
	return ""
}

// noCommand refuses the words behind a command that has only commands below it.
func noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	fix := suggest(c, args[0])
	if fix == "" {
		fix = fmt.Sprintf("'%s --help' lists the commands", c.CommandPath())
	}
	return cli.Usage(fmt.Errorf("unknown command %q for %q; %s", args[0], c.CommandPath(), fix))
}

// addSuggestions makes every command that has only commands below it say which is meant.
func addSuggestions(root *cobra.Command) {
	root.SetFlagErrorFunc(flagError)
	for _, c := range append(root.Commands(), root) {
		if c.HasSubCommands() && c.Use == c.Name() {
			c.Args, c.SuggestionsMinimumDistance = noCommand, 2
		}
	}
}

// flagError words an error of flags. Behind a word that is no command, the word is what is wrong.
func flagError(c *cobra.Command, err error) error {
	if words := c.Flags().Args(); c.HasSubCommands() && c.Use == c.Name() && len(words) > 0 {
		return noCommand(c, words)
	}
	unknown := strings.HasPrefix(err.Error(), "unknown ")
	for _, s := range flagSuggestions {
		for flag := range strings.FieldsSeq(s.flags) {
			if unknown && s.command == c.Name() && strings.Contains(err.Error()+" ", flag+" ") {
				return cli.Usage(fmt.Errorf("there is no flag %s; %s", flag, s.fix))
			}
		}
	}
	if unknown {
		return cli.Usage(fmt.Errorf("%w; see '%s --help'", err, c.CommandPath()))
	}
	return cli.Usage(err)
}
