//go:build linux || freebsd

package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/smallstep/truststore"
)

const firefoxProfiles = ".mozilla/firefox/*"

// inSystem reports whether the system has the file of the root.
func inSystem(root *x509.Certificate) bool {
	if truststore.SystemTrustFilename == "" {
		return false
	}
	data, err := os.ReadFile(fmt.Sprintf(truststore.SystemTrustFilename, prefix+root.SerialNumber.String()))
	return err == nil && bytes.Equal(bytes.TrimSpace(data), bytes.TrimSpace(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})))
}
