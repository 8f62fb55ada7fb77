package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// sockets are the listeners that the system passed to this process, by their purpose. They replace the listeners of the
// flags for the same purpose.
type sockets struct {
	http, https, ping, admin []net.Listener
}

// The names of sockets (FileDescriptorName= in their units).
const (
	httpSocket  = "http"
	httpsSocket = "https"
	pingSocket  = "ping"
	adminSocket = "admin"
)

// inherited takes the listeners that systemd, or whoever speaks its protocol (sd_listen_fds(3)), gave this process; without
// any it returns none. Those without a name are for HTTP. It may be called once: what says so is removed from the
// environment, and children get neither. After an error all are closed.
func inherited() (sockets, error) {
	var given sockets
	for i, file := range activation.Files(true) {
		err := given.take(file)
		if err := errors.Join(err, file.Close()); err != nil {
			given.close()
			return sockets{}, fmt.Errorf("taking socket %d from the system: %w", i+1, err)
		}
	}
	return given, nil
}

// take makes a listener of a file, which stays open beside it.
func (s *sockets) take(file *os.File) error {
	kind, err := s.kind(file.Name())
	if err != nil {
		return err
	}
	if err := checkListens(file); err != nil {
		return fmt.Errorf("%q is not a listening socket; write ListenStream= and Accept=no in its unit: %w", file.Name(), err)
	}
	l, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("%q: %w", file.Name(), err)
	}
	*kind = append(*kind, l)
	if _, local := l.(*net.UnixListener); !local && kind == &s.admin {
		// The caller closes it with the others.
		return errors.New("the admin API takes only a unix socket; write ListenStream=/run/gateway/admin.sock in its unit")
	}
	return nil
}

// kind is where a socket of that name belongs. One without a name has that of its unit, or one made of its number.
func (s *sockets) kind(name string) (*[]net.Listener, error) {
	switch name {
	case httpSocket:
		return &s.http, nil
	case httpsSocket:
		return &s.https, nil
	case pingSocket:
		return &s.ping, nil
	case adminSocket:
		return &s.admin, nil
	}
	if name == "unknown" || strings.HasSuffix(name, ".socket") || strings.HasPrefix(name, "LISTEN_FD_") {
		return &s.http, nil
	}
	return nil, fmt.Errorf("%q has an unknown name; write FileDescriptorName= in its unit, with %s, %s, %s or %s",
		name, httpSocket, httpsSocket, pingSocket, adminSocket)
}

// close closes all. Whoever gave them still has them open.
func (s *sockets) close() {
	for _, kind := range [][]net.Listener{s.http, s.https, s.ping, s.admin} {
		for _, l := range kind {
			_ = l.Close()
		}
	}
}

// notifyReady tells systemd, if it wants to know (sd_notify(3)), that this process serves now.
func notifyReady() error { return notifySystemd(daemon.SdNotifyReady) }

// notifyStopping tells systemd that this process ends, and may take its time over it.
func notifyStopping() error { return notifySystemd(daemon.SdNotifyStopping) }

func notifySystemd(state string) error {
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("notifying systemd: %w", err)
	}
	return nil
}
