package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// longestJob bounds the id that a job's body may hold, in bytes.
const longestJob = 1 << 10

// failing is set while the app answers jobs with 500. SIGUSR1 sets it and SIGUSR2 ends it; its health stays well.
var failing atomic.Bool

// listenForFaults has signals make the app fail and work again.
func listenForFaults() {
	faults := make(chan os.Signal, 1)
	signal.Notify(faults, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for s := range faults {
			failing.Store(s == syscall.SIGUSR1)
		}
	}()
}

// job answers "ID by NAME" after ms milliseconds, where the id is the body, or ?id= when there is none. A POST leaves a
// line in the log as soon as it is there, so that one can see how often it came.
func job(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, longestJob))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id := cmp.Or(string(body), r.URL.Query().Get("id"))
	if r.Method == http.MethodPost {
		fmt.Println("app: posted", id)
	}
	pause, _ := strconv.Atoi(r.FormValue("ms"))
	select {
	case <-time.After(time.Duration(pause) * time.Millisecond):
	case <-r.Context().Done():
		return
	}
	if failing.Load() {
		http.Error(w, "failing as told", http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, "%s by %s", id, os.Getenv("NAME"))
}

// download sends n lines of a kilobyte, one each ms milliseconds.
func download(w http.ResponseWriter, r *http.Request) {
	count, _ := strconv.Atoi(r.FormValue("n"))
	pause, _ := strconv.Atoi(r.FormValue("ms"))
	const line = 1 << 10
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(count*line))
	flush := http.NewResponseController(w)
	for i := range count {
		if _, err := fmt.Fprintf(w, "%*d\n", line-1, i); err != nil || flush.Flush() != nil {
			return
		}
		select {
		case <-time.After(time.Duration(pause) * time.Millisecond):
		case <-r.Context().Done():
			return
		}
	}
}

// clock is the time that a variable of the environment gives, or else another one.
func clock(name string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(os.Getenv(name)); err == nil {
		return d
	}
	return otherwise
}
