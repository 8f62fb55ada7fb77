package dockertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// refusal is an answer with an error status.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// api answers requests.
type api struct {
	world *world
	wire  *wire
}

// answer is a handler that returns what it answers: a status and what becomes JSON, or an error.
type answer func(*http.Request) (int, any, error)

// handler serves the API.
func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, do answer) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			status, body, err := do(r)
			write(w, status, body, err)
		})
	}
	handle("GET /version", a.handleVersion)
	handle("GET /info", a.handleInfo)
	handle("GET /system/df", a.handleUsage)
	handle("POST /containers/create", a.handleCreate)
	handle("GET /containers/{name}/json", a.handleInspect)
	handle("GET /containers/{name}/stats", a.handleStats)
	handle("POST /containers/{name}/start", a.handleStart)
	handle("POST /containers/{name}/stop", a.handleStop)
	handle("POST /containers/{name}/kill", a.handleKill)
	handle("POST /containers/{name}/pause", a.handlePause)
	handle("POST /containers/{name}/unpause", a.handleUnpause)
	handle("POST /containers/{name}/update", a.handleUpdate)
	handle("POST /containers/{name}/rename", a.handleRename)
	handle("DELETE /containers/{name}", a.handleRemove)
	handle("PUT /containers/{name}/archive", a.handleCopyTo)
	handle("POST /containers/{name}/exec", a.handleExecCreate)
	handle("GET /exec/{id}/json", a.handleExecInspect)
	handleNetworks(handle, a.world)
	handleImages(handle, a.world)
	handleVolumes(handle, a.world)
	mux.HandleFunc("/_ping", ping)
	mux.HandleFunc("GET /containers/json", a.serveList)
	mux.HandleFunc("GET /containers/{name}/logs", a.serveLogs)
	mux.HandleFunc("GET /containers/{name}/archive", a.serveCopyFrom)
	mux.HandleFunc("POST /exec/{id}/start", a.serveExec)
	mux.HandleFunc("GET /events", a.serveEvents)
	return a.versioned(mux)
}

var versioned = regexp.MustCompile(`^/v(\d+\.\d+)(/.*)$`)

// versioned does what comes before any call: it takes the API version off the path, notes the call, and fails where
// the test wants a failure.
func (a *api) versioned(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		version, offered, least := a.world.versions()
		w.Header().Set("Api-Version", offered)
		w.Header().Set("Ostype", "linux")
		w.Header().Set("Docker-Experimental", "false")
		w.Header().Set("Server", "Docker/"+version+" (linux)")
		if m := versioned.FindStringSubmatch(r.URL.Path); m != nil {
			if err := checkVersion(m[1], offered, least); err != nil {
				write(w, 0, nil, err)
				return
			}
			r.URL.Path, r.URL.RawPath = m[2], ""
		}
		call := Call{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery}
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			raw, _ := io.ReadAll(r.Body)
			call.Body, r.Body = string(raw), io.NopCloser(bytes.NewReader(raw))
		}
		if err := a.wire.log(call); err != nil {
			write(w, 0, nil, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func checkVersion(asked, api, least string) error {
	if older(api, asked) {
		return refuse(http.StatusBadRequest, "client version %s is too new. Maximum supported API version is %s", asked, api)
	}
	if older(asked, least) {
		return refuse(http.StatusBadRequest, "client version %s is too old. Minimum supported API version is %s, please upgrade your client to a newer version", asked, least)
	}
	return nil
}

// older reports whether API version a comes before b.
func older(a, b string) bool {
	minor := func(v string) int {
		_, after, _ := strings.Cut(v, ".")
		n, _ := strconv.Atoi(after)
		return n
	}
	return minor(a) < minor(b)
}

func ping(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "OK")
}

// write answers; what was written partly cannot be fixed, so errors of the connection are nobody's.
func write(w http.ResponseWriter, status int, body any, err error) {
	if err != nil {
		status = http.StatusInternalServerError
		if r, ok := errors.AsType[*refusal](err); ok {
			status = r.status
		}
		body = map[string]string{"message": err.Error()}
	}
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// read decodes a request's body.
func read(r *http.Request, into any) error {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil && err != io.EOF {
		return refuse(http.StatusBadRequest, "invalid JSON: %v", err)
	}
	return nil
}

// filters reads the filters of a request in both forms that clients send.
func filters(r *http.Request) (map[string][]string, error) {
	raw := r.URL.Query().Get("filters")
	if raw == "" {
		return nil, nil
	}
	found := map[string][]string{}
	var sets map[string]map[string]bool
	if json.Unmarshal([]byte(raw), &sets) == nil {
		for key, values := range sets {
			for value := range values {
				found[key] = append(found[key], value)
			}
		}
		return found, nil
	}
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		return nil, refuse(http.StatusBadRequest, "invalid filter: %v", err)
	}
	return found, nil
}

func (w *world) versions() (version, api, least string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	least = "1.12"
	if !older(w.api, "1.52") {
		least = "1.44"
	}
	return w.version, w.api, least
}

func (a *api) handleVersion(*http.Request) (int, any, error) {
	version, offered, least := a.world.versions()
	return http.StatusOK, map[string]any{
		"Version": version, "ApiVersion": offered, "MinAPIVersion": least, "Os": "linux", "Arch": "amd64", "GoVersion": "go1.19.8",
	}, nil
}

func (a *api) handleInfo(*http.Request) (int, any, error) {
	w := a.world
	w.mu.Lock()
	defer w.mu.Unlock()
	return http.StatusOK, map[string]any{
		"Name": "dockertest", "ServerVersion": w.version, "Containers": len(w.boxes), "OSType": "linux", "Architecture": "x86_64",
		"DockerRootDir": "/var/lib/dockertest",
	}, nil
}
