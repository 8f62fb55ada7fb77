//go:build !linux && !freebsd

package trust

import (
	"crypto/x509"
	"runtime"
)

var firefoxProfiles = map[bool]string{true: "Library/Application Support/Firefox/Profiles/*", false: "AppData/Roaming/Mozilla/Firefox/Profiles/*"}[runtime.GOOS == "darwin"]

// inSystem reports whether the system trusts the root.
func inSystem(root *x509.Certificate) bool {
	_, err := root.Verify(x509.VerifyOptions{KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil
}
