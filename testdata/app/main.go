// Command app is what end-to-end tests run in containers: a small web server that believes it lives at "/", and a
// client to probe with from inside a network. It knows nothing of gateway.
//
//	app              serve on $PORT, default 8000; $NAME is what it calls itself, $DELAY how long it waits first,
//	                 $LINGER how long it goes on as if nothing was when told to stop, $GRACE what is under way then gets
//	app probe URL    exit with 0 when anything answers at the URL within 2 seconds
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 2 && args[0] == "probe" {
		return probe(args[1])
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	select {
	case <-time.After(clock("DELAY", 0)):
	case <-ctx.Done():
		return nil
	}
	return serve(ctx)
}

func probe(url string) error {
	client := http.Client{Timeout: 2 * time.Second}
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

func serve(ctx context.Context) error {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8000"
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", page)
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/sse", events)
	mux.HandleFunc("/job", job)
	mux.HandleFunc("/download", download)
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "well") })
	mux.HandleFunc("/ws", upgrade)
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/echo", http.StatusFound) })
	mux.HandleFunc("/fail", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "failed as asked", http.StatusInternalServerError)
	})
	server := http.Server{Addr: ":" + port, Handler: mux}
	listenForFaults()
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		fmt.Println("app: stopping")
		time.Sleep(clock("LINGER", 0))
		deadline, cancel := context.WithTimeout(context.Background(), clock("GRACE", 2*time.Second))
		defer cancel()
		if server.Shutdown(deadline) != nil {
			server.Close()
		}
	})
	defer stop()
	fmt.Println("app: listening on", server.Addr)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	// ListenAndServe returns as soon as Shutdown begins.
	<-ended
	return nil
}

func page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html><title>app</title><h1>%s</h1><p>%s</p>", os.Getenv("NAME"), r.URL.EscapedPath())
}

// echo answers with the request as it arrived.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1", Path: "/"})
	json.NewEncoder(w).Encode(map[string]any{
		"name": os.Getenv("NAME"), "method": r.Method, "target": r.RequestURI, "host": r.Host, "headers": r.Header,
	})
}

// events sends n server-sent events, one each ms milliseconds.
func events(w http.ResponseWriter, r *http.Request) {
	count, _ := strconv.Atoi(r.FormValue("n"))
	pause, _ := strconv.Atoi(r.FormValue("ms"))
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	for i := range count {
		fmt.Fprintf(w, "data: %d\n\n", i)
		if flush.Flush() != nil {
			return
		}
		select {
		case <-time.After(time.Duration(pause) * time.Millisecond):
		case <-r.Context().Done():
			return
		}
	}
}
