package cmd

// defaultSocket is where a proxy in the foreground, and the proxy's container, put the admin socket.
const defaultSocket = "/run/gateway/admin.sock"
