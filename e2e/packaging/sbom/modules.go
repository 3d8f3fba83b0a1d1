// Package sbom says what a mirrorball program contains: its Go modules, their licences and notices, as an SPDX document
// and as a text.
package sbom

import (
	"bytes"
	"cmp"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"

	"github.com/mirrorball-dev/mirrorball/e2e/packaging/product"
)

// Module is a Go module that is linked into a program, or the Go standard library.
type Module struct {
	Path, Version string
	// Sum is the h1: checksum of go.sum. The standard library and the product itself have none.
	Sum string
	// Licences are SPDX identifiers.
	Licences []string
	// Texts are the licence and notice files that hold for the linked packages.
	Texts []Text
}

// Text is a licence or notice file; Name is its path inside the module.
type Text struct{ Name, Content string }

// standardLibrary is the name of the module that the packages without a module belong to.
const standardLibrary = "stdlib"

// Read returns the modules of a program that was built from the source for the platform, sorted by path.
func Read(ctx context.Context, source product.Source, p product.Platform, program string) ([]Module, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("read the modules of %s: %w", program, err)
	}
	packages, err := linked(ctx, source, p)
	if err != nil {
		return nil, err
	}
	modules := []Module{
		{Path: standardLibrary, Version: strings.TrimPrefix(info.GoVersion, "go")},
		{Path: product.Module, Version: source.Version},
	}
	for _, dependency := range info.Deps {
		if dependency.Replace != nil {
			return nil, fmt.Errorf("%s is replaced: a release contains published modules only", dependency.Path)
		}
		modules = append(modules, Module{Path: dependency.Path, Version: dependency.Version, Sum: dependency.Sum})
	}
	for i := range modules {
		if err := modules[i].license(packages); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(modules, func(a, b Module) int { return cmp.Compare(a.Path, b.Path) })
	return modules, nil
}

// goPackage is what `go list` says about a package.
type goPackage struct {
	Dir      string
	Standard bool
	Root     string
	Module   *struct{ Path, Dir string }
}

// module returns the path and the folder of the package's module.
func (p goPackage) module() (path, dir string) {
	switch {
	case p.Standard:
		return standardLibrary, p.Root
	case p.Module == nil:
		return "", ""
	}
	return p.Module.Path, p.Module.Dir
}

func linked(ctx context.Context, source product.Source, p product.Platform) ([]goPackage, error) {
	out, err := source.Go(ctx, p, "list", "-deps", "-json=Dir,Standard,Root,Module", product.Package)
	if err != nil {
		return nil, err
	}
	var packages []goPackage
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var one goPackage
		switch err := decoder.Decode(&one); {
		case errors.Is(err, io.EOF):
			return packages, nil
		case err != nil:
			return nil, fmt.Errorf("read what go list printed: %w", err)
		}
		packages = append(packages, one)
	}
}

// license fills in the texts and licences. A licence holds for the folder that it is in and those below, so the texts
// are those in the folders of the linked packages and above.
func (m *Module) license(packages []goPackage) error {
	folders := map[string]string{} // by path inside the module
	for _, p := range packages {
		path, root := p.module()
		if path != m.Path {
			continue
		}
		for dir := p.Dir; strings.HasPrefix(dir, root); dir = filepath.Dir(dir) {
			inside, err := filepath.Rel(root, dir)
			if err != nil {
				return err
			}
			folders[inside] = dir
		}
	}
	for inside, dir := range folders {
		if err := m.readTexts(inside, dir); err != nil {
			return err
		}
	}
	slices.SortFunc(m.Texts, func(a, b Text) int { return cmp.Compare(a.Name, b.Name) })
	slices.Sort(m.Licences)
	m.Licences = slices.Compact(m.Licences)
	if len(m.Licences) == 0 {
		return fmt.Errorf("no licence of %s %s was recognized; read its files, and stop using it if there is none",
			m.Path, m.Version)
	}
	return nil
}

// legal matches the names of files with licences and notices.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|copyright)([-.].*)?$`)

func (m *Module) readTexts(inside, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for the licence of %s: %w", m.Path, err)
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !legal.MatchString(entry.Name()) || strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return fmt.Errorf("read the licence of %s: %w", m.Path, err)
		}
		m.Texts = append(m.Texts, Text{
			Name: filepath.ToSlash(filepath.Join(inside, entry.Name())), Content: string(content),
		})
		if strings.EqualFold(entry.Name(), "PATENTS") {
			continue // a grant beside the licence, which has no SPDX identifier
		}
		for _, match := range licensecheck.Scan(content).Match {
			if !match.IsURL {
				m.Licences = append(m.Licences, match.ID)
			}
		}
	}
	return nil
}
