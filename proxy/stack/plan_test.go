package stack

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gateway/proxy/docker"
	"gateway/proxy/label"
)

const (
	image   = "gateway:0123456789ab"
	imageID = "sha256:01"
)

// up carries out a plan on paper: the containers as the engine would list them afterwards.
func up(t *testing.T, before Running, s Settings, image, id string) (Running, []string) {
	t.Helper()
	steps, err := plan(before, Options{Settings: s, Image: image}, id)
	if err != nil {
		t.Fatal(err)
	}
	after := before
	var did []string
	for _, step := range steps {
		did = append(did, step.Action+" "+step.Subject)
		c := &docker.Container{Name: step.spec.Name, Labels: step.spec.Labels, State: "running"}
		switch step.Subject {
		case Proxy:
			after.Proxy = c
		case Agent:
			after.Agent = c
		case Network:
			after.Network = true
		}
	}
	return after, did
}

func TestPlan_StartsAllOnAnEmptyEngine(t *testing.T) {
	_, did := up(t, Running{}, Default(), image, imageID)
	want := []string{"create network " + Network, "start " + Agent, "start " + Proxy}
	if !slices.Equal(did, want) {
		t.Errorf("did %q, want %q", did, want)
	}
}

func TestPlan_IsEmptyTheSecondTime(t *testing.T) {
	after, _ := up(t, Running{}, Default(), image, imageID)
	if _, did := up(t, after, after.Settings(), image, imageID); len(did) > 0 {
		t.Errorf("the second run did %q", did)
	}
}

func TestPlan_ReplacesWhatChanged(t *testing.T) {
	after, _ := up(t, Running{}, Default(), image, imageID)
	with := func(change func(*Settings)) Settings {
		s := after.Settings()
		change(&s)
		return s
	}
	both := []string{"replace " + Agent, "replace " + Proxy}
	for name, test := range map[string]struct {
		settings  Settings
		image, id string
		want      []string
	}{
		"port":   {with(func(s *Settings) { s.HTTP = 8080 }), image, imageID, both},
		"bind":   {with(func(s *Settings) { s.Bind = netip.MustParseAddr("127.0.0.1") }), image, imageID, both},
		"host":   {with(func(s *Settings) { s.Hosts = []string{"a.test"} }), image, imageID, both},
		"socket": {with(func(s *Settings) { s.DockerSocket = "/run/user/1000/docker.sock" }), image, imageID, both},
		"file":   {with(func(s *Settings) { s.File = "/etc/gateway/routes.yaml" }), image, imageID, both},
		"https":  {with(func(s *Settings) { s.HTTPS = 443 }), image, imageID, both},
		"domain": {with(func(s *Settings) { s.Domains = []string{"a.test"} }), image, imageID, both},
		"tls":    {with(func(s *Settings) { s.TLS = []string{"--email=a@a.test"} }), image, imageID, both},
		"flags":  {with(func(s *Settings) { s.Serve = []string{"--access-log=-"} }), image, imageID, both},
		"stop":   {with(func(s *Settings) { s.Stop = time.Minute }), image, imageID, both},
		"binary": {after.Settings(), "gateway:ba9876543210", "sha256:02", both},
	} {
		t.Run(name, func(t *testing.T) {
			next, did := up(t, after, test.settings, test.image, test.id)
			if !slices.Equal(did, test.want) {
				t.Errorf("did %q, want %q", did, test.want)
			}
			if got := next.Settings(); !reflect.DeepEqual(got, test.settings) {
				t.Errorf("the next run would go by %+v, want %+v", got, test.settings)
			}
			if _, again := up(t, next, next.Settings(), test.image, test.id); len(again) > 0 {
				t.Errorf("the second run did %q", again)
			}
		})
	}
}

func TestPlan_StartsWhatStopped(t *testing.T) {
	after, _ := up(t, Running{}, Default(), image, imageID)
	after.Proxy.State = "exited"
	if _, did := up(t, after, after.Settings(), image, imageID); !slices.Equal(did, []string{"replace " + Proxy}) {
		t.Errorf("did %q", did)
	}
}

func TestPlan_TakesOverNetworksAndTheFormerSpec(t *testing.T) {
	after, _ := up(t, Running{}, Default(), image, imageID)
	after.Proxy.Networks = []docker.Attachment{{Network: "b_web"}, {Network: Network}, {Network: "a_web"}}
	settings := after.Settings()
	settings.HTTP = 8080
	steps, err := plan(after, Options{Settings: settings, Image: image}, imageID)
	if err != nil || len(steps) != 2 {
		t.Fatalf("%v %v", steps, err)
	}
	steps = steps[1:] // the agent goes first
	if want := []string{"a_web", "b_web"}; !slices.Equal(steps[0].attach, want) {
		t.Errorf("takes over %q, want %q", steps[0].attach, want)
	}
	if steps[0].before == nil || steps[0].before.Publish[0].HostPort != 80 || steps[0].before.Labels[label.Role] != label.RoleProxy {
		t.Errorf("the former proxy could not be restored: %+v", steps[0].before)
	}
}

func TestSpecs_GiveTheProxyNoSocketAndTheAgentNoPort(t *testing.T) {
	s := Default()
	for _, m := range proxySpec(s, image).Mounts {
		if m.Source != "" {
			t.Errorf("the proxy sees %s of the host", m.Source)
		}
	}
	agent := agentSpec(s, image)
	if len(agent.Publish) > 0 || agent.Network != "none" {
		t.Errorf("the agent publishes %v on network %s", agent.Publish, agent.Network)
	}
}

func TestProxySpec_HasTheFlagsAndTheTimeToEnd(t *testing.T) {
	s := Default()
	usual := proxySpec(s, image)
	if usual.StopTimeout != 15*time.Second || usual.OpenFiles != 65536 {
		t.Errorf("by default it is %+v", usual)
	}
	s.Serve, s.Stop = []string{"--access-log=-", "--grace=1m0s"}, 65*time.Second
	spec := proxySpec(s, image)
	if want := append(slices.Clone(usual.Command), s.Serve...); !slices.Equal(spec.Command, want) || spec.StopTimeout != s.Stop {
		t.Errorf("it runs %q and has %s to end", spec.Command, spec.StopTimeout)
	}
}

func TestRunning_KnowsTheSettingsByEitherContainer(t *testing.T) {
	settings := Settings{HTTP: 8080, Bind: netip.MustParseAddr("127.0.0.1"), DockerSocket: "/run/docker.sock"}
	after, _ := up(t, Running{}, settings, image, imageID)
	for name, left := range map[string]Running{"agent": {Agent: after.Agent}, "proxy": {Proxy: after.Proxy}} {
		if got := left.Settings(); !reflect.DeepEqual(got, settings) {
			t.Errorf("with the %s alone: %+v", name, got)
		}
	}
}

func TestSpecs_PublishHTTPSAndKeepCertificates(t *testing.T) {
	s := Default()
	s.HTTPS, s.Hosts, s.Domains, s.TLS = 8443, []string{"b.test"}, []string{"*.a.test", "a.test", "b.test"}, []string{"--email=a@a.test"}
	proxy := proxySpec(s, image)
	if len(proxy.Publish) != 2 || proxy.Publish[1].HostPort != 8443 || proxy.Publish[1].ContainerPort != 8443 {
		t.Errorf("it publishes %+v", proxy.Publish)
	}
	command := strings.Join(proxy.Command, " ")
	if want := "--tls-listen :8443 --certificates /var/lib/gateway-certificates --domain *.a.test --domain a.test --domain b.test --email=a@a.test"; !strings.Contains(command, want) {
		t.Errorf("it runs %q, want it with %q", command, want)
	}
	if !slices.Contains(proxy.Mounts, docker.Mount{Volume: CertificateVolume, Target: certsDir}) {
		t.Errorf("it has the mounts %+v", proxy.Mounts)
	}
	if agent := strings.Join(agentSpec(s, image).Command, " "); !strings.HasSuffix(agent, "--host a.test --host b.test") {
		t.Errorf("the agent runs %q", agent)
	}
	s.HTTP3 = true
	if udp := proxySpec(s, image).Publish; len(udp) != 3 || !udp[2].UDP || udp[2].HostPort != 8443 {
		t.Errorf("with HTTP/3 it publishes %+v", udp)
	}
	s.HTTPS = 0
	proxy = proxySpec(s, image)
	if command := strings.Join(proxy.Command, " "); len(proxy.Publish) != 1 || strings.Contains(command, "tls") || strings.Contains(command, "email") {
		t.Errorf("without HTTPS it publishes %+v and runs %q", proxy.Publish, command)
	}
}
