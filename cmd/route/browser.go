package route

import (
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"runtime"

	"gateway/cmd/cli"
)

// browse opens a URL in the user's browser and waits for the program that does so. It fails where there is no
// display to show one on.
func browse(e *cli.Env, url string) error {
	command := browser(runtime.GOOS, url)
	if command[0] == "xdg-open" && cmp.Or(e.Getenv("DISPLAY"), e.Getenv("WAYLAND_DISPLAY"), e.Getenv("BROWSER")) == "" {
		return errors.New("there is no display here")
	}
	// Its streams lead nowhere: a browser outlives us, and a closed pipe would end it.
	err := exec.Command(command[0], command[1:]...).Run()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s is not installed", command[0])
	}
	if err != nil {
		return fmt.Errorf("running %s: %w", command[0], err)
	}
	return nil
}

// browser is the command that opens a URL on an operating system.
func browser(goos, url string) []string {
	switch goos {
	case "darwin":
		return []string{"open", url}
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler", url}
	}
	return []string{"xdg-open", url}
}
