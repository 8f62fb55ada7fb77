package header

import "testing"

func TestWeighted_ReadsTheWeight(t *testing.T) {
	for item, want := range map[string]struct {
		name   string
		weight float64
	}{
		"gzip":                     {"gzip", 1},
		" gzip ; q=0.5 ":           {"gzip", 0.5},
		"gzip;Q = 0":               {"gzip", 0},
		"text/html;level=1;q=0.25": {"text/html", 0.25},
		"text/html;q=0.5;x=1":      {"text/html", 0.5},
		"*;q=1.000":                {"*", 1},
		"gzip;q=2":                 {"gzip", 0},
		"gzip;q=-1":                {"gzip", 0},
		"gzip;q=nan":               {"gzip", 0},
		"gzip;q=":                  {"gzip", 0},
		"gzip;q":                   {"gzip", 1},
		"":                         {"", 1},
	} {
		if name, weight := Weighted(item); name != want.name || weight != want.weight {
			t.Errorf("%q is %q with %v, want %q with %v", item, name, weight, want.name, want.weight)
		}
	}
}
