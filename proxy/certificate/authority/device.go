package authority

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"text/template"
)

// ParseRoot reads a root in PEM or DER.
func ParseRoot(data []byte) (*x509.Certificate, error) {
	raw := data
	if block, _ := pem.Decode(data); block != nil {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("it has a %s, and not a certificate", block.Type)
		}
		raw = block.Bytes
	}
	root, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("it is not a certificate in PEM or DER: %w", err)
	}
	if !root.IsCA {
		return nil, errors.New("it is the certificate of a server, and not of an authority")
	}
	return root, nil
}

// profile is what devices of Apple install. Its identifiers come from the root, so that installing it again replaces it.
var profile = template.Must(template.New("profile").Parse(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>PayloadContent</key>
	<array>
		<dict>
			<key>PayloadCertificateFileName</key>
			<string>ca.crt</string>
			<key>PayloadContent</key>
			<data>{{.Data}}</data>
			<key>PayloadDisplayName</key>
			<string>{{.Name}}</string>
			<key>PayloadIdentifier</key>
			<string>gateway.root.{{.First}}</string>
			<key>PayloadType</key>
			<string>com.apple.security.root</string>
			<key>PayloadUUID</key>
			<string>{{.First}}</string>
			<key>PayloadVersion</key>
			<integer>1</integer>
		</dict>
	</array>
	<key>PayloadDisplayName</key>
	<string>{{.Name}}</string>
	<key>PayloadIdentifier</key>
	<string>gateway.profile.{{.Second}}</string>
	<key>PayloadType</key>
	<string>Configuration</string>
	<key>PayloadUUID</key>
	<string>{{.Second}}</string>
	<key>PayloadVersion</key>
	<integer>1</integer>
</dict>
</plist>
`))

// Profile is a configuration profile with a root, for iOS and macOS (a .mobileconfig file).
func Profile(root *x509.Certificate) []byte {
	sum := sha256.Sum256(root.Raw)
	uuid := func(b []byte) string { return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:16]) }
	var b strings.Builder
	var name strings.Builder
	template.HTMLEscape(&name, []byte(root.Subject.CommonName))
	err := profile.Execute(&b, map[string]string{
		"Data": base64.StdEncoding.EncodeToString(root.Raw), "Name": name.String(),
		"First": uuid(sum[:16]), "Second": uuid(sum[16:]),
	})
	if err != nil {
		return nil // A test executes the template, and a builder takes all.
	}
	return []byte(b.String())
}

// Publish are the commands that announce names of multicast DNS (RFC 6762) on the network, for those of names that need
// one: a container gets no multicast, so the host has to. The address is the host's.
func Publish(names []string, address string) []string {
	var lines []string
	for _, name := range names {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if strings.HasSuffix(name, ".local") && !strings.Contains(name, "*") {
			lines = append(lines, "avahi-publish -a -R "+name+" "+address)
		}
	}
	return lines
}
