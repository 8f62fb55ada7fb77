package route

import "testing"

func TestCanonicalHost_ComparesAsBrowsersDo(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"Example.ORG", "example.org"},
		{"example.org:8080", "example.org"},
		{"example.org.", "example.org"},
		{"example.org.:80", "example.org"},
		{"[::1]:80", "::1"},
		{"[::1]", "::1"},
		{"::1", "::1"},
		{"127.0.0.1:80", "127.0.0.1"},
	}
	for _, tt := range tests {
		if got := CanonicalHost(tt.in); got != tt.want {
			t.Errorf("CanonicalHost(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestCanonicalHost_AllocatesNothingForWhatIsLowerCase(t *testing.T) {
	for _, host := range []string{"example.org", "example.org:8080", "127.0.0.1:80", "example.org.", ""} {
		if n := testing.AllocsPerRun(100, func() { CanonicalHost(host) }); n != 0 {
			t.Errorf("%q: %v allocations", host, n)
		}
	}
}

func FuzzCanonicalHost(f *testing.F) {
	for _, s := range []string{"", "example.org", "Example.org:80", "a:b:c", "[::1]:80", "a.:", "a:[", "a..", ":80", "a_b", "ü:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if got, want := CanonicalHost(host), canonicalHost(host); got != want {
			t.Errorf("%q is %q, and by the long way %q", host, got, want)
		}
	})
}

func TestParseKey_ReadsWhatStringWrites(t *testing.T) {
	for _, s := range []string{"/", "/robots", "example.org/", "example.org/a/b", "::1/x"} {
		if k, err := ParseKey(s); err != nil || k.String() != s {
			t.Errorf("ParseKey(%q) = %q, %v", s, k, err)
		}
	}
	for _, s := range []string{"", "robots", "example.org", "a//b"} {
		if k, err := ParseKey(s); err == nil {
			t.Errorf("ParseKey(%q) = %q", s, k)
		}
	}
}

func TestState_IsThatOfTheBestTarget(t *testing.T) {
	tests := []struct {
		states []State
		want   State
	}{
		{nil, Stopped},
		{[]State{Stopped}, Stopped},
		{[]State{"unheard of"}, Stopped},
		{[]State{Stopped, Draining}, Draining},
		{[]State{Draining, Unhealthy, Stopped}, Unhealthy},
		{[]State{Unhealthy, Starting}, Starting},
		{[]State{Starting, Ready, Stopped}, Ready},
	}
	for _, tt := range tests {
		var r Route
		for _, s := range tt.states {
			r.Targets = append(r.Targets, Target{State: s})
		}
		if got := r.State(); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.states, got, tt.want)
		}
	}
}
