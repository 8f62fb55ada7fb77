package invite

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"gateway/proxy/durable"
)

// A page carries a token: when it was made and for what, signed. Who sends it back, once, has read the page; a script
// adds the proof of some work, and who has none must let a person's time pass.

// use is what a token is good for.
type use struct {
	// purpose tells the tokens of one form from those of another.
	purpose byte
	// after is the time before which it is good with a proof alone, within the one until which it is good.
	after, within time.Duration
}

var (
	toJoin    = use{'j', 3 * time.Second, 10 * time.Minute}
	toRequest = use{'r', 3 * time.Second, 2 * time.Hour}
)

// workBits is how many leading zero bits the hash of a proof has: some 65,000 tries, a blink for a phone and a cost for
// who wants thousands.
const workBits = 16

// What is wrong with a token.
var (
	errForged = errors.New("the token is not of this page")
	errOld    = errors.New("the token is too old")
	errEarly  = errors.New("the token is too young for a form without proof")
	errUsed   = errors.New("the token was used")
	errProof  = errors.New("the proof of work is none")
	errBusy   = errors.New("too many tokens are in use")
)

// The parts of a token, in bytes: time in milliseconds, random, and the shortened signature over both and the purpose.
const (
	timeSize   = 8
	randomSize = 12
	signSize   = 16
	tokenSize  = timeSize + randomSize + signSize
)

// maxUsed bounds the memory of used tokens. When it is full nobody gets in until some of them have aged: the bound is
// far above what all clients together may send within their time.
const maxUsed = 1 << 16

// tokens makes and takes tokens.
type tokens struct {
	key []byte

	mu sync.Mutex
	// used are those that were taken, by their random part, until they would be too old anyway.
	used  map[[randomSize]byte]time.Time
	swept time.Time
}

// keyFile is in the folder of the state, so that a restart does not break open pages.
const keyFile = "key"

// openTokens signs with the key in the folder, which is made when there is none. A folder that cannot be written costs
// the pages that are open at a restart, no more.
func openTokens(state string) (*tokens, error) {
	t := &tokens{used: map[[randomSize]byte]time.Time{}}
	path := filepath.Join(state, keyFile)
	key, err := os.ReadFile(path)
	if err == nil && len(key) == sha256.Size {
		t.key = key
		return t, nil
	}
	t.key = make([]byte, sha256.Size)
	rand.Read(t.key)
	if err := durable.Write(path, t.key, 0o600); err != nil {
		return t, fmt.Errorf("keeping the key of tokens: %w", err)
	}
	return t, nil
}

// issue makes a token.
func (t *tokens) issue(u use, now time.Time) string {
	token := make([]byte, 0, tokenSize)
	token = binary.BigEndian.AppendUint64(token, uint64(now.UnixMilli()))
	token = token[:timeSize+randomSize]
	rand.Read(token[timeSize:])
	return base64.RawURLEncoding.EncodeToString(append(token, t.sign(u, token)...))
}

func (t *tokens) sign(u use, token []byte) []byte {
	mac := hmac.New(sha256.New, t.key)
	mac.Write([]byte{u.purpose})
	mac.Write(token)
	return mac.Sum(nil)[:signSize]
}

// take uses a token up. With a proof it may be young.
func (t *tokens) take(u use, text, proof string, now time.Time) error {
	random, age, err := t.check(u, text, proof, now)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep(now)
	if _, used := t.used[random]; used {
		return errUsed
	}
	if len(t.used) >= maxUsed {
		return errBusy
	}
	// A clock that was put back makes tokens of the time to come, which are good for longer.
	t.used[random] = now.Add(u.within + max(0, -age))
	return nil
}

func (t *tokens) check(u use, text, proof string, now time.Time) (random [randomSize]byte, age time.Duration, err error) {
	token, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(token) != tokenSize {
		return random, 0, errForged
	}
	said := token[:timeSize+randomSize]
	if subtle.ConstantTimeCompare(t.sign(u, said), token[timeSize+randomSize:]) != 1 {
		return random, 0, errForged
	}
	age = now.Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(said))))
	switch {
	case age > u.within:
		return random, age, errOld
	case proof != "" && !proven(text, proof):
		return random, age, errProof
	case proof == "" && age < u.after:
		return random, age, errEarly
	}
	return [randomSize]byte(said[timeSize:]), age, nil
}

// sweep forgets tokens that are too old to be taken again. Once in a while is enough.
func (t *tokens) sweep(now time.Time) {
	if now.Sub(t.swept) < time.Second*10 && len(t.used) < maxUsed {
		return
	}
	t.swept = now
	for random, until := range t.used {
		if now.After(until) {
			delete(t.used, random)
		}
	}
}

// proven reports whether proof, a decimal number, is one for the token: the SHA-256 of the token's SHA-256 and the
// number as eight bytes, the first one first, begins with enough zero bits.
func proven(token, proof string) bool {
	n, err := strconv.ParseUint(proof, 10, 64)
	if err != nil {
		return false
	}
	return zeros(token, n) >= workBits
}

func zeros(token string, n uint64) int {
	seed := sha256.Sum256([]byte(token))
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(seed[:], n))
	return bits.LeadingZeros32(binary.BigEndian.Uint32(sum[:4]))
}
