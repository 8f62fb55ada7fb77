package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// CertificateFile is a certificate from a file that the proxy does not see, with its key.
type CertificateFile struct {
	// Path is that of the file of the certificate, on the engine's host. It tells certificates apart.
	Path string `json:"path"`
	// Certificate and Key are in PEM.
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

// Filer takes certificates from files.
type Filer interface {
	// ReceiveFiles replaces all that were received before. The error is ErrRefused for those that cannot be used, which leave
	// the ones before, while the others count; and ErrNoHTTPS when the proxy has no use for certificates.
	ReceiveFiles(files []CertificateFile) (Pushed, error)
}

// PutFiles pushes the certificates from files, all of them. The errors are those of Filer.
func (c *Client) PutFiles(ctx context.Context, files []CertificateFile) (Pushed, error) {
	body, err := json.Marshal(append([]CertificateFile{}, files...))
	if err != nil {
		return Pushed{}, fmt.Errorf("writing the certificates: %w", err)
	}
	var pushed Pushed
	if err := c.call(ctx, http.MethodPut, "/v1/certificates/files", body, &pushed); err != nil {
		return Pushed{}, fmt.Errorf("pushing the certificates from files: %w", err)
	}
	return pushed, nil
}

func putFiles(g Filer, r *http.Request) (any, error) {
	body, err := read(r.Body, MaxTable)
	if err != nil {
		return nil, err
	}
	var files []CertificateFile
	if err := json.Unmarshal(body, &files); err != nil {
		return nil, fmt.Errorf("%w: these are no certificates: %w", ErrRefused, err)
	}
	return g.ReceiveFiles(files)
}
