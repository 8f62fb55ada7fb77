package proxy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"gateway/proxy/socket"
)

const (
	// socketMode lets the owner and the group of the admin socket administer, folderMode reach it.
	socketMode os.FileMode = 0o660
	folderMode os.FileMode = 0o770
	// staleTimeout is how long a socket that is already there may take to answer.
	staleTimeout = 2 * time.Second
)

// open opens all listeners, or none. The admin socket comes first: when another proxy answers there, nothing else of
// it is touched.
func (s *Server) open(ctx context.Context, own servers) ([]door, error) {
	var doors []door
	fail := func(err error) ([]door, error) {
		for _, d := range doors {
			_ = d.listener.Close()
		}
		return nil, err
	}
	given := s.config.Inherited
	for _, l := range given.Admin {
		doors = append(doors, door{"unix://" + l.Addr().String(), l, serveOwn(own.admin)})
	}
	if path := s.config.Admin; path != "" && len(given.Admin) == 0 {
		l, err := listenSocket(ctx, path)
		if err != nil {
			return fail(fmt.Errorf("listening on the admin socket %s: %w", path, err))
		}
		doors = append(doors, door{"unix://" + path, l, serveOwn(own.admin)})
	}
	if s.config.Ping != "" && len(given.Ping) == 0 {
		l, err := socket.Listen(ctx, s.config.Ping)
		if err != nil {
			return fail(fmt.Errorf("listening for pings: %w", err))
		}
		given.Ping = []net.Listener{l}
	}
	for _, l := range given.Ping {
		doors = append(doors, door{"http://" + l.Addr().String() + "/ping", l, serveOwn(own.ping)})
	}
	for _, secure := range []bool{false, true} {
		opened, err := s.openClients(ctx, secure)
		doors = append(doors, opened...)
		if err != nil {
			return fail(fmt.Errorf("listening for clients: %w", err))
		}
	}
	return doors, nil
}

// openClients opens what clients reach with TLS, or without: what was inherited for it, else the addresses. With an
// error it returns what was opened before.
func (s *Server) openClients(ctx context.Context, secure bool) ([]door, error) {
	scheme, addresses, listeners := "http://", s.config.Listen, s.config.Inherited.HTTP
	if secure {
		scheme, addresses, listeners = "https://", s.config.TLSListen, s.config.Inherited.HTTPS
	}
	if len(listeners) > 0 {
		addresses = nil
	}
	doors := make([]door, 0, len(addresses)+len(listeners))
	serve := func(l net.Listener, broke func(error)) { s.engine.Serve(l, secure, broke) }
	for _, address := range addresses {
		l, err := socket.Listen(ctx, address)
		if err != nil {
			return doors, err
		}
		doors = append(doors, door{scheme + l.Addr().String(), l, serve})
	}
	for _, l := range listeners {
		doors = append(doors, door{scheme + l.Addr().String(), l, serve})
	}
	return doors, nil
}

// serveOwn serves what is no client's until the server is closed.
func serveOwn(server *http.Server) func(net.Listener, func(error)) {
	return func(l net.Listener, broke func(error)) {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			broke(err)
		}
	}
}

// listenSocket listens on a unix socket, in the place of one that a killed proxy left behind.
func listenSocket(ctx context.Context, path string) (net.Listener, error) {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := clearSocket(ctx, path); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	// Until here only the owner could connect: that takes the right to write, which no usual umask gives to others.
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func makeFolder(name string) error {
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(name, folderMode); err != nil {
		return err
	}
	// The umask took the group's right to write.
	return os.Chmod(name, folderMode)
}

// clearSocket removes a socket on which nobody answers.
func clearSocket(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("a file that is no socket is there; move it away, or name another path")
	}
	dialer := net.Dialer{Timeout: staleTimeout}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close()
		return errors.New("another proxy answers there; stop it, or name another path")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("finding out whether another proxy answers there: %w", err)
	}
	return os.Remove(path)
}
