package label

import (
	"slices"
	"testing"
)

func TestDependencies_ReadsWhatComposeWrites(t *testing.T) {
	for text, want := range map[string][]Dependency{
		"":                           nil,
		"db:service_healthy:false":   {{"db", ServiceHealthy, false}},
		"db:service_started:true":    {{"db", "service_started", true}},
		"db":                         {{"db", "", false}},
		",:service_healthy:true":     nil,
		"db:service_healthy:a:true,": {{"db", ServiceHealthy, false}},
		"db:service_healthy:false,job:service_completed_successfully:true": {{"db", ServiceHealthy, false}, {"job", ServiceCompleted, true}},
	} {
		if got := Dependencies(map[string]string{ComposeDependsOn: text}); !slices.Equal(got, want) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
