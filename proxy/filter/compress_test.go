package filter

import (
	"strings"
	"testing"

	"gateway/proxy/header"
)

// FuzzAccepted compares with a reading that knows nothing of fields: the coding that is chosen has a weight above 0, and none
// has a larger one.
func FuzzAccepted(f *testing.F) {
	for _, seed := range []string{"", "gzip", "gzip, zstd;q=0.5", "*;q=0.1, zstd;q=0", "identity;q=1, gzip;q=0.5", "gzip;q=0, *", "x-gzip;q=0.3", ",;=,q"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		weights := map[string]float64{}
		for item := range strings.SplitSeq(value, ",") {
			name, weight := header.Weighted(item)
			if weight < 0 || weight > 1 {
				t.Fatalf("%q weighs %v", item, weight)
			}
			switch name = strings.ToLower(name); name {
			case "x-gzip", "gzip":
				weights["gzip"] = max(weights["gzip"], weight)
			case "zstd", "identity", "*":
				weights[name] = weight
			}
		}
		weigh := func(name string) float64 {
			if weight, said := weights[name]; said {
				return weight
			}
			return weights["*"]
		}
		var h header.Header
		h.Add("Accept-Encoding", value)
		how := accepted(h)
		if how == plain {
			if most := max(weigh("gzip"), weigh("zstd")); most > 0 && most >= weights["identity"] {
				t.Errorf("%q: nothing is chosen, and %v is wanted", value, most)
			}
			return
		}
		chosen := weigh(codings[how].name)
		if chosen <= 0 || chosen < weigh("gzip") || chosen < weigh("zstd") || chosen < weights["identity"] {
			t.Errorf("%q: %s is chosen, which weighs %v", value, codings[how].name, chosen)
		}
	})
}
