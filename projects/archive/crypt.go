package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

// magic is how a file that age encrypted begins.
const magic = "age-encryption.org/"

// Recipients are who can read an encrypted archive. The zero value is everybody: it is not encrypted.
type Recipients struct{ all []age.Recipient }

// None reports whether there are none.
func (r Recipients) None() bool { return len(r.all) == 0 }

// ParseRecipients reads public keys such as age1…, and the names of files with one on each line.
func ParseRecipients(words []string) (Recipients, error) {
	var r Recipients
	for _, word := range words {
		text := []byte(word)
		if !strings.HasPrefix(word, "age1") {
			var err error
			if text, err = os.ReadFile(word); err != nil {
				return r, fmt.Errorf("%q is no public key of age, which begins with age1, and no file with some: %w", word, err)
			}
		}
		found, err := age.ParseRecipients(bytes.NewReader(text))
		if err != nil {
			return r, fmt.Errorf("recipient %s: %w; make a key with: age-keygen -o key.txt", word, err)
		}
		r.all = append(r.all, found...)
	}
	return r, nil
}

// Identities are the private keys to read encrypted archives with.
type Identities struct{ all []age.Identity }

// ReadIdentities reads files of private keys, as age-keygen writes them.
func ReadIdentities(files []string) (Identities, error) {
	var i Identities
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return i, err
		}
		found, err := age.ParseIdentities(bytes.NewReader(text))
		if err != nil {
			return i, fmt.Errorf("identity file %s: %w", name, err)
		}
		i.all = append(i.all, found...)
	}
	return i, nil
}

// encrypt puts encryption on top of what the bytes go to. A further key, which nobody keeps, reads back what was written.
func (w *Writer) encrypt(to io.Writer, r Recipients) (io.WriteCloser, error) {
	once, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	out, err := age.Encrypt(to, append([]age.Recipient{once.Recipient()}, r.all...)...)
	if err == nil {
		w.once.all = []age.Identity{once}
		return out, nil
	}
	// Keys that withstand quantum computers take no others beside them.
	hybrid, herr := age.GenerateHybridIdentity()
	if herr != nil {
		return nil, herr
	}
	if out, herr = age.Encrypt(to, append([]age.Recipient{hybrid.Recipient()}, r.all...)...); herr != nil {
		return nil, fmt.Errorf("encrypting: %w", errors.Join(err, herr))
	}
	w.once.all = []age.Identity{hybrid}
	return out, nil
}

// Encrypted reports whether a file is an archive that keys are needed for, by how it begins.
func Encrypted(path string) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	return encrypted(bufio.NewReader(file)), nil
}

func encrypted(in *bufio.Reader) bool {
	head, _ := in.Peek(len(magic))
	return bytes.Equal(head, []byte(magic))
}

// decrypted reads what is encrypted, and what is not as it is.
func decrypted(from io.Reader, keys Identities) (io.Reader, error) {
	in := bufio.NewReader(from)
	if !encrypted(in) {
		return in, nil
	}
	if len(keys.all) == 0 {
		return nil, bad("", "it is encrypted; name the file with your private key: --identity key.txt")
	}
	out, err := age.Decrypt(in, keys.all...)
	if _, none := errors.AsType[*age.NoIdentityMatchError](err); none {
		return nil, bad("", "it is encrypted for other keys than those of --identity")
	}
	return out, err
}
