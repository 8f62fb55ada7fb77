package cmd

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gateway/cmd/certificate"
	"gateway/cmd/cli"
	"gateway/cmd/help"
	"gateway/cmd/project"
	"gateway/cmd/server"
	"gateway/cmd/slack"
)

// completer completes a word, behind the words in args.
type completer func(env *cli.Env, c *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective)

// words makes a completer of words alone.
func words(of func(env *cli.Env, c *cobra.Command, args []string) []cobra.Completion) completer {
	return func(env *cli.Env, c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return of(env, c, args), cobra.ShellCompDirectiveNoFileComp
	}
}

var (
	completeNames     = words(project.CompleteNames)
	completeRoutes    = words(project.CompleteRoutes)
	completeTemplates = words(project.CompleteTemplates)
	completeCertified = words(certificate.CompleteNames)
	completeLinks     = words(slack.CompleteLinks)
	completeNothing   = words(func(*cli.Env, *cobra.Command, []string) []cobra.Completion { return nil })
)

// completeFiles completes the names of files, completeFolders those of folders.
func completeFiles(*cli.Env, *cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func completeFolders(*cli.Env, *cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeArchives completes archives by their names, and files.
func completeArchives(env *cli.Env, _ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return project.CompleteArchives(env), cobra.ShellCompDirectiveDefault
}

// completeTrust completes the last of a list of rules, and leaves room for further ones.
func completeTrust(_ *cli.Env, _ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return project.CompleteTrust(word), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeParameters leaves room for their values.
func completeParameters(env *cli.Env, c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return project.CompleteParameters(env, c, args), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeTopics completes help topics; the commands, cobra completes.
func completeTopics(_ *cli.Env, c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []cobra.Completion
	for _, t := range help.Topics() {
		all = append(all, cobra.CompletionWithDesc(t.Name, t.Title))
	}
	for _, sub := range c.Root().Commands() {
		if sub.IsAvailableCommand() {
			all = append(all, cobra.CompletionWithDesc(sub.Name(), sub.Short))
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// arguments has a completer for each argument of a command. A test checks that no command with arguments is missing.
var arguments = map[string][]completer{
	"add":                {completeTemplates, completeNothing},
	"backup":             {completeNames},
	"backup ls":          {completeNames},
	"backup prune":       {completeNames},
	"backup verify":      {completeArchives},
	"certificate check":  {completeCertified},
	"certificate renew":  {completeCertified},
	"certificate show":   {completeCertified},
	"deploy":             {completeNames},
	"exec":               {completeNames},
	"expire":             {words(project.CompleteExpire)},
	"help":               {completeTopics},
	"logs":               {completeNames},
	"man":                {completeFolders},
	"move":               {completeNames},
	"network create":     {completeNothing},
	"network rm":         {words(server.CompleteNetworks)},
	"open":               {completeRoutes},
	"pause":              {completeRoutes},
	"restart":            {completeNames},
	"renew":              {completeNames},
	"restore":            {completeArchives, completeNothing},
	"resume":             {completeRoutes},
	"rm":                 {completeNames},
	"rollback":           {completeNames, words(project.CompleteVersions)},
	"routes":             {completeRoutes},
	"set":                {completeNames, completeParameters},
	"show":               {completeNames},
	"slack disable-link": {completeLinks},
	"slack enable-link":  {completeLinks},
	"slack rm-link":      {completeLinks},
	"slack set-link":     {completeNothing},
	"slack set-logo":     {completeFiles},
	"start":              {completeNames},
	"stats":              {completeNames},
	"stop":               {completeNames},
	"templates show":     {completeTemplates},
	"update":             {completeNames},
}

// values has a completer for flags by their names, in every command that has one of that name; those of "COMMAND NAME" go
// before. Flags that are not here take no files.
var values = map[string]completer{
	"backup to": completeFolders,
	"binary":    completeFiles,
	"dir":       completeFolders,
	"encrypt":   completeFiles,
	"expire to": completeFolders,
	"file":      completeFiles,
	"identity":  completeFiles,
	"move from": words(project.CompletePaths),
	"page":      completeFolders,
	"project":   words(slack.CompletePages),
	"projects":  completeFolders,
	"rm to":     words(project.CompleteTargets),
	"root":      completeFolders,
	"socket":    completeFiles,
	"state":     completeFolders,
	"templates": completeFolders,
	"cert":      completeFiles,
	"key":       completeFiles,
	"trust":     completeTrust,
	"versions":  completeFolders,

	"serve access-log":  completeFiles,
	"access-log-format": words(func(*cli.Env, *cobra.Command, []string) []cobra.Completion { return []string{"json", "combined"} }),
}

// plainUsages removes the marks of values from the descriptions of flags, which shells show as they are.
func plainUsages(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	c.PersistentFlags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	for _, sub := range c.Commands() {
		plainUsages(sub)
	}
}

// addCompletions makes shells complete the arguments and flags of all commands.
func addCompletions(env *cli.Env, root *cobra.Command) {
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	var walk func(c *cobra.Command, path string)
	walk = func(c *cobra.Command, path string) {
		if of := arguments[path]; of != nil {
			c.ValidArgsFunction = func(c *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
				n := len(args)
				if n >= len(of) && (path == "set" || path == "expire") {
					n = len(of) - 1 // The last argument may come several times.
				}
				if n >= len(of) {
					return nil, cobra.ShellCompDirectiveNoFileComp
				}
				return of[n](env, c, args, word)
			}
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			complete := values[path+" "+f.Name]
			if complete == nil {
				complete = values[f.Name]
			}
			if complete != nil {
				_ = c.RegisterFlagCompletionFunc(f.Name, func(c *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
					return complete(env, c, args, word)
				})
			}
		})
		for _, sub := range c.Commands() {
			under := sub.Name()
			if path != "" {
				under = path + " " + under
			}
			walk(sub, under)
		}
	}
	walk(root, "")
}
