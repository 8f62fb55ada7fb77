package filter

import (
	"strings"
	"testing"
)

func TestParseHSTS_WritesTheField(t *testing.T) {
	for said, want := range map[string]string{
		"31536000":                         "max-age=31536000",
		"4320h":                            "max-age=15552000",
		"0":                                "max-age=0",
		"max-age=300":                      "max-age=300",
		" max-age=300 ;":                   "",
		"300;includesubdomains":            "max-age=300; includeSubDomains",
		"180d":                             "max-age=15552000",
		"365d; includeSubDomains; preload": "max-age=31536000; includeSubDomains; preload",
		"max-age=31536000; includeSubDomains; preload": "max-age=31536000; includeSubDomains; preload",
		"8760h; preload; includeSubDomains":            "max-age=31536000; includeSubDomains; preload",
	} {
		got, err := ParseHSTS(said)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", said, got, err, want)
		}
	}
}

func TestParseHSTS_NamesTheRuleAndTheFix(t *testing.T) {
	for said, want := range map[string]string{
		"":                              "write one such as",
		"on":                            "neither a number of seconds or days nor a duration",
		"-1":                            "neither a number of seconds",
		"-1h":                           "not between 0 and 10 years",
		"900000h":                       "not between 0 and 10 years",
		"2147483647d":                   "not between 0 and 10 years",
		"3651d":                         "not between 0 and 10 years",
		"-1d":                           "neither a number",
		"99999999999999999999":          "neither",
		"max-age=1; max-age=2":          `remove "max-age=2"`,
		"1; preload":                    "at least a year and with its subdomains",
		"31536000; preload":             "includeSubDomains; preload",
		"1; includeSubDomains; preload": "at least a year",
		"1; includeSubDomains; includeSubDomains": "at most once",
		"1; x\r\nSet-Cookie: a=b":                 "remove",
	} {
		if got, err := ParseHSTS(said); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v; want an error with %q", said, got, err, want)
		}
	}
}

func FuzzParseHSTS(f *testing.F) {
	f.Add("max-age=31536000; includeSubDomains; preload")
	f.Add("4320h")
	f.Fuzz(func(t *testing.T, said string) {
		value, err := ParseHSTS(said)
		if err != nil {
			return
		}
		again, err := ParseHSTS(value)
		if err != nil || again != value || strings.ContainsAny(value, "\r\n,\"") {
			t.Errorf("%q is %q, and that is %q, %v", said, value, again, err)
		}
	})
}
