package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"gateway/proxy/durable"
)

// errTorn is wrapped by the errors about the content of a file.
var errTorn = errors.New("it is not a whole certificate with its key")

// read reads what write wrote. The error wraps errTorn if there is something else.
func read(path string) (signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return signer{}, err
	}
	first, rest := pem.Decode(data)
	second, _ := pem.Decode(rest)
	if first == nil || second == nil {
		return signer{}, errTorn
	}
	certificate, err := x509.ParseCertificate(first.Bytes)
	if err != nil {
		return signer{}, fmt.Errorf("%w: %w", errTorn, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(second.Bytes)
	if err != nil {
		return signer{}, fmt.Errorf("%w: %w", errTorn, err)
	}
	private, is := key.(crypto.Signer)
	public, known := certificate.PublicKey.(*ecdsa.PublicKey)
	if !is || !known || !public.Equal(private.Public()) {
		return signer{}, fmt.Errorf("%w: the key is not that of the certificate", errTorn)
	}
	return signer{certificate, private}, nil
}

// write writes the certificate and its key, for the owner alone.
func (s signer) write(path string) error {
	key, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return fmt.Errorf("writing the key of the certificate authority: %w", err)
	}
	return durable.Write(path, append(encode("CERTIFICATE", s.certificate.Raw), encode("PRIVATE KEY", key)...), 0o600)
}
