package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gateway/proxy/docker"
)

// CertificateFiles are the files of a certificate and of its key, or a folder of both without Key, on the engine's host.
type CertificateFiles struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key,omitempty"`
}

const (
	// maxLinks is how many symbolic links one path may lead through, maxFolders how deep folders are looked into.
	maxLinks   = 40
	maxFolders = 3
)

// FindCertificates checks certificates from files on this machine, and returns them as the agent's container sees them, with
// the folders to mount there: for each path the folder that has it and all that its symbolic links lead to, so that
// files which other tools replace are followed. An error names the path, the rule and the fix.
func FindCertificates(given []CertificateFiles) (files []CertificateFiles, folders []string, err error) {
	for _, f := range given {
		var found CertificateFiles
		for _, part := range []struct {
			path string
			to   *string
		}{{f.Certificate, &found.Certificate}, {f.Key, &found.Key}} {
			if part.path == "" {
				continue
			}
			at, folder, err := locate(part.path)
			if err != nil {
				return nil, nil, err
			}
			*part.to = at
			folders = append(folders, folder)
		}
		if strings.HasSuffix(found.Certificate, "/") != (found.Key == "") {
			return nil, nil, fmt.Errorf("%s: a certificate needs the file of its key, and a folder of both needs none", f.Certificate)
		}
		files = append(files, found)
	}
	return files, outermost(folders), nil
}

// locate returns a path without symbolic links in the names of its folders, with a slash at the end if it is a folder, and
// the folder to mount for it.
func locate(path string) (at, folder string, err error) {
	if !filepath.IsAbs(path) {
		if path, err = filepath.Abs(path); err != nil {
			return "", "", err
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", "", fmt.Errorf("finding the certificate: %w", err)
	}
	var reached []string
	if info.IsDir() {
		if at, err = filepath.EvalSymlinks(path); err != nil {
			return "", "", fmt.Errorf("finding the folder of certificates: %w", err)
		}
		reached, err = leadIn(at, 0)
		at += "/"
	} else {
		parent, failed := filepath.EvalSymlinks(filepath.Dir(path))
		if failed != nil {
			return "", "", fmt.Errorf("finding the certificate: %w", failed)
		}
		at = filepath.Join(parent, filepath.Base(path))
		reached, err = lead(at)
	}
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", path, err)
	}
	if folder = common(reached); folder == "/" || folder == "/etc" {
		return "", "", fmt.Errorf("%s: the agent would get the whole folder %s, as that is what its files have in common; put them into a folder of their own, such as /etc/certificates",
			path, folder)
	}
	return at, folder, nil
}

// leadIn are the folders that the files in a folder are in.
func leadIn(folder string, depth int) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	reached := []string{folder}
	for _, e := range entries {
		name := filepath.Join(folder, e.Name())
		var more []string
		switch {
		case e.IsDir() && depth < maxFolders:
			more, err = leadIn(name, depth+1)
		case e.Type()&os.ModeSymlink != 0:
			more, err = lead(name)
		}
		if err == nil { // What cannot be read, or leads nowhere, is nothing that the agent could use.
			reached = append(reached, more...)
		}
	}
	return reached, nil
}

var errLoop = errors.New("its symbolic links lead round in a circle")

// lead are the folders that a file is in, and each that its symbolic links lead through.
func lead(path string) ([]string, error) {
	var reached []string
	for range maxLinks {
		reached = append(reached, filepath.Dir(path))
		if resolved, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			reached = append(reached, resolved)
		}
		info, err := os.Lstat(path)
		if err != nil {
			return nil, err
		}
		if info.Mode()&os.ModeSymlink == 0 {
			if info.IsDir() {
				reached = append(reached, path)
			}
			return reached, nil
		}
		to, err := os.Readlink(path)
		if err != nil {
			return nil, err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = filepath.Clean(to)
	}
	return nil, errLoop
}

// common is the folder that all are in.
func common(folders []string) string {
	first := folders[0]
	for _, f := range folders[1:] {
		for !inside(first, f) {
			parent := filepath.Dir(first)
			if parent == first { // Drives of Windows have nothing in common.
				return "/"
			}
			first = parent
		}
	}
	return first
}

// inside reports whether a path is a folder or in it.
func inside(folder, path string) bool {
	return folder == "/" || path == folder || strings.HasPrefix(path, folder+"/")
}

// outermost leaves out folders that are in others.
func outermost(folders []string) []string {
	slices.Sort(folders)
	var kept []string
	for _, f := range folders {
		if !slices.ContainsFunc(kept, func(k string) bool { return inside(k, f) }) {
			kept = append(kept, f)
		}
	}
	return kept
}

// certificateParts are the flags of the agent for certificates from files, and its mounts: the same paths as on the host.
func certificateParts(s Settings) (command []string, mounts []docker.Mount) {
	for _, f := range s.Certificates {
		command = append(command, "--cert", f.Certificate)
		if f.Key != "" {
			command = append(command, "--key", f.Key)
		}
	}
	for _, folder := range s.CertificateFolders {
		mounts = append(mounts, docker.Mount{Source: folder, Target: folder, ReadOnly: true})
	}
	return command, mounts
}
