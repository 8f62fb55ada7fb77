package certificate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/certmagic"
	"github.com/libdns/libdns"
)

func TestProviders_ReadTheirSettings(t *testing.T) {
	if !slices.IsSorted(Providers()) || len(Providers()) != len(providers) {
		t.Errorf("providers are %v", Providers())
	}
	for _, name := range Providers() {
		p := providers[name]
		var lines []string
		for _, key := range p.required {
			lines = append(lines, strings.ToLower(key)+" = \"value-of-"+key+"\"")
		}
		settings, err := p.parse(name, "# a comment\n\n"+strings.Join(lines, "\r\n"))
		if err != nil || len(settings) != len(p.required) {
			t.Fatalf("%s: %v %v", name, settings, err)
		}
		for key, value := range settings {
			if value != "value-of-"+key {
				t.Errorf("%s: %s is %q", name, key, value)
			}
		}
		if p.open(settings) == nil {
			t.Errorf("%s makes nothing", name)
		}
		last := p.required[len(p.required)-1]
		want := "the credentials for " + name + " have no " + last + "; add the line " + last + "=… to the file of --dns-token-file"
		if _, err := p.parse(name, strings.Join(lines[:len(lines)-1], "\n")); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if got := Settings(name); !slices.Equal(got[:len(p.required)], p.required) {
			t.Errorf("%s has settings %v", name, got)
		}
	}
	if Settings("route53") != nil {
		t.Error("a provider that is not there has settings")
	}
}

func TestProviders_TakeAFileThatIsAToken(t *testing.T) {
	for _, name := range []string{"cloudflare", "desec", "duckdns", "gandi", "hetzner"} {
		p := providers[name]
		settings, err := p.parse(name, "abc=def==\n")
		if err != nil || settings[p.required[0]] != "abc=def==" {
			t.Errorf("%s: %v %v", name, settings, err)
		}
	}
	_, err := providers["cloudflare"].parse("cloudflare", "API_TOKEN=secret-one\nAPI_KEY=secret-two\n")
	want := "line 2 of the credentials for cloudflare is no setting of it; the file has lines NAME=VALUE with API_TOKEN, ZONE_TOKEN"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := providers["ovh"].parse("ovh", "secret"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("one line where four are needed: %v", err)
	}
}

// leaky is a provider whose errors have the token.
type leaky struct{ token string }

func (l leaky) AppendRecords(context.Context, string, []libdns.Record) ([]libdns.Record, error) {
	return nil, errors.New("Get https://api.example/update?token=" + l.token + ": timeout")
}

func (l leaky) DeleteRecords(context.Context, string, []libdns.Record) ([]libdns.Record, error) {
	return nil, errors.New("token " + l.token + " is not valid")
}

func TestProviders_ErrorsHideCredentials(t *testing.T) {
	var p certmagic.DNSProvider = redacted{leaky{"very-secret"}, []string{"very-secret"}}
	_, made := p.AppendRecords(t.Context(), "", nil)
	_, gone := p.DeleteRecords(t.Context(), "", nil)
	if made.Error() != "Get https://api.example/update?token=…: timeout" || gone.Error() != "token … is not valid" {
		t.Errorf("%v; %v", made, gone)
	}
}

func TestProviders_ErrorsHideCredentialsInURLs(t *testing.T) {
	_, err := redacted{leaky{"very%2Bsecret%3D"}, []string{"very+secret="}}.AppendRecords(t.Context(), "", nil)
	if want := "Get https://api.example/update?token=…: timeout"; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func FuzzCredentials(f *testing.F) {
	f.Add("SERVER=127.0.0.1:53\nKEY_NAME=k\n# a\nKEY=x")
	f.Add("token==\n")
	f.Add("=\n=x\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		for name, p := range providers {
			settings, err := p.parse(name, text)
			if err != nil {
				continue
			}
			for _, key := range p.required {
				if settings[key] == "" {
					t.Errorf("%s takes %q without %s", name, text, key)
				}
			}
			for key := range settings {
				if !slices.Contains(p.required, key) && !slices.Contains(p.optional, key) {
					t.Errorf("%s has a setting %q", name, key)
				}
			}
		}
	})
}
