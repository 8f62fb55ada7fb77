package site

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// The size from which a file is compressed, and how much of what came out is kept in memory. Files above hashLimit are
// sent as they are unless the site brings a compressed sibling.
const (
	packMin   = 1 << 10
	packCache = 16 << 20
)

// representation is one form of a file, with its own ETag because its bytes differ.
type representation struct {
	content        io.ReadSeeker
	size           int64
	etag, encoding string
	close          func()
}

// represent chooses the form of f that suits the client: a compressed sibling that is at least as new as the file
// itself, else one made here, else the file. Ranges are always of the file itself. A file that is stored compressed is sent
// as it is.
func (e *edition) represent(r *http.Request, f *file, known facts) (representation, error) {
	plain := representation{
		content: f, size: f.info.Size(), etag: quoted(known.tag, ""), encoding: contentEncoding(f.name), close: func() {},
	}
	if plain.encoding != "" || !compressible(known.mediaType) || f.info.Size() < packMin || r.Header.Get("Range") != "" {
		return plain, nil
	}
	for _, i := range parseAcceptance(r.Header).preferred() {
		encoding := encodings[i].name
		if sibling, ok := e.sibling(f, encodings[i].extension); ok {
			return sibling.as(encoding), nil
		}
		if encoding == "br" || f.info.Size() > hashLimit {
			continue
		}
		packed, err := e.site.packed.pack(r.Context(), f, known.tag, encoding)
		if err != nil {
			return representation{}, err
		}
		if packed == nil {
			continue
		}
		return representation{
			content: bytes.NewReader(packed), size: int64(len(packed)),
			etag: quoted(known.tag, encoding), encoding: encoding, close: func() {},
		}, nil
	}
	return plain, nil
}

func quoted(tag, encoding string) string {
	if encoding != "" {
		tag += "-" + encoding
	}
	return `"` + tag + `"`
}

// sibling opens the compressed file beside f. One that is older than f was made of an older f and does not count.
func (e *edition) sibling(f *file, extension string) (found siblingFile, ok bool) {
	sf, err := e.open(f.name + extension)
	if err != nil {
		return siblingFile{}, false
	}
	known, err := e.facts.of(sf)
	if err != nil || sf.info.ModTime().Before(f.info.ModTime()) {
		sf.Close()
		return siblingFile{}, false
	}
	return siblingFile{sf, known}, true
}

// siblingFile is a compressed file beside another.
type siblingFile struct {
	file  *file
	known facts
}

func (s siblingFile) as(encoding string) representation {
	return representation{
		content: s.file, size: s.file.info.Size(), etag: quoted(s.known.tag, encoding), encoding: encoding,
		close: func() { s.file.Close() },
	}
}

// packer compresses files and keeps the results, the latest used first, up to packCache bytes.
type packer struct {
	// busy bounds how many files are held in memory to be compressed.
	busy chan struct{}
	zstd *zstd.Encoder

	mu     sync.Mutex
	size   int
	latest *list.List // of *packedFile
	byKey  map[packKey]*list.Element
}

type packKey struct{ tag, encoding string }

// packedFile is a result; data is nil when compressing did not make the file smaller.
type packedFile struct {
	key  packKey
	data []byte
}

func newPacker() *packer {
	// Browsers refuse windows above 8 MiB (RFC 9659); a smaller one also needs less memory here.
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(fmt.Sprintf("zstd refused its own options: %v", err))
	}
	return &packer{busy: make(chan struct{}, 2), zstd: encoder, latest: list.New(), byKey: map[packKey]*list.Element{}}
}

// pack returns the content of f compressed, or nil when that would not be smaller or f is just being written. It
// leaves f at its start.
func (p *packer) pack(ctx context.Context, f *file, tag, encoding string) ([]byte, error) {
	key := packKey{tag, encoding}
	if data, ok := p.cached(key); ok {
		return data, nil
	}
	select {
	case p.busy <- struct{}{}:
		defer func() { <-p.busy }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to compress %s: %w", f.name, ctx.Err())
	}
	if data, ok := p.cached(key); ok { // another request was faster
		return data, nil
	}
	plain := make([]byte, f.info.Size())
	if _, err := f.ReadAt(plain, 0); err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.name, err)
	}
	if sum := sha256.Sum256(plain); hashTag(sum[:]) != tag { // written to since the tag was made: the next request sees the new content whole
		return nil, nil
	}
	data, err := p.compress(plain, encoding)
	if err != nil {
		return nil, fmt.Errorf("compressing %s: %w", f.name, err)
	}
	if len(data) >= len(plain) {
		data = nil
	}
	p.keep(key, data)
	return data, nil
}

func (p *packer) compress(plain []byte, encoding string) ([]byte, error) {
	if encoding == "zstd" {
		return p.zstd.EncodeAll(plain, nil), nil
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(plain); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (p *packer) cached(key packKey) (data []byte, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.byKey[key]
	if !ok {
		return nil, false
	}
	p.latest.MoveToFront(at)
	return at.Value.(*packedFile).data, true
}

// entrySize is what an entry costs beside its data.
const entrySize = 512

func (p *packer) keep(key packKey, data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.byKey[key]; ok {
		return
	}
	p.byKey[key] = p.latest.PushFront(&packedFile{key, data})
	p.size += len(data) + entrySize
	for p.size > packCache {
		oldest := p.latest.Remove(p.latest.Back()).(*packedFile)
		delete(p.byKey, oldest.key)
		p.size -= len(oldest.data) + entrySize
	}
}
