// Command codeserver stands in for code-server in tests: it keeps what a project relies on, which is the login with a
// password from the configuration, relative links, the cookie, WebSockets from the own origin alone, /healthz, and a
// home folder. It has no editor.
package main

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "code-server:", err)
		os.Exit(1)
	}
}

func run() error {
	config := flag.String("config", os.Getenv("CODE_SERVER_CONFIG"), "file with settings")
	address := flag.String("bind-addr", "", "address to listen on")
	flag.Parse()
	settings := map[string]string{"bind-addr": "127.0.0.1:8080", "password": os.Getenv("PASSWORD")}
	if err := read(*config, settings); err != nil {
		return err
	}
	if *address != "" {
		settings["bind-addr"] = *address
	}
	if settings["password"] == "" {
		return errors.New("there is no password")
	}
	root, err := os.OpenRoot(flag.Arg(0))
	if err != nil {
		return err
	}
	defer root.Close()
	return http.ListenAndServe(settings["bind-addr"], newServer(settings["password"], root))
}

// read adds the settings of a file: lines of "key: value", the value quoted or not.
func read(file string, into map[string]string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		if plain, err := strconv.Unquote(value); err == nil {
			value = plain
		}
		into[key] = value
	}
	return nil
}

// server is one editor without the editor.
type server struct {
	password, session string
	home              *os.Root
}

func newServer(password string, home *os.Root) http.Handler {
	s := &server{password: password, session: rand.Text(), home: home}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"status":"alive"}`) })
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) { s.form(w, http.StatusOK, "") })
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("GET /{$}", s.known(func(w http.ResponseWriter, _ *http.Request) {
		page(w, http.StatusOK, `<p id="editor">The editor is open.</p><a href="files/notes.txt">notes.txt</a>`)
	}))
	mux.HandleFunc("GET /files/{name}", s.known(s.show))
	mux.HandleFunc("PUT /files/{name}", s.known(s.save))
	mux.HandleFunc("GET /socket", s.known(socket))
	return mux
}

// known lets those in who have logged in; others are sent to the form, by a relative link.
func (s *server) known(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		cookie, err := r.Cookie("code-server-session")
		if err == nil && subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(s.session)) == 1 {
			next(w, r)
			return
		}
		w.Header().Set("Location", strings.Repeat("../", strings.Count(r.URL.Path, "/")-1)+"./login?to="+url.QueryEscape(r.URL.Path))
		w.WriteHeader(http.StatusFound)
	}
}

func (s *server) login(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.PostFormValue("password")), []byte(s.password)) != 1 {
		s.form(w, http.StatusUnauthorized, "<p>Incorrect password</p>")
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "code-server-session", Value: s.session, Path: "/", SameSite: http.SameSiteLaxMode})
	w.Header().Set("Location", "./")
	w.WriteHeader(http.StatusFound)
}

func (s *server) form(w http.ResponseWriter, status int, said string) {
	page(w, status, said+`<form method="post"><input name="password" type="password" autofocus><button>Submit</button></form>`)
}

func page(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<!doctype html><meta name="viewport" content="width=device-width, initial-scale=1"><title>code-server</title>%s`, body)
}

func (s *server) show(w http.ResponseWriter, r *http.Request) {
	text, err := s.home.ReadFile(filepath.Base(r.PathValue("name")))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Write(text)
}

func (s *server) save(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil {
		err = s.home.WriteFile(filepath.Base(r.PathValue("name")), text, 0o600)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// socket echoes WebSocket frames of up to 125 bytes (RFC 6455 section 5.2) to pages of the own origin, as the host that
// the visitor asked for says.
func socket(w http.ResponseWriter, r *http.Request) {
	host := r.Header.Get("X-Forwarded-Host")
	if host == "" {
		host = r.Host
	}
	if origin, err := url.Parse(r.Header.Get("Origin")); err != nil || origin.Host != host {
		http.Error(w, "Forbidden", http.StatusForbidden)
		return
	}
	conn, stream, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	stream.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")
	for stream.Flush() == nil {
		frame, err := readFrame(stream.Reader)
		if err != nil {
			return
		}
		stream.Write(frame)
	}
}

// readFrame reads one masked frame and returns it as a server sends it: unmasked.
func readFrame(r *bufio.Reader) ([]byte, error) {
	var head [6]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := int(head[1] & 0x7f)
	if size > 125 {
		return nil, io.ErrShortBuffer
	}
	frame := append([]byte{head[0], byte(size)}, make([]byte, size)...)
	if _, err := io.ReadFull(r, frame[2:]); err != nil {
		return nil, err
	}
	for i := range size {
		frame[2+i] ^= head[2+i%4]
	}
	return frame, nil
}
