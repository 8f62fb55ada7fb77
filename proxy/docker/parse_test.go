package docker

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestHealthIn_ReadsStatus(t *testing.T) {
	for status, want := range map[string]string{
		"Up 3 hours (healthy)":                     "healthy",
		"Up About a minute (unhealthy)":            "unhealthy",
		"Up Less than a second (health: starting)": "starting",
		"Up 3 hours":                  "",
		"Up 3 minutes (Paused)":       "",
		"Exited (0) 3 hours ago":      "",
		"Restarting (1) 1 second ago": "",
		"Created":                     "",
		"(healthy)":                   "",
		"":                            "",
	} {
		if got := healthIn(status); got != want {
			t.Errorf("%q reads %q, not %q", status, got, want)
		}
	}
}

func FuzzHealthIn(f *testing.F) {
	for _, seed := range []string{"Up 3 hours (healthy)", "Up (", "Up )", "Up ()", "Up (health: starting)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, status string) {
		if got := healthIn(status); got != "" && (knownHealth(got) != got || !strings.HasSuffix(status, got+")")) {
			t.Errorf("%q reads %q", status, got)
		}
	})
}

// listing is one container as 20.10 lists it and one as 29 does, with what is odd in both.
const listing = `[
 {"Id":"aa","Names":["/other/alias","/app"],"Image":"app:1","ImageID":"sha256:bb","Command":"/probe \"x\"","Created":1795246903,
  "Ports":[{"IP":"0.0.0.0","PrivatePort":8080,"PublicPort":80,"Type":"tcp"},{"IP":"::","PrivatePort":8080,"PublicPort":80,"Type":"tcp"},
   {"PrivatePort":53,"Type":"udp"},{"IP":"0.0.0.0","PrivatePort":443,"PublicPort":443,"Type":"udp"},{"PrivatePort":7,"PublicPort":7,"Type":"sctp"},{"IP":"not an address","PrivatePort":9090,"PublicPort":9,"Type":"tcp"}],
  "Labels":{"a":"b","odd":"\\\"}],{"},"State":"running","Status":"Up 2 hours (healthy)","HostConfig":{"NetworkMode":"web"},
  "NetworkSettings":{"Networks":{"web":{"NetworkID":"n1","IPAddress":"172.18.0.2","Gateway":"172.18.0.1/16"},"six":{"IPAddress":"","GlobalIPv6Address":"fd00::2"},"odd":null,"bad":{"IPAddress":"1.2.3"}}},"Mounts":[]},
 {"Id":"cc","Names":null,"Created":0,"Ports":null,"Labels":null,"State":"exited","Status":"Exited (1) 3 minutes ago","Health":{"Status":"unhealthy","FailingStreak":3},"NetworkSettings":null}
]`

func TestDecodeListing_ReadsWhatIsOdd(t *testing.T) {
	list, err := decodeListing(strings.NewReader(listing))
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	c := list[0]
	if c.Name != "app" || c.Health != "healthy" || c.Labels["odd"] != `\"}],{` || !c.Created.Equal(time.Unix(1795246903, 0)) {
		t.Errorf("the first is %+v", c)
	}
	if !slices.Equal(c.Ports, []uint16{8080, 9090}) || len(c.Published) != 3 || !c.Published[0].UDP || c.Published[1].UDP || c.Published[1].IP.IsValid() {
		t.Errorf("the ports are %v, %v", c.Ports, c.Published)
	}
	var on []string
	for _, a := range c.Networks {
		on = append(on, a.Network+" "+a.Address.String())
	}
	if !slices.Equal(on, []string{"bad invalid IP", "odd invalid IP", "six fd00::2", "web 172.18.0.2"}) {
		t.Errorf("it is on %q", on)
	}
	if list[1].Name != "" || list[1].Health != "" || list[1].State != "exited" {
		t.Errorf("the second is %+v", list[1])
	}
}

func TestDecodeListing_RefusesWhatIsNoListing(t *testing.T) {
	for _, text := range []string{"", "{}", "5", `["a"]`, listing[:len(listing)-3], `[{"Id":5}]`} {
		if list, err := decodeListing(strings.NewReader(text)); err == nil {
			t.Errorf("%.20q reads %+v", text, list)
		}
	}
	for _, text := range []string{"null", "[]"} {
		if list, err := decodeListing(strings.NewReader(text)); err != nil || len(list) != 0 {
			t.Errorf("%q reads %+v, %v", text, list, err)
		}
	}
}

func TestFrames_SplitAndCollect(t *testing.T) {
	stream := "\x01\x00\x00\x00\x00\x00\x00\x03one" + "\x02\x00\x00\x00\x00\x00\x00\x04oops" + "\x01\x00\x00\x00\x00\x00\x00\x00" + "\x01\x00\x00\x00\x00\x00\x00\x03two"
	for name, from := range map[string]io.Reader{
		"at once": strings.NewReader(stream), "by the byte": iotest.OneByteReader(strings.NewReader(stream)), "with its end": iotest.DataErrReader(strings.NewReader(stream)),
	} {
		f := frames{from: from}
		out, err := io.ReadAll(&f)
		if err != nil || string(out) != "onetwo" || f.stderr.String() != "oops" {
			t.Errorf("%s: %q, %q, %v", name, out, f.stderr.String(), err)
		}
	}
	for _, cut := range []int{3, 9, 14} {
		if _, err := io.ReadAll(&frames{from: strings.NewReader(stream[:cut])}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	if _, err := io.ReadAll(&frames{from: strings.NewReader("HTTP/1.1 500")}); err == nil {
		t.Error("what is no frame is read")
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x03one\x02\x00\x00\x00\x00\x00\x00\x01x"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		at := frames{from: strings.NewReader(string(stream))}
		out, _ := io.ReadAll(&at)
		if len(out)+len(at.stderr.String()) > len(stream) {
			t.Errorf("%d bytes became %d and %d", len(stream), len(out), len(at.stderr.String()))
		}
	})
}

func TestInspection_WordsTheState(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ state, health, want string }{
		{"running", "", "Up 3 hours"},
		{"running", "none", "Up 3 hours"},
		{"running", "starting", "Up 3 hours (health: starting)"},
		{"running", "healthy", "Up 3 hours (healthy)"},
		{"paused", "healthy", "Up 3 hours (Paused)"},
		{"exited", "", "Exited (1) 5 minutes ago"},
		{"restarting", "", "Restarting (1) 5 minutes ago"},
		{"created", "", "Created"},
		{"dead", "", "Dead"},
		{"removing", "", "Removal In Progress"},
		{"new", "", "new"},
	} {
		var i inspection
		i.State.Status, i.State.ExitCode = c.state, 1
		i.State.StartedAt, i.State.FinishedAt = now.Add(-3*time.Hour), now.Add(-5*time.Minute)
		if c.health != "" {
			i.State.Health = &healthState{Status: c.health}
		}
		if got := i.status(now); got != c.want {
			t.Errorf("%s %s reads %q, not %q", c.state, c.health, got, c.want)
		}
	}
}
