package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// build is the overlay that has the mutants in it.
type build struct {
	// root is the top of the checkout, and dir where the changed files are written.
	root, dir string
	// replace is the overlay, by the original's path.
	replace map[string]string
	mutants []*mutant
}

// mutateTargets makes the systematic mutants.
func (b *build) mutateTargets() error {
	for _, t := range targets {
		for _, pattern := range t.files {
			paths, err := filepath.Glob(filepath.Join(b.root, t.dir, pattern))
			if err != nil {
				return err
			}
			for _, path := range paths {
				if strings.HasSuffix(path, "_test.go") {
					continue
				}
				if err := b.mutateFile(path, func(f *file) error {
					f.target = t
					f.mutateAll(len(b.mutants))
					return nil
				}); err != nil {
					return err
				}
			}
		}
	}
	return b.writeOverlay()
}

// mutateMarked makes the named mutants.
func (b *build) mutateMarked() error {
	paths, err := productFiles(b.root)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := b.mutateFile(path, func(f *file) error { return f.mutateNamed(len(b.mutants)) }); err != nil {
			return err
		}
	}
	return b.writeOverlay()
}

func (b *build) mutateFile(path string, mutate func(*file) error) error {
	f, err := parseFile(b.root, path)
	if err != nil {
		return err
	}
	if err := mutate(f); err != nil || len(f.mutants) == 0 {
		return err
	}
	b.mutants = append(b.mutants, f.mutants...)
	if err := b.write(path, f.text()); err != nil {
		return err
	}
	helpers := filepath.Join(filepath.Dir(path), "mutants.go")
	if b.replace[helpers] != "" {
		return nil
	}
	return b.write(helpers, []byte("package "+f.ast.Name.Name+"\n"+switches))
}

// write puts a file into the overlay.
func (b *build) write(path string, text []byte) error {
	changed := filepath.Join(b.dir, strconv.Itoa(len(b.replace))+".go")
	b.replace[path] = changed
	return os.WriteFile(changed, text, 0o600)
}

func (b *build) overlay() string { return filepath.Join(b.dir, "overlay.json") }

func (b *build) writeOverlay() error {
	list, err := json.Marshal(map[string]map[string]string{"Replace": b.replace})
	if err != nil {
		return err
	}
	return os.WriteFile(b.overlay(), list, 0o600)
}
