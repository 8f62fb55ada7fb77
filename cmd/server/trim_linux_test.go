package server

import (
	"testing"
)

func TestReadOnly_FindsTheProgramAndNothingElse(t *testing.T) {
	for line, want := range map[string][2]uintptr{
		"00400000-00a00000 r-xp 00000000 fe:00 123                        /gateway":       {0x400000, 0xa00000},
		"00a00000-00b00000 r--p 00600000 fe:00 123                        /gateway":       {0xa00000, 0xb00000},
		"00b00000-00b10000 rw-p 00700000 fe:00 123                        /gateway":       {},
		"7f0000000000-7f0000001000 r-xp 00000000 fe:00 124                /lib/libc.so.6": {},
		"7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                  [stack]":        {},
		"00a00000-00400000 r--p 00000000 fe:00 123                        /gateway":       {},
		"nonsense": {},
		"":         {},
	} {
		from, to, ok := readOnly(line, "/gateway")
		if ok != (want != [2]uintptr{}) || ok && (from != want[0] || to != want[1]) {
			t.Errorf("%q: %x-%x, %v", line, from, to, ok)
		}
	}
}

// The test would crash if a page were lost.
func TestTrim_LeavesAProcessThatWorks(*testing.T) {
	trim()
	trim()
}
