package accesslog

import "sync"

const (
	// blockSize is how much is written at once when there is much to write. It is more than the longest line.
	blockSize = 64 << 10
	// maxBlocks bounds what waits for a slow disk.
	maxBlocks = 64
	// spareBlocks is how many of those that were written are kept for the next lines.
	spareBlocks = 8
)

// blocks hold lines until somebody writes them out, in the order in which they came. They are safe for concurrent use, and
// nobody waits in them for longer than it takes to make a line.
type blocks struct {
	mu     sync.Mutex
	pen    pen
	active []byte
	full   [][]byte
	spare  [][]byte
	// made is how many there are of all kinds, those included that are being written.
	made  int
	ended bool
}

// add keeps the line of an entry, unless there is no room. It reports whether a block became full.
func (b *blocks) add(e *Entry) (added, filled bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false, false
	}
	line := b.pen.line(e)
	if cap(b.active)-len(b.active) < len(line) {
		filled = b.seal()
		if !b.refill() {
			return false, filled
		}
	}
	b.active = append(b.active, line...)
	return true, filled
}

// seal puts the active block behind those that are full, if it holds anything.
func (b *blocks) seal() bool {
	if len(b.active) == 0 {
		return false
	}
	b.full = append(b.full, b.active)
	b.active = nil
	return true
}

// refill finds an empty block, which is made when there is none and their number allows it.
func (b *blocks) refill() bool {
	switch {
	case len(b.spare) > 0:
		last := len(b.spare) - 1
		b.active = b.spare[last]
		b.spare = b.spare[:last]
	case b.made < maxBlocks:
		b.active = make([]byte, 0, blockSize)
		b.made++
	default:
		b.active = nil
		return false
	}
	return true
}

// take moves the blocks that are full to the end of a list, and with all the one that is not yet. Each is given back
// once it is written.
func (b *blocks) take(list [][]byte, all bool) [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if all {
		b.seal()
	}
	list = append(list, b.full...)
	clear(b.full)
	b.full = b.full[:0]
	return list
}

// giveBack takes a block that was written.
func (b *blocks) giveBack(block []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.spare) < spareBlocks {
		b.spare = append(b.spare, block[:0])
		return
	}
	b.made--
}

// end lets nothing be added any more.
func (b *blocks) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
}
