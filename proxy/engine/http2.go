package engine

import "net"

// http2Server serves the visitors that speak HTTP/2.
type http2Server struct{}

func (h *http2Server) prepare(e *Engine) {}

// serveConn serves a connection until it ends. stream is a *tls.Conn whose handshake is done, or a connection that begins with
// the preface.
func (h *http2Server) serveConn(c *conn, stream net.Conn) {}

// drain tells the visitors that no new requests are taken.
func (h *http2Server) drain() {}
