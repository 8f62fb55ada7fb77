package invite

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

func TestTokens_TakeEachOnceThoughTheClockIsPutBack(t *testing.T) {
	tokens, err := openTokens(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	token := tokens.issue(toRequest, now)
	// Who has no proof waits, also for the time of the token to come.
	before := now.Add(-5 * time.Hour)
	if err := tokens.take(toRequest, token, "", before); !errors.Is(err, errEarly) {
		t.Errorf("before its time: %v", err)
	}
	token, proof := tokens.issue(toJoin, now), ""
	for n := uint64(0); proof == ""; n++ {
		if zeros(token, n) >= workBits {
			proof = strconv.FormatUint(n, 10)
		}
	}
	if err := tokens.take(toJoin, token, proof, before); err != nil {
		t.Fatal(err)
	}
	for at := before; at.Before(now.Add(toJoin.within)); at = at.Add(7 * time.Minute) {
		if err := tokens.take(toJoin, token, proof, at); !errors.Is(err, errUsed) {
			t.Fatalf("once more %s later: %v", at.Sub(before), err)
		}
	}
	if err := tokens.take(toJoin, token, proof, now.Add(toJoin.within+time.Second)); !errors.Is(err, errOld) {
		t.Errorf("at last: %v", err)
	}
}
