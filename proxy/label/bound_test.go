package label

import (
	"strings"
	"testing"
	"time"

	"gateway/proxy/route"
)

func TestParseRate_ReadsWhatTheLabelHas(t *testing.T) {
	for text, want := range map[string]route.Rate{
		"10/s":             {Requests: 10, Per: time.Second, Burst: 10},
		" 50/s,burst=100 ": {Requests: 50, Per: time.Second, Burst: 100},
		"600/m":            {Requests: 600, Per: time.Minute, Burst: 10},
	} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{"": "10/s", "10/second": "write 10/s", "10/s,brst=2": "burst=", strings.Repeat("9", 5000): "is no rate"} {
		if got, err := ParseRate(text); err == nil || got != (route.Rate{}) || !strings.Contains(err.Error(), want) || len(err.Error()) > 500 {
			t.Errorf("%q is %+v, %v; want %s", text, got, err, want)
		}
	}
}

func TestParseSize_ReadsWhatTheLabelHas(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "64KiB": 64 << 10, " 10MB ": 10e6, "1TiB": 1 << 40} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]string{"": "10MB", "0": "at least one byte", "-1": "at least one byte", "10m": "write 10MB or 10MiB", "2TiB": "1TiB is the most"} {
		if got, err := ParseSize(text); err == nil || got != 0 || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %d, %v; want %s", text, got, err, want)
		}
	}
}
