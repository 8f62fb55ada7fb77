package site

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"gateway/proxy/header"
	"gateway/proxy/page"
)

// file is an open regular file of an edition.
type file struct {
	*os.File
	name string
	info fs.FileInfo
}

// errFolder says that a name is that of a folder with an index, asked for without the slash.
var errFolder = errors.New("is a folder")

// find opens what a target asks for: the file, or the index of the folder.
func (e *edition) find(t target) (*file, error) {
	if t.folder {
		f, err := e.open(path.Join(t.name, indexFile))
		if errors.Is(err, errFolder) {
			err = fs.ErrNotExist
		}
		return f, err
	}
	f, err := e.open(t.name)
	if !errors.Is(err, errFolder) {
		return f, err
	}
	index, err := e.root.Stat(path.Join(t.name, indexFile))
	if err != nil {
		return nil, err
	}
	if !index.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	return nil, errFolder
}

// open opens a regular file by its name below the root. It looks before it opens, because opening a device or a
// named pipe may do something or wait forever, and looks again at what it then has in hand.
func (e *edition) open(name string) (*file, error) {
	info, err := e.root.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errFolder
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	flags := os.O_RDONLY
	if runtime.GOOS != "windows" {
		flags |= syscall.O_NONBLOCK // were it swapped for a pipe in between, this would return all the same
	}
	f, err := e.root.OpenFile(name, flags, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &file{File: f, name: name, info: info}, nil
}

// missing reports whether err means that there is no such file to be seen. A link out of the root counts, as do a
// file in the place of a folder and names that are too long: from outside they are all the same.
func missing(err error) bool {
	if err == nil || errors.Is(err, errFolder) || errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrClosed) {
		return false
	}
	for _, machine := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO} {
		if errors.Is(err, machine) {
			return false
		}
	}
	return true
}

// send answers with a file, or with the range or encoding of it that the client asked for.
func (e *edition) send(w http.ResponseWriter, r *http.Request, f *file) {
	if f.info.Size() == 0 { // http.ServeContent answers a suffix of nothing with 206 and a range that ends before it starts
		r = withoutRange(r)
	}
	known, err := e.facts.of(f)
	if err != nil {
		e.refuse(w, r, target{name: f.name}, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", known.mediaType)
	h.Set("Cache-Control", cacheControl(f.name, known.mediaType))
	body, err := e.represent(r, f, known)
	if err != nil {
		e.refuse(w, r, target{name: f.name}, err)
		return
	}
	defer body.close()
	if compressible(known.mediaType) && contentEncoding(f.name) == "" {
		h.Add("Vary", "Accept-Encoding")
	}
	h.Set("ETag", body.etag)
	if body.encoding != "" {
		h.Set("Content-Encoding", body.encoding)
		w = sized{w, body.size}
	}
	http.ServeContent(w, r, "", f.info.ModTime(), body.content)
}

// sized adds the length to an encoded body, which http.ServeContent leaves out, when it is the body that is sent.
type sized struct {
	http.ResponseWriter
	size int64
}

// WriteHeader implements http.ResponseWriter.
func (w sized) WriteHeader(status int) {
	if status == http.StatusOK {
		w.Header().Set("Content-Length", strconv.FormatInt(w.size, 10))
	}
	w.ResponseWriter.WriteHeader(status)
}

// notFoundFile is the site's own page for what it does not have.
const notFoundFile = "404.html"

// notFound answers 404 with the site's own page if it has one, else with a page of the gateway's look.
func (e *edition) notFound(w http.ResponseWriter, r *http.Request) {
	if f, err := e.open(notFoundFile); err == nil {
		defer f.Close()
		if known, err := e.facts.of(f); err == nil {
			e.notFoundOwn(w, r, f, known.mediaType)
			return
		}
	}
	var asked header.Header
	for _, name := range []string{"Accept", "Accept-Language"} {
		if value := r.Header.Get(name); value != "" {
			asked.Add(name, value)
		}
	}
	p := page.Page{Kind: page.NoFile, RequestID: r.Header.Get("X-Request-Id"), Home: home(r.URL.EscapedPath())}
	status, fields, body := p.Render(r.Method, asked)
	h := w.Header()
	for _, f := range fields {
		h.Set(f.Name, f.Value)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // when the client has left there is nobody to tell
	}
}

func (e *edition) notFoundOwn(w http.ResponseWriter, r *http.Request, f *file, kind string) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", cacheAsk)
	h.Set("Content-Length", strconv.FormatInt(f.info.Size(), 10))
	w.WriteHeader(http.StatusNotFound)
	if r.Method != http.MethodHead {
		_, _ = io.CopyN(w, f, f.info.Size()) // when the client has left there is nobody to tell
	}
}

// home is the way from a path to the start of the site, relative so that it holds below any prefix.
func home(escaped string) string {
	const deepest = 64
	depth := strings.Count(strings.TrimPrefix(escaped, "/"), "/")
	switch {
	case depth > deepest: // no page is there, and none of a length that a client chooses
		return ""
	case depth == 0:
		return "./"
	}
	return strings.Repeat("../", depth)
}
