package policy

import (
	"strings"
	"testing"
)

func TestRecord_KeepsAllElse(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"none yet": {
			"# mine\nname: a\nservices: # all\n  web: {image: x} # one\n",
			"# mine\nname: a\nservices: # all\n  web: {image: x} # one\n\nx-gateway:\n  trust: [mounts, ports]\n",
		},
		"no end of line": {"services: {}", "services: {}\n\nx-gateway:\n  trust: [mounts, ports]"},
		"beside others": {
			"x-gateway:\n    # who\n    owner: &o me # ask\nservices:\n  web: {labels: {gateway.owner: *o}}\n",
			"x-gateway:\n    # who\n    owner: &o me # ask\n    trust: [mounts, ports]\nservices:\n  web: {labels: {gateway.owner: *o}}\n",
		},
		"one there": {
			"x-gateway:\n  owner: me\n  trust: [ports] # agreed\n  created: 2026-11-20\n",
			"x-gateway:\n  owner: me\n  trust: [ports, mounts] # agreed\n  created: 2026-11-20\n",
		},
		"a list": {
			"x-gateway:\n  trust:\n    # agreed\n    - ports # 8080\n  owner: me\n",
			"x-gateway:\n  trust:\n    # agreed\n    - ports # 8080\n    - mounts\n  owner: me\n",
		},
		"a list at the end": {"x-gateway:\n  trust:\n  - ports", "x-gateway:\n  trust:\n  - ports\n  - mounts"},
		"one word":          {"x-gateway:\n  trust: ports\n", "x-gateway:\n  trust: [ports, mounts]\n"},
		"over lines":        {"x-gateway:\n  trust: [\n    ports\n    ]\n", "x-gateway:\n  trust: [ports, mounts]\n"},
		"all there":         {"x-gateway:\n  trust: [ports, mounts] # both\n", "x-gateway:\n  trust: [ports, mounts] # both\n"},
		"in braces":         {"x-gateway: {owner: me}\nservices: {}\n", "x-gateway: {owner: me, trust: [mounts, ports]}\nservices: {}\n"},
		"all in braces":     {"{services: {web: {image: x}}}\n", "{x-gateway: {trust: [mounts, ports]}, services: {web: {image: x}}}\n"},
		"an alias":          {"x-a: &a {owner: me}\nx-gateway: *a\n", ""},
		"empty":             {"x-gateway:\nservices: {}\n", "x-gateway:\n  trust: [mounts, ports]\nservices: {}\n"},
		"several documents": {"services: {}\n---\nservices: {}\n", ""},
		"not YAML":          {"services: [\n", ""},
		"a rule unheard of": {"x-gateway: {trust: [everything]}\n", ""},
	} {
		got, err := Record([]byte(c.before), Trust{Ports, Mounts})
		if (err == nil) != (c.after != "") || string(got) != c.after {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, c.after)
		}
	}
}

func TestRecord_SaysWhatToWriteByHand(t *testing.T) {
	_, err := Record([]byte("x-a: &a {}\nx-gateway: *a\n"), Trust{Ports})
	if err == nil || !strings.Contains(err.Error(), "x-gateway: {trust: [ports]}") {
		t.Errorf("got %v", err)
	}
}

func TestParseTrust_KnowsTheRules(t *testing.T) {
	if got, err := ParseTrust([]string{"ports", " mounts", "ports"}); err != nil || got.String() != "mounts, ports" {
		t.Errorf("got %v %v", got, err)
	}
	for name, want := range map[string]string{"everything": "there are: privileged,", "": "is no rule", "include": "cannot be trusted away", "unknown": "cannot be trusted away"} {
		if got, err := ParseTrust([]string{"ports", name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v %v, want %q", name, got, err, want)
		}
	}
	if (Trust{Include}).Has(Include) {
		t.Error("what cannot be trusted away was")
	}
}
