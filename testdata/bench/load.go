package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"gateway/testdata/bench/peer"
)

// outcome is the result of a load tool whose responses were all correct.
type outcome struct {
	requests int
	p50, p99 time.Duration
}

// loadReport is what our own load tool prints.
type loadReport struct {
	Requests int            `json:"requests"`
	Failed   int            `json:"failed"`
	Errors   map[string]int `json:"errors"`
	Seconds  float64        `json:"seconds"`
	P50      float64        `json:"p50_us"`
	P99      float64        `json:"p99_us"`

	Refused    int     `json:"refused"`
	RefusedP50 float64 `json:"refused_p50_us"`
	RefusedP99 float64 `json:"refused_p99_us"`
}

// loadArgs are the arguments of our own load tool for the traffic.
func loadArgs(r *peer.Running, t traffic, d time.Duration) []string {
	args := []string{
		"--port", strconv.Itoa(r.Setup.HTTP), "--conns", strconv.Itoa(t.conns), "--duration", d.String(),
		"--routes", strconv.Itoa(t.routes), "--rate", strconv.Itoa(t.rate), "--fresh=" + strconv.FormatBool(t.fresh),
		"--browser=" + strconv.FormatBool(t.browser),
	}
	if t.upload {
		return append(args, "--upload", strconv.Itoa(t.body), "--length", strconv.Itoa(len(strconv.Itoa(t.body))))
	}
	return append(args, "--path", strconv.Itoa(t.body), "--length", strconv.Itoa(t.body))
}

// ownLoad runs our own load tool, which checks the status and the length of every response.
func ownLoad(ctx context.Context, b *bed, r *peer.Running, t traffic, d time.Duration) (outcome, error) {
	text, err := output(onLoadCore(ctx, filepath.Join(b.bin, "load"), loadArgs(r, t, d)...))
	if err != nil {
		return outcome{}, err
	}
	report, err := readReport(text)
	if err == nil && report.Failed > 0 {
		err = fmt.Errorf("%d of %d requests failed: %v", report.Failed, report.Requests, report.Errors)
	}
	return outcome{report.Requests, micros(report.P50), micros(report.P99)}, err
}

func readReport(text []byte) (loadReport, error) {
	var report loadReport
	if err := json.Unmarshal(text, &report); err != nil {
		return loadReport{}, fmt.Errorf("reading what the load tool says: %w", err)
	}
	return report, nil
}

func micros(f float64) time.Duration { return time.Duration(f * float64(time.Microsecond)) }

// output runs a load tool to its end.
func output(cmd *exec.Cmd) ([]byte, error) {
	text, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("running %s: %w: %s", cmd.Args[3], err, bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return nil, fmt.Errorf("running %s: %w", cmd.Args[3], err)
	}
	return text, nil
}

// wrkScript makes wrk end with a line of JSON.
const wrkScript = `done = function(summary, latency)
	local e = summary.errors
	io.write(string.format('{"requests":%d,"bytes":%d,"failed":%d,"p50_us":%d,"p99_us":%d}\n', summary.requests, summary.bytes,
		e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
`

// wrkLoad runs wrk over TLS. It counts errors and statuses but not lengths; so the sum of the bytes is compared with what
// that number of responses must have, given the size of one.
func wrkLoad(ctx context.Context, b *bed, r *peer.Running, t traffic, d time.Duration) (outcome, error) {
	path := fmt.Sprintf("/p%d/%d", t.routes/2, t.body)
	size, err := responseSize(r.Setup.TLS, path, t.fresh, t.body)
	if err != nil {
		return outcome{}, err
	}
	args := []string{"-t1", "-c" + strconv.Itoa(t.conns), "-d" + seconds(d), "-s", b.wrk, "-H", "User-Agent: bench", "-H", "Accept: */*"}
	if t.fresh {
		args = append(args, "-H", "Connection: close")
	}
	text, err := output(onLoadCore(ctx, "wrk", append(args, fmt.Sprintf("https://127.0.0.1:%d%s", r.Setup.TLS, path))...))
	if err != nil {
		return outcome{}, err
	}
	var report struct {
		loadReport
		Bytes int `json:"bytes"`
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &report); err != nil {
		return outcome{}, fmt.Errorf("reading what wrk says: %w", err)
	}
	if report.Failed > 0 {
		return outcome{}, fmt.Errorf("%d of %d requests failed", report.Failed, report.Requests)
	}
	if over := report.Bytes - report.Requests*size; over < 0 || over > t.conns*size {
		return outcome{}, fmt.Errorf("%d responses of %d bytes each arrived with %d bytes", report.Requests, size, report.Bytes)
	}
	return outcome{report.Requests, micros(report.P50), micros(report.P99)}, nil
}

// seconds rounds a duration up, for tools that know no parts of a second.
func seconds(d time.Duration) string { return strconv.Itoa(int((d + time.Second - 1) / time.Second)) }

var (
	h2Requests = regexp.MustCompile(`requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	h2Statuses = regexp.MustCompile(`status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx`)
	h2Bytes    = regexp.MustCompile(`\((\d+)\) data`)
)

// h2Streams is how many requests are under way on each connection.
const h2Streams = 10

// h2Load runs h2load with ten streams on each connection.
func h2Load(ctx context.Context, _ *bed, r *peer.Running, t traffic, d time.Duration) (outcome, error) {
	url := fmt.Sprintf("https://127.0.0.1:%d/p%d/%d", r.Setup.TLS, t.routes/2, t.body)
	text, err := output(onLoadCore(ctx, "h2load", "-t1", "-c"+strconv.Itoa(t.conns), "-m"+strconv.Itoa(h2Streams), "-D"+seconds(d), url))
	if err != nil {
		return outcome{}, err
	}
	requests, statuses, data := h2Requests.FindSubmatch(text), h2Statuses.FindSubmatch(text), h2Bytes.FindSubmatch(text)
	if !bytes.Contains(text, []byte("Application protocol: h2")) {
		return outcome{}, errors.New("the proxy did not agree to HTTP/2")
	}
	if requests == nil || statuses == nil || data == nil {
		return outcome{}, fmt.Errorf("reading what h2load says: %q", text)
	}
	done, under := number(requests[3]), t.conns*h2Streams // those under way at the end have a status and no end
	bad := number(requests[5]) + number(requests[6]) + number(requests[7]) + number(statuses[2]) + number(statuses[3]) + number(statuses[4])
	if good := number(statuses[1]); done != number(requests[4]) || bad > 0 || good < done || good > done+under {
		return outcome{}, fmt.Errorf("not all was well: %s; %s", requests[0], statuses[0])
	}
	if over := number(data[1]) - done*t.body; over < 0 || over > under*t.body {
		return outcome{}, fmt.Errorf("%d responses arrived with %d bytes", done, number(data[1]))
	}
	return outcome{requests: done}, nil
}

func number(digits []byte) int {
	n, _ := strconv.Atoi(string(digits))
	return n
}
