package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// maxReport is the most bytes that an agent's report may have.
const maxReport = 1 << 20

var (
	// ErrNoRoute says that the table has no route with the key that was asked for.
	ErrNoRoute = errors.New("no such route")
	// ErrRefused says that what was sent cannot be read.
	ErrRefused = errors.New("refused")
	// ErrTooLarge says that what was sent has more bytes than the proxy takes.
	ErrTooLarge = errors.New("too large")
)

// Gateway is the running proxy behind a Handler. All its methods are called concurrently.
type Gateway interface {
	Observed
	Receiver
	Pauser
	Checker
	Sleeper
	Certifier
	Signer
	Filer
}

// Observed is what can be asked of a proxy.
type Observed interface {
	Status() Status
	Routes() Routes
	// Requests returns the last requests of a route, newest first. The error is ErrNoRoute for an unknown key.
	Requests(key string) ([]Request, error)
}

// Handler is the admin API of a proxy. It authorises nobody: whoever can open its socket may administer.
func Handler(g Gateway) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/v1/status", endpoint{http.MethodGet: func(*http.Request) (any, error) { return g.Status(), nil }})
	mux.Handle("/v1/routes", endpoint{http.MethodGet: func(*http.Request) (any, error) { return g.Routes(), nil }})
	mux.Handle("/v1/requests", endpoint{http.MethodGet: func(r *http.Request) (any, error) { return requests(g, r) }})
	mux.Handle("/v1/table", endpoint{http.MethodPut: func(r *http.Request) (any, error) { return putTable(g, r) }})
	mux.Handle("/v1/source", endpoint{
		http.MethodPut:    func(r *http.Request) (any, error) { return putSource(g, r) },
		http.MethodDelete: func(r *http.Request) (any, error) { return deleteSource(g, r) },
	})
	mux.Handle("/v1/pause", endpoint{
		http.MethodPut:    func(r *http.Request) (any, error) { return putPause(g, r) },
		http.MethodDelete: func(r *http.Request) (any, error) { return deletePause(g, r) },
	})
	mux.Handle("/v1/check", endpoint{http.MethodPut: func(r *http.Request) (any, error) { return putCheck(g, r) }})
	mux.Handle("/v1/certificates/files", endpoint{http.MethodPut: func(r *http.Request) (any, error) { return putFiles(g, r) }})
	mux.Handle("/v1/authority", endpoint{http.MethodGet: func(*http.Request) (any, error) { return g.Authority() }})
	mux.Handle("/v1/sleep", endpoint{
		http.MethodGet: func(r *http.Request) (any, error) { return getOrders(g, r) },
		http.MethodPut: func(r *http.Request) (any, error) { return putSleep(g, r) },
	})
	mux.Handle("/v1/certificates", endpoint{http.MethodGet: func(*http.Request) (any, error) { return getCertificates(g) }})
	mux.Handle("/v1/certificate/renew", endpoint{http.MethodPut: func(r *http.Request) (any, error) { return putRenewal(g, r) }})
	mux.Handle("/v1/certificate/check", endpoint{http.MethodPut: func(r *http.Request) (any, error) { return putNameCheck(g, r) }})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusNotFound, Error{Message: fmt.Sprintf("the admin API has no %s; this proxy speaks /v1", r.URL.Path)})
	})
	return mux
}

// endpoint answers its methods with JSON.
type endpoint map[string]func(*http.Request) (any, error)

func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve, takes := e[r.Method]
	if !takes {
		methods := slices.Sorted(maps.Keys(e))
		w.Header().Set("Allow", strings.Join(methods, ", "))
		message := fmt.Sprintf("%s takes %s, not %s", r.URL.Path, strings.Join(methods, " and "), r.Method)
		answer(w, http.StatusMethodNotAllowed, Error{Message: message})
		return
	}
	if r.Method == http.MethodPut {
		r.Body = http.MaxBytesReader(w, r.Body, MaxTable)
	}
	v, err := serve(r)
	if err != nil {
		answer(w, statusOf(err), Error{Message: err.Error()})
		return
	}
	answer(w, http.StatusOK, v)
}

// routeOf is the key of the route that a request is about.
func routeOf(r *http.Request) (string, error) {
	key := r.URL.Query().Get("route")
	if key == "" {
		return "", fmt.Errorf("%w: say which route, as in %s?route=/robots", ErrRefused, r.URL.Path)
	}
	return key, nil
}

func requests(g Gateway, r *http.Request) (any, error) {
	key, err := routeOf(r)
	if err != nil {
		return nil, err
	}
	last, err := g.Requests(key)
	if err != nil {
		return nil, err
	}
	return append([]Request{}, last...), nil
}

// read reads a whole body of at most limit bytes.
func read(body io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if tooMany, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, fmt.Errorf("%w: %d bytes is the most", ErrTooLarge, tooMany.Limit)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: reading the body: %w", ErrRefused, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: %d bytes is the most", ErrTooLarge, limit)
	}
	return data, nil
}

// statuses are the answers to the errors that have one of their own.
var statuses = map[error]int{
	ErrNoRoute:  http.StatusNotFound,
	ErrRefused:  http.StatusBadRequest,
	ErrTooLarge: http.StatusRequestEntityTooLarge,
	ErrInUse:    http.StatusConflict,

	ErrNoHTTPS:       http.StatusNotImplemented,
	ErrNoCertificate: http.StatusUnprocessableEntity,
	ErrNotOrdered:    http.StatusForbidden,
	ErrLimited:       http.StatusTooManyRequests,
	ErrNoAuthority:   http.StatusGone,
}

func statusOf(err error) int {
	for known, status := range statuses {
		if errors.Is(err, known) {
			return status
		}
	}
	return http.StatusInternalServerError
}

// answer writes v as JSON. An error while writing means that the asker is gone, who then needs no answer.
func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
