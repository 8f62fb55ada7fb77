package engine

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// specVariable is the path of h2spec, set by the lane that builds it.
const specVariable = "GATEWAY_H2SPEC"

// specCases is the number of cases that h2spec has, so that none is lost.
const specCases = 146

// excused are the cases that fail, and why that stays.
var excused = map[string]string{
	"http2/6.5.3 Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE": "the standard library takes a setting that " +
		"is given twice for an attack, and closes the connection",
	"http2/8.1.2.2 Sends a HEADERS frame that contains the connection-specific header field":                       bad400,
	"http2/8.1.2.2 Sends a HEADERS frame that contains the TE header field with any value other than \"trailers\"": bad400,
}

const bad400 = "the standard library responds with 400 and does not reset the stream, which RFC 9113 section 8.1.1 allows"

// excusedPlain are those that fail only without TLS.
var excusedPlain = map[string]string{
	"http2/3.5 Sends invalid connection preface": "the port speaks HTTP/1.1 too: what does not begin with the preface " +
		"gets 400 in that version before the connection is closed",
}

// spec is the report of h2spec.
type spec struct {
	Suites []struct {
		Cases []struct {
			Section string  `xml:"package,attr"`
			Name    string  `xml:"classname,attr"`
			Failure *string `xml:"failure"`
			Error   *string `xml:"error"`
			Skipped *string `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func TestHTTP2_MeetsTheSpecification(t *testing.T) {
	tool := os.Getenv(specVariable)
	if tool == "" {
		t.Skip("set " + specVariable + " to an h2spec; testdata/test.sh h2spec does")
	}
	response := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, "a response that is a few octets long")
	}
	t.Run("h2", func(t *testing.T) {
		m, p := throughTLS(t, HTTP, response)
		p.fails = nil
		meets(t, tool, maps.Clone(excused), m.address, "--tls", "--insecure")
	})
	t.Run("h2c", func(t *testing.T) {
		r, p := through(t, response)
		p.fails = nil
		known := maps.Clone(excused)
		maps.Copy(known, excusedPlain)
		meets(t, tool, known, r.address)
	})
}

// meets runs all cases against an address. Those that are known must fail, and no other may.
func meets(t *testing.T, tool string, known map[string]string, address string, flags ...string) {
	host, port, _ := net.SplitHostPort(address)
	path := filepath.Join(t.TempDir(), "report.xml")
	flags = append(flags, "--strict", "--host", host, "--port", port, "--junit-report", path)
	out, err := exec.CommandContext(t.Context(), tool, flags...).CombinedOutput()
	report, readErr := os.ReadFile(path)
	if readErr != nil {
		t.Fatalf("%v, %v: %s", readErr, err, out)
	}
	var got spec
	if err := xml.Unmarshal(report, &got); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, suite := range got.Suites {
		for _, c := range suite.Cases {
			count++
			name := c.Section + " " + c.Name
			failed := c.Failure != nil || c.Error != nil || c.Skipped != nil
			t.Run(name, func(t *testing.T) {
				switch reason, excused := known[name]; {
				case failed && !excused:
					t.Error("it is not met; what h2spec says:", string(out))
				case !failed && excused:
					t.Errorf("it is met; it was not, since %s", reason)
				}
				delete(known, name)
			})
		}
	}
	if count != specCases || len(known) > 0 {
		t.Errorf("%d cases ran, want %d; not among them: %v", count, specCases, known)
	}
}
