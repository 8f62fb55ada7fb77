package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"
)

// hashLimit is the size up to which a file's ETag is a hash of its content, which survives copies and new
// containers; above it, size and time of change have to do.
const hashLimit = 8 << 20

// maxFacts is how many files are remembered.
const maxFacts = 4096

// settled is the age from which a time of change can be trusted to differ at the next change; file systems with
// coarse clocks would otherwise let a second write in the same tick go unseen.
const settled = 2 * time.Second

// facts are what has to be read from a file's content to describe it.
type facts struct {
	// tag is an ETag without its quotes and without the suffix of an encoding.
	tag       string
	mediaType string
}

// factKey names one content of one file.
type factKey struct {
	name     string
	size     int64
	modified int64
}

// factCache remembers facts, so that a file is hashed once and not for each request. The zero value is ready.
type factCache struct {
	mu    sync.Mutex
	known map[factKey]facts
}

// of returns the facts of f, and leaves it positioned at its start.
func (c *factCache) of(f *file) (facts, error) {
	key := factKey{f.name, f.info.Size(), f.info.ModTime().UnixNano()}
	c.mu.Lock()
	found, ok := c.known[key]
	c.mu.Unlock()
	if ok {
		return found, nil
	}
	found, err := read(f)
	if err != nil {
		return facts{}, err
	}
	if time.Since(f.info.ModTime()).Abs() < settled {
		return found, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxFacts {
		c.known = map[factKey]facts{}
	}
	c.known[key] = found
	return found, nil
}

func read(f *file) (facts, error) {
	sample := make([]byte, sampleSize)
	n, err := io.ReadFull(f, sample)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return facts{}, fmt.Errorf("reading %s: %w", f.name, err)
	}
	sample = sample[:n]
	found := facts{
		tag:       fmt.Sprintf("%x-%x", f.info.Size(), f.info.ModTime().UnixNano()),
		mediaType: mediaType(f.name, sample),
	}
	if f.info.Size() <= hashLimit {
		sum := sha256.New()
		if _, err := io.Copy(sum, io.MultiReader(bytes.NewReader(sample), f)); err != nil {
			return facts{}, fmt.Errorf("hashing %s: %w", f.name, err)
		}
		found.tag = hashTag(sum.Sum(nil))
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return facts{}, fmt.Errorf("rewinding %s: %w", f.name, err)
	}
	return found, nil
}

// hashTag makes a tag of a hash; half of it is plenty to tell the contents of one site apart.
func hashTag(sum []byte) string { return hex.EncodeToString(sum[:16]) }
