// Command backend is what the proxies stand in front of: one thread that responds to GET /N with N bytes, GET /echo with the
// request's head as it arrived, and a POST with the number of bytes it was sent. It is as cheap as it can be, since it
// shares a core with the load tool, and trusts that its requests are well-formed.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"

	"gateway/testdata/bench/poll"
)

func main() {
	port := flag.Int("port", 0, "port to listen on")
	addresses := flag.Int("addresses", 1, "listen on so many addresses, 127.0.0.1 and on")
	mark := flag.String("mark", "a", "the letter that bodies are made of")
	flag.Parse()
	runtime.LockOSThread()
	if err := Serve(*port, *addresses, (*mark)[0]); err != nil {
		fmt.Fprintln(os.Stderr, "backend:", err)
		os.Exit(1)
	}
}

// server is its listeners and their connections, indexed by descriptor.
type server struct {
	set    *poll.Set
	listen []int
	conns  []*conn
	shared []byte
	pages  pages
}

// Serve serves on 127.0.0.1, and on as many addresses behind it, until the process is killed.
func Serve(port, addresses int, mark byte) error {
	set, err := poll.Open()
	if err != nil {
		return err
	}
	s := &server{set: set, shared: make([]byte, 256<<10), pages: newPages(mark)}
	for n := range addresses {
		fd, err := poll.Listen(n+1, port)
		if err != nil {
			return err
		}
		if err := set.Add(fd); err != nil {
			return err
		}
		s.listen = append(s.listen, fd)
	}
	for {
		events, err := set.Wait(-1)
		if err != nil {
			return err
		}
		for i := range events {
			s.handle(int(events[i].Fd), events[i].Events)
		}
	}
}

func (s *server) handle(fd int, events uint32) {
	if slices.Contains(s.listen, fd) {
		s.accept(fd)
		return
	}
	c := s.conns[fd]
	if c == nil {
		return
	}
	open := true
	if events&poll.Writable != 0 {
		open = c.flush(s)
	}
	if open && events&poll.Readable != 0 {
		open = c.receive(s, events&poll.Hangup != 0)
	}
	if !open {
		s.conns[fd] = nil
		poll.Close(fd)
	}
}

func (s *server) accept(listener int) {
	for {
		fd, ok := poll.Accept(listener)
		if !ok {
			return
		}
		for fd >= len(s.conns) {
			s.conns = append(s.conns, make([]*conn, 1024)...)
		}
		s.conns[fd] = &conn{fd: fd}
		if s.set.Add(fd) != nil {
			s.conns[fd] = nil
			poll.Close(fd)
		}
	}
}
