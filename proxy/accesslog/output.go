package accesslog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// file is what an output needs of an *os.File.
type file interface {
	io.WriteCloser
	Stat() (fs.FileInfo, error)
}

// output writes blocks to a file, so that each line is whole in it whatever fails. Its methods are safe for concurrent
// use and wait for the disk.
type output struct {
	mu   sync.Mutex
	open func() (to file, halfLine bool, err error)
	to   file
	// half reports that the file ends within a line of somebody else, which a line feed must end first.
	half bool
	// block is what is being written, done how much of it was, and size how long the file was then.
	block []byte
	done  int
	size  int64
}

// newOutput opens an output for the first time.
func newOutput(open func() (file, bool, error)) (*output, error) {
	o := &output{open: open}
	var err error
	o.to, o.half, err = open()
	return o, err
}

// write writes a block. After an error resume goes on with it, and the block must stay as it is.
func (o *output) write(block []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.block, o.done = block, 0
	return o.push()
}

// resume writes the rest of the block whose writing was cut short.
func (o *output) resume() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rejoin()
	return o.push()
}

// rest is how much of the block is not written yet.
func (o *output) rest() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.block[o.done:]
}

func (o *output) push() error {
	if o.half {
		if _, err := o.to.Write([]byte{'\n'}); err != nil {
			return err
		}
		o.half = false
	}
	n, err := o.to.Write(o.block[o.done:])
	if o.done += n; err != nil {
		o.size = sizeOf(o.to)
		return err
	}
	o.block, o.done = nil, 0
	return nil
}

// within reports that the file ends within a line of the block.
func (o *output) within() bool { return o.done > 0 && o.block[o.done-1] != '\n' }

// rejoin prepares to go on. The rest of a line may only follow its beginning: when somebody emptied the full disk
// meanwhile, or wrote to the file, the line is rewritten.
func (o *output) rejoin() {
	if size := sizeOf(o.to); o.within() && size != o.size {
		o.rewind()
		o.half = size > 0
	}
}

// rewind goes back to the beginning of the line.
func (o *output) rewind() { o.done = bytes.LastIndexByte(o.block[:o.done], '\n') + 1 }

// reopen opens the file again and closes the one before, which ends with a whole line if that can still be done. A line
// that could not be ended there is in the new one. After an error the one before is in use.
func (o *output) reopen() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	to, half, err := o.open()
	if err != nil {
		return err
	}
	if o.within() {
		o.endLine()
	}
	// What fails here has failed before, and was reported then.
	_ = o.to.Close()
	o.to, o.half = to, half
	return nil
}

// endLine tries to write the rest of the line, or else gives it up here.
func (o *output) endLine() {
	if o.rejoin(); !o.within() {
		return
	}
	line := bytes.IndexByte(o.block[o.done:], '\n') + 1
	if n, err := o.to.Write(o.block[o.done : o.done+line]); err == nil {
		o.done += n
	} else {
		o.rewind()
	}
}

func (o *output) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Close()
}

// sizeOf is the length of a file, and 0 for what has none.
func sizeOf(f file) int64 {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

// openPath opens a file to append to, and reports whether it ends within a line, as after a crash.
func openPath(path string) (file, bool, error) {
	// A named pipe without a reader is an error then, instead of a gateway that hangs.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o640)
	if err != nil {
		return nil, false, explain(path, err)
	}
	return f, endsWithin(path, sizeOf(f)), nil
}

// explain says what to do about a file that cannot be opened.
func explain(path string, err error) error {
	dir := filepath.Dir(path)
	_, missing := os.Stat(dir)
	switch {
	case errors.Is(missing, fs.ErrNotExist):
		return fmt.Errorf("opening the access log: there is no folder %s; create it, writable for the user that runs gateway: %w", dir, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("opening the access log: let the user that runs gateway write to the folder %s and to the file in it: %w", dir, err)
	case errors.Is(err, syscall.ENXIO):
		return fmt.Errorf("opening the access log: a named pipe needs somebody who reads it first: %w", err)
	}
	return fmt.Errorf("opening the access log: %w", err)
}

// endsWithin reports whether a file of that size ends within a line. One that may not be read is taken to be whole.
func endsWithin(path string, size int64) bool {
	if size == 0 {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var last [1]byte
	_, err = f.ReadAt(last[:], size-1)
	return err == nil && last[0] != '\n'
}

// stream is a writer that stays open, such as standard output.
type stream struct{ io.Writer }

func (stream) Close() error { return nil }

func (stream) Stat() (fs.FileInfo, error) { return nil, errors.ErrUnsupported }
