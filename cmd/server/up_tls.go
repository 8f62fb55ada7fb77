package server

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"gateway/cmd/cli"
	"gateway/proxy/stack"
)

// usualHTTPS is the port that is published for HTTPS, unless --https says another.
const usualHTTPS = 443

// setTLS applies the flags for HTTPS to the settings, and reads the credentials that flags name. They are not part of the
// settings: the proxy finds them in its volume.
func (o upOptions) setTLS(s *stack.Settings) (credentials map[string][]byte, err error) {
	var merged tlsOptions
	f := pflag.NewFlagSet("up", pflag.ContinueOnError)
	addTLSFlags(f, &merged)
	if err := parseKept(f, s.TLS); err != nil {
		return nil, err
	}
	if err := errors.Join(f.Lookup("domain").Value.(pflag.SliceValue).Replace(s.Domains), o.overlay(f)); err != nil {
		return nil, err
	}
	if credentials, err = o.readGiven(f); err != nil {
		return nil, err
	}
	if err := merged.check(); err != nil {
		return nil, err
	}
	s.Domains, s.HTTP3 = slices.Clone(merged.domains), merged.http3
	s.TLS = slices.DeleteFunc(unusual(f), func(arg string) bool { return hasFlag(arg, "domain") })
	return credentials, o.setHTTPS(s, merged.orders() || len(s.Certificates) > 0)
}

// setCertificates applies --cert and --key: the agent sees the files, which are on the engine's host.
func (o upOptions) setCertificates(s *stack.Settings, host string) error {
	if !o.flags.Changed("cert") && !o.flags.Changed("key") {
		return nil
	}
	files, err := filesOf(o.certs, o.keys)
	if err != nil {
		return err
	}
	var given []stack.CertificateFiles
	for _, p := range files.Pairs {
		given = append(given, stack.CertificateFiles(p))
	}
	if files.Folder != "" {
		given = append(given, stack.CertificateFiles{Certificate: files.Folder})
	}
	if len(given) > 0 && !cli.Local(host) {
		return cli.Usage(fmt.Errorf("--cert %s: the engine is another machine, and the files are read there; run gateway up on it", given[0].Certificate))
	}
	s.Certificates, s.CertificateFolders, err = stack.FindCertificates(given)
	if err != nil {
		return cli.Usage(fmt.Errorf("--cert: %w", err))
	}
	return nil
}

// setHTTPS sets the port for HTTPS. certified says that there is something to get certificates for, or that files have some.
func (o upOptions) setHTTPS(s *stack.Settings, certified bool) error {
	switch {
	case o.flags.Changed("https"):
		s.HTTPS = o.https
	case !certified:
		s.HTTPS = 0
	case s.HTTPS == 0 && o.changesTLS():
		s.HTTPS = usualHTTPS
	}
	switch {
	case s.HTTPS == 0:
		return nil
	case !certified:
		return cli.Usage(fmt.Errorf("--https %d: HTTPS needs a certificate; add --domain NAME --email ADDRESS to order one, or --cert FILE --key FILE", s.HTTPS))
	case s.HTTPS == s.HTTP:
		return cli.Usage(fmt.Errorf("--https %d: --http has the same port; give them different ones", s.HTTPS))
	}
	return nil
}

// changesTLS reports that a flag for HTTPS was given.
func (o upOptions) changesTLS() (changed bool) {
	o.flags.Visit(func(f *pflag.Flag) {
		section := f.Annotations[cli.Section]
		changed = changed || slices.Contains(section, tlsSection)
	})
	return changed
}

// readGiven reads the files that flags name, and makes the flags name them where the proxy has them.
func (o upOptions) readGiven(f *pflag.FlagSet) (map[string][]byte, error) {
	read := map[string][]byte{}
	for _, s := range proxyFiles {
		file := f.Lookup(s.flag).Value
		if !o.flags.Changed(s.flag) || file.String() == "" {
			continue
		}
		readFile := readShort
		if s.secret {
			readFile = readSecret
		}
		text, err := readFile(file.String())
		if err != nil {
			return nil, cli.Usage(fmt.Errorf("--%s: %w", s.flag, err))
		}
		read[s.name] = text
		if err := file.Set(stack.SecretFile(s.name)); err != nil {
			return nil, err
		}
	}
	return read, nil
}
