package server

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"gateway/cmd/cli"
	"gateway/proxy/source/file"
	"gateway/proxy/stack"
)

// setFile applies --file. What is wrong with the path is a usage error, as far as the engine's host is this machine.
func (o upOptions) setFile(s *stack.Settings, host string) error {
	s.File = o.file
	if o.file == "" {
		return nil
	}
	if !strings.HasPrefix(host, "unix://") {
		if !strings.HasPrefix(o.file, "/") {
			return cli.Usage(fmt.Errorf("--file %s: the engine is another machine; write the full path there, such as /etc/gateway/routes", o.file))
		}
		return nil
	}
	path, err := filepath.Abs(o.file)
	if err != nil {
		return fmt.Errorf("--file %s: %w", o.file, err)
	}
	s.File = path
	if err := checkFile(path); err != nil {
		return cli.Usage(fmt.Errorf("--file %s: %w", o.file, err))
	}
	return nil
}

// checkFile checks that the proxy's container can use a path, and that it sees nothing else there.
func checkFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		if bad, ok := errors.AsType[*fs.PathError](err); ok {
			err = bad.Err
		}
		return fmt.Errorf("%w; write a YAML file with routes, or a folder of them", err)
	}
	folder, name := stack.FolderOf(path)
	if info.IsDir() != (name == "") {
		return errors.New("the name of a file ends with .yaml or .yml, and that of a folder does not; give it another name")
	}
	list, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range list {
		if ext := filepath.Ext(e.Name()); e.IsDir() || ext != ".yaml" && ext != ".yml" {
			return fmt.Errorf("the proxy's container would see all of the folder %s, and %s in it is no YAML file; "+
				"keep files of routes in a folder of their own, such as /etc/gateway/routes", folder, e.Name())
		}
	}
	for _, readable := range append([]string{folder}, yamlIn(folder, name, list)...) {
		if err := checkReadable(readable); err != nil {
			return err
		}
	}
	return checkTargets(path)
}

// yamlIn are the paths of the files that are read.
func yamlIn(folder, name string, list []os.DirEntry) []string {
	if name != "" {
		return []string{filepath.Join(folder, name)}
	}
	var paths []string
	for _, e := range list {
		paths = append(paths, filepath.Join(folder, e.Name()))
	}
	return paths
}

// checkReadable checks that everybody may read: the proxy runs as a user that owns nothing.
func checkReadable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	mode, change := fs.FileMode(0o004), "o+r"
	if info.IsDir() {
		mode, change = 0o005, "o+rx"
	}
	if info.Mode()&mode != mode {
		return fmt.Errorf("the proxy runs as a user that may not read %s; run: chmod %s %s", path, change, path)
	}
	return nil
}

// checkTargets refuses targets that would be the proxy's container itself.
func checkTargets(path string) error {
	listing, err := file.Read(file.Config{Name: fileSource, Path: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	for _, r := range listing.Routes {
		for _, t := range r.Targets {
			host, _, _ := strings.Cut(t.Address, ":")
			addr, err := netip.ParseAddrPort(t.Address)
			if host == "localhost" || err == nil && addr.Addr().Unmap().IsLoopback() {
				return fmt.Errorf("the target %s of the route %s would be the proxy's own container; write an address that other machines "+
					"reach this one by, and let the app listen on it", t.Name, r.Service)
			}
		}
	}
	return nil
}
