package projects

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"gateway/projects/composefile"
	"gateway/projects/subnet"
	"gateway/projects/tree"
)

// rename writes the project's name where its compose.yaml says one.
func (u *restoring) rename() error {
	return u.rewrite(ComposeFile, func(text []byte) ([]byte, error) {
		file, err := composefile.Parse(text)
		if err != nil {
			return nil, err
		}
		if says, is := file.Get("name"); !is || says == string(u.Name) {
			return text, nil
		}
		if err := file.Set(composefile.Path{"name"}, string(u.Name)); err != nil {
			return nil, err
		}
		return file.Bytes(), nil
	})
}

// newTerm begins a new term for a project whose own is over, or which was being retired when it was archived: it would be
// suspended again at once.
func (u *restoring) newTerm(ctx context.Context) error {
	p, term := u.project, u.Term
	if term.On.IsZero() {
		term = p.Renewal(Today(time.Now()))
	}
	over := !p.Expires.IsZero() && p.Expires.Before(term.On) || p.Expiry != (Expiry{})
	if !u.Renew && !over {
		return nil
	}
	steps, err := term.writes(p)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if err := step.Do(ctx); err != nil {
			return err
		}
		u.edited = append(u.edited, step.Text)
	}
	u.project.Document, err = read(u.Name, u.stage)
	return err
}

// move writes another path, as Move does.
func (u *restoring) move() error {
	if u.To == nil {
		return nil
	}
	if claims := u.project.Claims; len(claims) == 1 && claims[0].Key.Prefix == *u.To {
		return nil
	}
	m := &move{Move: Move{Name: u.Name, To: *u.To, From: u.From, Template: u.Template}, project: u.project}
	if err := m.knowTemplate(); err != nil {
		return err
	}
	done, err := m.find()
	if err == nil && done {
		err = fmt.Errorf("the project in the archive is at %s already", m.to)
	}
	if err == nil && m.template != nil {
		err = pathFits(*m.template, m.to)
	}
	if err != nil {
		return refuse(err)
	}
	if err := m.edit(); err != nil {
		return err
	}
	u.moved = m
	return tree.ReplaceFile(u.project.routesFile(), m.new)
}

// resettle gives networks other subnets in place of those that are in use here.
func (u *restoring) resettle(ctx context.Context, o *Observed) error {
	used, err := o.used(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Compact([]string{ComposeFile, filepath.Base(u.project.routesFile())}) {
		err := u.rewrite(name, func(text []byte) ([]byte, error) {
			file, err := composefile.Parse(text)
			if err != nil {
				return nil, err
			}
			if used, err = u.freeSubnets(file, used); err != nil {
				return nil, err
			}
			return file.Bytes(), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// freeSubnets edits a file, and returns what is in use with what the file has then.
func (u *restoring) freeSubnets(file *composefile.File, used []subnet.Use) ([]subnet.Use, error) {
	for _, network := range file.Keys("networks") {
		config := composefile.Path{"networks", network, "ipam", "config"}
		for i := range file.Len(config...) {
			at := append(slices.Clone(config), composefile.Item(i), "subnet")
			text, _ := file.Get(at...)
			prefix, err := netip.ParsePrefix(text)
			if err != nil {
				continue // The policy or the engine has something to say about it.
			}
			other := slices.IndexFunc(used, func(use subnet.Use) bool { return use.Prefix.Bits() > 0 && use.Prefix.Overlaps(prefix) })
			if other >= 0 {
				next, err := subnet.Free(u.Pool, used)
				if errors.Is(err, subnet.ErrExhausted) {
					err = fmt.Errorf("network of the project: %w", err)
				}
				if err == nil {
					err = file.Set(at, next.String())
				}
				if err != nil {
					return nil, err
				}
				u.edited = append(u.edited, fmt.Sprintf("give network %s the subnet %s, since %s is in use (%s)", network, next, prefix, used[other].By))
				prefix = next
			}
			used = append(used, subnet.Use{Prefix: prefix, By: "the project itself"})
		}
	}
	return used, nil
}
