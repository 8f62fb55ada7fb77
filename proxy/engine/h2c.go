package engine

// http2Client forwards to targets that speak HTTP/2 without TLS.
type http2Client struct{}

func (h *http2Client) prepare(e *Engine, address string) {}

func (h *http2Client) forward(x *Exchange, path string, hooks Hooks) error { return nil }

func (h *http2Client) close() {}
