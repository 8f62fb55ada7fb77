// Command probe is what the containers of the contract suite run: one small static binary, so that a scratch image is
// enough. Its first argument says what to do.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

func main() {
	if len(os.Args) < 2 {
		os.Exit(64)
	}
	os.Exit(do(os.Args[1], os.Args[2:]))
}

// do returns the exit code.
func do(what string, args []string) int {
	switch what {
	case "serve": // [PORT]: until SIGTERM
		return serve(args)
	case "deaf": // ignores SIGTERM
		deaf := make(chan os.Signal, 1)
		signal.Notify(deaf, syscall.SIGTERM)
		fmt.Println("deaf")
		for range deaf {
			fmt.Println("what?")
		}
		return 0
	case "lines": // N: half to stdout, half to stderr
		return lines(args)
	case "exit": // CODE
		code, _ := strconv.Atoi(args[0])
		return code
	case "cat":
		if _, err := io.Copy(os.Stdout, os.Stdin); err != nil {
			return 1
		}
		return 0
	case "fail":
		fmt.Fprintln(os.Stderr, "it went wrong")
		return 3
	}
	return 64
}

func serve(args []string) int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	if len(args) > 0 {
		listener, err := net.Listen("tcp", ":"+args[0])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer listener.Close()
	}
	fmt.Println("serving")
	<-stop
	fmt.Println("bye")
	return 0
}

func lines(args []string) int {
	count, _ := strconv.Atoi(args[0])
	for i := range count {
		to := os.Stdout
		if i%2 == 1 {
			to = os.Stderr
		}
		fmt.Fprintf(to, "line %d\n", i+1)
	}
	return 0
}
