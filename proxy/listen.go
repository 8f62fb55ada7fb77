package proxy

import (
	"cmp"
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
	// socketMode is the mode of the admin socket, folderMode that of its folder: for the owner and the group.
	socketMode os.FileMode = 0o660
	folderMode os.FileMode = 0o770
	// staleTimeout is how long a proxy on an existing socket may take to answer.
	staleTimeout = 2 * time.Second
)

// open opens all listeners, or none. The admin socket comes first: if another proxy uses it, nothing else is opened.
func (s *Server) open(ctx context.Context, own servers) ([]entryPoint, error) {
	var points []entryPoint
	fail := func(err error) ([]entryPoint, error) {
		for _, d := range points {
			_ = d.listener.Close()
		}
		return nil, err
	}
	given := s.config.Inherited
	for _, l := range given.Admin {
		points = append(points, entryPoint{"unix://" + l.Addr().String(), l, serveOwn(own.admin, l)})
	}
	if path := s.config.Admin; path != "" && len(given.Admin) == 0 {
		l, err := listenSocket(ctx, path)
		if err != nil {
			return fail(fmt.Errorf("listening on the admin socket %s: %w", path, err))
		}
		points = append(points, entryPoint{"unix://" + path, l, serveOwn(own.admin, l)})
	}
	if s.config.Ping != "" && len(given.Ping) == 0 {
		l, err := socket.Listen(ctx, s.config.Ping)
		if err != nil {
			return fail(fmt.Errorf("listening for pings: %w", err))
		}
		given.Ping = []net.Listener{l}
	}
	for _, l := range given.Ping {
		points = append(points, entryPoint{"http://" + l.Addr().String() + "/ping", l, serveOwn(own.ping, l)})
	}
	for _, secure := range []bool{false, true} {
		opened, err := s.openClients(ctx, secure)
		points = append(points, opened...)
		if err != nil {
			return fail(fmt.Errorf("listening for clients: %w", err))
		}
	}
	return points, nil
}

// openClients opens the listeners for clients with TLS, or without: the inherited ones, else the addresses. With an error it
// returns those that it opened before. Where there is HTTP/3, a UDP port follows each listener with TLS.
func (s *Server) openClients(ctx context.Context, secure bool) ([]entryPoint, error) {
	scheme, addresses, listeners := "http://", s.config.Listen, s.config.Inherited.HTTP
	if secure {
		scheme, addresses, listeners = "https://", s.config.TLSListen, s.config.Inherited.HTTPS
	}
	if len(listeners) > 0 {
		addresses = nil
	}
	var points []entryPoint
	add := func(l net.Listener) error {
		points = append(points, entryPoint{scheme + l.Addr().String(), l, func(broke func(error)) { s.engine.Serve(l, secure, broke) }})
		if !secure || !s.config.HTTP3 {
			return nil
		}
		packets, err := s.openPackets(ctx, l.Addr())
		if err == nil {
			points = append(points, packets)
		}
		return err
	}
	for _, address := range addresses {
		l, err := socket.Listen(ctx, address)
		if err != nil {
			return points, err
		}
		if err := add(l); err != nil {
			return points, err
		}
	}
	for _, l := range listeners {
		if err := add(l); err != nil {
			return points, err
		}
	}
	return points, nil
}

// openPackets opens the UDP port beside a listener with TLS.
func (s *Server) openPackets(ctx context.Context, beside net.Addr) (entryPoint, error) {
	var config net.ListenConfig
	packets, err := config.ListenPacket(ctx, "udp", beside.String())
	if err != nil {
		return entryPoint{}, fmt.Errorf("opening the UDP port of HTTP/3: %w", err)
	}
	if tcp, ok := beside.(*net.TCPAddr); ok {
		s.engine.Advertise(cmp.Or(s.config.HTTPSPort, tcp.Port))
	}
	url := "https+udp://" + packets.LocalAddr().String()
	return entryPoint{url, packets, func(broke func(error)) { s.engine.ServePackets(packets, broke) }}, nil
}

// serveOwn serves the ping or the admin listener until the server is closed.
func serveOwn(server *http.Server, l net.Listener) func(func(error)) {
	return func(broke func(error)) {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			broke(err)
		}
	}
}

// listenSocket listens on a unix socket, and replaces one that a killed proxy left.
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
	// Until now only the owner could connect, which needs write permission: usual umasks deny that to others.
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
	// The umask removed the write permission of the group.
	return os.Chmod(name, folderMode)
}

// clearSocket removes a socket that no process serves.
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
