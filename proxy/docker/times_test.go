package docker

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func TestTimes_StayTimesWhateverAContainerSays(t *testing.T) {
	for text, want := range map[string]Times{
		`{"Config":{"StopTimeout":9223372036854775807,"Healthcheck":{"Test":["CMD","x"],"Retries":9223372036854775807}}}`:    {longest, longest},
		`{"Config":{"StopTimeout":-1,"Healthcheck":{"Test":["CMD","x"],"StartPeriod":9223372036854775807,"Retries":1}}}`:     {0, longest},
		`{"Config":{"StopTimeout":30,"Healthcheck":{"Test":["CMD","x"],"StartPeriod":1500000000,"Interval":2,"Timeout":0}}}`: {30 * time.Second, 91*time.Second + 500*time.Millisecond},
	} {
		var i inspection
		if err := json.Unmarshal([]byte(text), &i); err != nil {
			t.Fatal(err)
		}
		got := Times{i.stopTime(), i.startTime()}
		if got.Stop != want.Stop || math.Abs(float64(got.Start-want.Start)) > float64(time.Millisecond) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
